"""What every sender says to the model: standard library only, and any `openai` client.

The environment says where: `SAMPLE_URL` is the sample server, `OTLP_URL` takes the spans.
"""

import contextlib
import json
import os
from typing import Any

MODEL = "gpt-4o-mini"
EMBEDDING_MODEL = "text-embedding-3-small"
SAMPLE_URL = os.environ["SAMPLE_URL"]
OTLP_URL = os.environ["OTLP_URL"]
#: Long enough that the sample server remembers it: the second call reads cached tokens.
SYSTEM = (
    "You are the assistant of an outdoor shop. You answer questions about orders, deliveries and"
    " returns, in one or two sentences, and you never promise a refund that the rules below do not"
    " allow. Jackets and tents can be returned within 60 days. Express delivery takes one day."
)
QUESTION = "How much is express delivery?"
ORDER_QUESTION = "Where is my order HO-10482?"
SESSION = "session-42"
USER = "user-7"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "description": "Look up where an order is, by its number.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}


def order_status(order_id: str) -> dict[str, str]:
    """What the tool answers."""
    return {"order_id": order_id, "status": "shipped", "carrier": "post"}


def chat(client: Any, **more: Any) -> str:
    """A plain call."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": QUESTION},
        ],
        temperature=0.5,
        max_tokens=60,
        **more,
    )
    return str(answer.choices[0].message.content)


def stream(client: Any, **more: Any) -> str:
    """A streamed call."""
    pieces = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "And how long does it take?"},
        ],
        stream=True,
        stream_options={"include_usage": True},
        **more,
    )
    return "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)


def with_tool(client: Any, run: Any = order_status, **more: Any) -> str:
    """Two calls with a tool's between them."""
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": ORDER_QUESTION},
    ]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL], **more)
    said = first.choices[0].message
    messages.append(said.model_dump(exclude_none=True))
    for call in said.tool_calls:
        result = run(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL], **more)
    return str(second.choices[0].message.content)


def embed(client: Any) -> None:
    """Two embeddings."""
    client.embeddings.create(model=EMBEDDING_MODEL, input=["tents", "snowshoes"], dimensions=8)


def fail(client: Any) -> None:
    """A call that is answered with status 429."""
    with contextlib.suppress(Exception):
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers={"x-sample-fault": "429"},
        )
