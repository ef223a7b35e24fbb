"""Traces as applications send them, and as nobody should."""

import json
import random
from typing import Any, Final

from browser.otlp import Trace

SYSTEM: Final = (
    "You are the support assistant of Halden Outdoor. Answer from the documents and from your"
    " tools, in a few sentences. If neither says it, say so.\n\nDocuments:\n\n[returns] Returning"
    " an item\nUnused items can be returned within 60 days of delivery. Items must be clean,"
    " complete and carry their original labels. Climbing ropes, avalanche transceivers and opened"
    " food cannot be returned for safety reasons.\n\n[repairs] Repairs\nZips, seams and buckles of"
    " our own packs and jackets are repaired for free during the first five years. Send the item"
    " in clean and describe the fault on the form in the parcel.\n\n[shipping] Shipping\nStandard"
    " shipping takes 2 to 4 working days and costs 4.90 EUR."
)
DOCUMENTS: Final = [
    {"id": "repairs", "score": 0.8312, "title": "Repairs", "content": "Zips, seams and buckles of our own packs and jackets are repaired for free during the first five years. Send the item in clean and describe the fault on the form in the parcel.", "metadata": {"section": "Service", "updated": "2026-08-14"}},
    {"id": "returns", "score": 0.6127, "title": "Returning an item", "content": "Unused items can be returned within 60 days of delivery. Items must be clean, complete and carry their original labels.", "metadata": {"section": "Orders", "updated": "2026-09-02"}},
    {"id": "shipping", "score": 0.3471, "title": "Shipping and delivery times", "content": "Standard shipping takes 2 to 4 working days and costs 4.90 EUR. It is free for orders over 75 EUR.", "metadata": {"section": "Orders", "updated": "2026-06-30"}},
]  # fmt: skip
QUESTION: Final = (
    "The zip on my Fjell pack broke after two years. Can you repair it, and what would it cost me?"
)
ANSWER: Final = (
    "Yes. Zips on our own packs are repaired free of charge during the first five years, so a"
    " two-year-old Fjell pack is covered.\n\nPlease send it in clean, with the fault described on"
    " the form in the parcel. I looked up your order HO-10482: it was delivered on 12 May 2024, and"
    " a prepaid label is on its way to you by email."
)
MODELS: Final = (
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "claude-sonnet-4-5",
    "mistral-large-latest",
)


def text(role: str, said: str) -> dict[str, Any]:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": said}]}


def answered(ago_s: float = 45, seed: int = 1) -> Trace:
    """A question that was answered: retrieval, a tool, two model calls."""
    trace = Trace("support-assistant", ago_s, seed)
    trace.common = {"session.id": "session-4117", "user.id": "user-0823"}
    root = trace.span("POST /v1/ask", 0, 3840, kind="server", http__request__method="POST", http__route="/v1/ask", http__response__status_code=200)  # fmt: skip
    agent = trace.span("invoke_agent support", 14, 3810, root, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="support", gen_ai__input__messages=[text("user", QUESTION)], gen_ai__output__messages=[text("assistant", ANSWER)])  # fmt: skip
    found = trace.span("retrieval help-centre", 22, 214, agent, kind="client", gen_ai__operation__name="retrieval", gen_ai__data_source__id="help-centre", gen_ai__retrieval__query__text=QUESTION, gen_ai__retrieval__documents=DOCUMENTS, gen_ai__retrieval__top_k=3)  # fmt: skip
    trace.span("embeddings text-embedding-3-small", 24, 88, found, kind="client", gen_ai__operation__name="embeddings", gen_ai__provider__name="openai", gen_ai__request__model="text-embedding-3-small", gen_ai__response__model="text-embedding-3-small", gen_ai__usage__input_tokens=21)  # fmt: skip
    trace.span("vector search", 116, 112, found, kind="client", service="vector-store", db__system="pgvector", db__operation="knn", rows=3)  # fmt: skip
    history = [text("system", SYSTEM), text("user", QUESTION)]
    call = {"type": "tool_call", "id": "call_9f2c", "name": "get_order_status", "arguments": {"order_id": "HO-10482", "include": ["delivery", "warranty"]}}  # fmt: skip
    tools = [
        {"type": "function", "name": "get_order_status", "description": "Where an order is.", "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}}},
        {"type": "function", "name": "check_stock", "description": "Pieces in a store.", "parameters": {"type": "object"}},
    ]  # fmt: skip
    chat(trace, agent, 252, 980, history, [{"role": "assistant", "parts": [{"type": "reasoning", "content": "They ask about a repair. The documents cover zips; the order tells whether five years have passed. I should look it up before I promise anything."}, call], "finish_reason": "tool_call"}], "gpt-4o", MODELS[0], 812, 46, 0.41, tools)  # fmt: skip
    result = {"order_id": "HO-10482", "status": "delivered", "delivered_on": "2024-05-12", "warranty": {"years": 5, "active": True}}  # fmt: skip
    trace.span("execute_tool get_order_status", 1246, 164, agent, gen_ai__operation__name="execute_tool", gen_ai__tool__name="get_order_status", gen_ai__tool__call__id="call_9f2c", gen_ai__tool__call__arguments=call["arguments"], gen_ai__tool__call__result=result)  # fmt: skip
    history = [*history, {"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_9f2c", "response": result}]}]  # fmt: skip
    chat(trace, agent, 1424, 2380, history, [{**text("assistant", ANSWER), "finish_reason": "stop"}], "gpt-4o", MODELS[0], 934, 118, 0.62, tools)  # fmt: skip
    trace.span("save conversation", 3812, 9, agent, kind="client", service="support-store")
    return trace


def judged(trace: Trace) -> list[dict[str, Any]]:
    """What was said of the answered question, as the API takes it: of the trace and of a span."""
    answer = {"trace_id": trace.id, "span_id": trace.last("chat gpt-4o")}
    return [
        {"trace_id": trace.id, "name": "user_feedback", "value": 0, "label": "down", "source": "user", "explanation": "It never says what I have to pay.", "correction": "The repair is free; you only pay for sending it in."},
        {**answer, "name": "groundedness", "value": 0.8164966, "source": "detector", "evaluator": "overlap 2"},
        {**answer, "name": "judge.tone", "value": 4, "source": "judge", "evaluator": "tone 3, gpt-4o"},
        {**answer, "name": "judge.tone", "value": 5, "source": "human"},
    ]  # fmt: skip


def chat(
    trace: Trace,
    parent: Any,
    at: float,
    duration: float,
    asked: Any,
    said: Any,
    model: str,
    answered_by: str,
    tokens_in: int,
    tokens_out: int,
    first_token_s: float | None = None,
    tools: Any = None,
    **more: Any,
) -> Any:
    """A model call."""
    return trace.span(
        f"chat {model}",
        at,
        duration,
        parent,
        kind="client",
        gen_ai__operation__name="chat",
        gen_ai__provider__name="anthropic" if "claude" in model else "openai",
        gen_ai__request__model=model,
        gen_ai__response__model=answered_by,
        gen_ai__request__temperature=0.2,
        gen_ai__request__max_tokens=400,
        gen_ai__input__messages=asked,
        gen_ai__output__messages=said,
        gen_ai__tool__definitions=tools,
        gen_ai__usage__input_tokens=tokens_in,
        gen_ai__usage__output_tokens=tokens_out,
        gen_ai__usage__cache_read__input_tokens=tokens_in // 3 if tokens_in > 600 else None,
        gen_ai__response__time_to_first_chunk=first_token_s,
        gen_ai__response__finish_reasons=["stop"] if said else None,
        **more,
    )


STACK: Final = """Traceback (most recent call last):
  File "/srv/app/assistant.py", line 118, in answer
    reply = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
  File "/srv/app/.venv/lib/python3.12/site-packages/openai/_base_client.py", line 1061, in request
    raise self._make_status_error_from_response(err.response) from None
openai.RateLimitError: Error code: 429 - Rate limit reached for gpt-4o in organization"""


def failed(ago_s: float = 30, seed: int = 2) -> Trace:
    """A model call that was refused, twice."""
    trace = Trace("support-assistant", ago_s, seed)
    trace.common = {"session.id": "session-4120", "user.id": "user-0311"}
    root = trace.span("POST /v1/ask", 0, 2210, kind="server", error="upstream failed", http__route="/v1/ask", http__response__status_code=502)  # fmt: skip
    exception = ("exception", 700, {"exception.type": "openai.RateLimitError", "exception.message": "Error code: 429 - Rate limit reached for gpt-4o", "exception.stacktrace": STACK})  # fmt: skip
    for at in (20, 1180):
        chat(trace, root, at, 990, [text("system", SYSTEM), text("user", "Do you ship to Iceland?")], None, "gpt-4o", "", 0, 0, error="Error code: 429 - Rate limit reached for gpt-4o in organization org-halden on tokens per min", error__type="openai.RateLimitError", events=[exception])  # fmt: skip
    return trace


def loose(ago_s: float = 90, seed: int = 3) -> Trace:
    """Spans whose parents never came."""
    trace = Trace("batch-summaries", ago_s, seed)
    root = trace.span("summarise nightly", 0, 5200)
    trace.span("load documents", 10, 300, root)
    lost = trace.span("write", 900, 60, b"\x01\x02\x03\x04\x05\x06\x07\x08")
    trace.span("upload", 920, 30, lost, kind="client")
    trace.span("notify", 4000, 80, b"\x01\x02\x03\x04\x05\x06\x07\x08", kind="client")
    return trace


HOSTILE: Final = (
    "<script>window.__pwned = 1</script><img src=x onerror='window.__pwned = 2'>"
    "<iframe src='javascript:parent.__pwned = 3'></iframe><a href=\"javascript:window.__pwned=4\">x</a>"
    " ![tracking](https://evil.example/pixel.png) <style>body{display:none}</style> {{7*7}} ${1+1}"
)
RIGHT_TO_LEFT: Final = "שלום, האם אפשר להחזיר את התרמיל? مرحبا، هل يمكنني إرجاع الحقيبة؟"


def hostile(ago_s: float = 120, seed: int = 4, megabytes: float = 5) -> Trace:
    """Everything that a payload should not do."""
    trace = Trace("<b>shop</b>", ago_s, seed)
    trace.common = {"user.id": "<i>mallory</i>"}
    root = trace.span(f"GET /{HOSTILE}", 0, 900, kind="server")
    asked = [
        text("user", HOSTILE),
        text("user", RIGHT_TO_LEFT),
        {"role": "user", "parts": [
            {"type": "uri", "modality": "image", "uri": "https://evil.example/pixel.png"},
            {"type": "uri", "modality": "image", "uri": "javascript:window.__pwned=5"},
            {"type": "blob", "modality": "image", "mime_type": "image/svg+xml", "content": "PHN2ZyBvbmxvYWQ9IndpbmRvdy5fX3B3bmVkPTYiLz4="},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="},
        ]},
        {"role": HOSTILE, "parts": [{"type": HOSTILE, "content": HOSTILE}]},
    ]  # fmt: skip
    chat(trace, root, 10, 300, asked, [text("assistant", HOSTILE)], "gpt-4o", HOSTILE[:60], 10, 10)
    cut = json.dumps([text("user", "This message was cut in the mid")])[:-12]
    chat(trace, root, 320, 100, None, None, "gpt-4o", MODELS[0], 5, 5)
    trace.span("chat truncated", 430, 50, root, gen_ai__operation__name="chat", gen_ai__input__messages=cut, gen_ai__output__messages='[{"role": "assistant", "parts": [{"type": "te')  # fmt: skip
    long = "A line of a log that somebody put into a prompt. " * 20 + "\n"
    crumbs = {
        "role": "assistant",
        "parts": [{"type": "text", "content": f"crumb {n}"} for n in range(2000)],
    }
    chat(trace, root, 500, 200, [crumbs, text("user", long * int(megabytes * 1e6 / len(long)))], [text("assistant", "x" * int(megabytes * 5e5))], "gpt-4o", MODELS[0], 900_000, 400)  # fmt: skip
    deep: Any = "bottom"
    for _ in range(300):
        deep = {"down": deep}
    trace.span("execute_tool deep", 720, 20, root, gen_ai__operation__name="execute_tool", gen_ai__tool__name="deep", gen_ai__tool__call__arguments=deep, gen_ai__tool__call__result='{"broken": [1, 2,')  # fmt: skip
    crowd = {f"crowd.{n:04}": HOSTILE[:20] for n in range(1000)}
    events = [("exception", 760, {"exception.stacktrace": STACK}) for _ in range(1000)]
    trace.span(
        RIGHT_TO_LEFT,
        760,
        40,
        root,
        error=HOSTILE,
        events=events,
        **{HOSTILE[:40]: HOSTILE, "empty": "", **crowd},
    )
    return trace


def large(spans: int = 10_000, ago_s: float = 200, seed: int = 5) -> Trace:
    """A trace of very many spans, four levels deep."""
    trace = Trace("indexer", ago_s, seed)
    decide = random.Random(seed)
    root = trace.span("index corpus", 0, spans * 6.0, gen_ai__operation__name="invoke_workflow")
    made, at = 1, 1.0
    while made < spans:
        document = trace.span(f"document {made:05}", at, 55, root, document__id=made)
        made += 1
        inside = at + 0.5
        for chunk in range(decide.randint(2, 7)):
            if made >= spans:
                break
            bad = decide.random() < 0.01
            trace.span(f"embeddings chunk {chunk}", inside, 6, document, kind="client", gen_ai__operation__name="embeddings", gen_ai__request__model="text-embedding-3-small", gen_ai__usage__input_tokens=decide.randint(80, 500), error="timed out" if bad else "")  # fmt: skip
            made += 1
            inside += 7
        at += 30
    return trace


_ROUTES: Final = (
    "POST /v1/ask",
    "POST /v1/chat",
    "POST /v1/summarise",
    "invoke_agent planner",
    "nightly digest",
)
_SERVICES: Final = ("support-assistant", "contract-review", "travel-planner", "internal-search")


def many(count: int, seed: int = 100, newest_s: float = 150, apart_s: float = 37) -> list[Trace]:
    """Small traces over the past, one a moment."""
    decide = random.Random(seed)
    made = []
    for number in range(count):
        trace = Trace(decide.choice(_SERVICES), newest_s + number * apart_s, seed + number, decide.choice(("production", "production", "staging")))  # fmt: skip
        if number % 3:
            trace.common = {
                "session.id": f"session-{4000 - number // 4}",
                "user.id": f"user-{decide.randint(1, 900):04}",
            }
        if number % 17 == 5:
            trace.common["spanglass.sample_data"] = True
        model = decide.choice(MODELS)
        took = decide.lognormvariate(7.2, 0.9)
        bad = decide.random() < 0.07
        root = trace.span(decide.choice(_ROUTES), 0, took, kind="server", error="the model did not answer in time" if bad else "")  # fmt: skip
        asked = [text("system", SYSTEM), text("user", QUESTION)]
        rounds = decide.randint(1, 3)
        for turn in range(rounds):
            chat(trace, root, took * (turn + 0.05) / rounds, took * 0.9 / rounds, asked, [text("assistant", ANSWER)], model, model, decide.randint(200, 6000), decide.randint(20, 900), took / 8000, error="timed out" if bad and turn == rounds - 1 else "")  # fmt: skip
        made.append(trace)
    return made
