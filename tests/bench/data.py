"""The generated data set: OTLP trace requests as an application of language models sends them.

Building a span through Python's protobuf takes longer than storing it takes the systems under
test. So a pool of request bodies is built and serialised once, with the places of ids, times and
texts noted, and each send is a copy of one of them with those bytes written anew by numpy: unique
ids, present times, and texts cut at random from a large generated corpus, so that no text comes
twice within the reach of a compressor.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

SPANS_PER_TRACE: Final = 5
SEED: Final = 20_260_101

# Stand-ins, as long as what is written in their place when a body is sent. Each begins with a
# character of its own, since the length that stands before a string may be any byte.
_TEXT_RUN: Final = re.compile(rb"`~{3,}")
_OPAQUE_RUN: Final = re.compile(rb"@\^{3,}")
_OPAQUE_OF_BYTE: Final = np.frombuffer(
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ09" * 4, dtype=np.uint8
)

_SERVICES: Final = (
    "support-assistant",
    "checkout-copilot",
    "contract-review",
    "code-helper",
    "travel-planner",
    "claims-triage",
    "internal-search",
    "sales-coach",
)
# Name, provider, address, and the share of the calls.
_CHAT_MODELS: Final = (
    ("gpt-4o", "openai", "api.openai.com", 30),
    ("gpt-4o-mini", "openai", "api.openai.com", 35),
    ("claude-sonnet-4-5", "anthropic", "api.anthropic.com", 20),
    ("mistral-large-latest", "mistral_ai", "api.mistral.ai", 7),
    ("llama-3.3-70b-versatile", "groq", "api.groq.com", 8),
)
_CHAT_SHARES: Final = [model[3] for model in _CHAT_MODELS]
_EMBEDDING_MODEL: Final = "text-embedding-3-small"
_TOOLS: Final = (
    "lookup_order", "search_kb", "create_ticket", "get_weather", "run_sql", "fetch_invoice",
    "calendar_free_slots", "convert_currency",
)  # fmt: skip
_ROUTES: Final = ("/v1/ask", "/v1/chat", "/v1/summarise", "/v1/agents/{agent}/run")
_SYSTEM: Final = (
    "You are a helpful assistant. Answer from the documents given, and say so if they do not say.",
    "You review contracts. List each obligation with its clause.",
    "You write short, polite replies to customers. Never promise a refund.",
    "Think step by step, then call a tool if one fits.",
)


@dataclass(frozen=True)
class Sent:
    """One request body, ready to send."""

    body: bytearray
    """The serialised ExportTraceServiceRequest."""
    spans: int
    """How many spans it holds."""
    trace_id: str
    """The id of its last trace, in lower-case hex: a probe of when the body can be queried."""


class Corpus:
    """A long generated text: words with a Zipf distribution, more frequent ones shorter.

    It holds no character that JSON escapes, so that any piece of it may stand in a JSON string.
    """

    def __init__(self, rng: np.random.Generator, size: int, vocabulary: int = 20_000) -> None:
        """Generate about `size` bytes of text over `vocabulary` different words."""
        words = _vocabulary(rng, vocabulary)
        weight = 1.0 / (np.arange(1, vocabulary + 1) + 2.7) ** 1.15
        below = np.cumsum(weight / weight.sum())
        count = int(size / float(np.dot(np.diff(below, prepend=0.0), [len(w) + 1 for w in words])))
        chosen = np.minimum(np.searchsorted(below, rng.random(count)), vocabulary - 1)
        # One word in seven is followed by a comma or a full stop.
        stops = np.maximum(rng.integers(-11, 3, count), 0)
        spelled = [word + stop for stop in ("", ",", ".") for word in words]
        places = (stops * vocabulary + chosen).tolist()
        text = " ".join(map(spelled.__getitem__, places)).encode()
        self.text = text
        starts = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord(" ")) + 1
        self._starts: NDArray[np.int32] = starts[starts < len(text) - 65_536].astype(np.int32)

    def places(self, rng: np.random.Generator, count: int) -> list[int]:
        """Offsets of `count` randomly chosen words, each with at least 64 KiB of text after it."""
        chosen: list[int] = self._starts[rng.integers(0, len(self._starts), count)].tolist()
        return chosen


def _vocabulary(rng: np.random.Generator, count: int) -> list[str]:
    """`count` different words of a made-up language and numbers, the frequent ones first."""
    onsets = "b c d f g h j k l m n p r s t v w br ch cl cr dr fl gr pl pr sh sl sp st str th tr"
    rimes = (
        "a e i o u ai ea ee ie oa ou y an ar at ed en er es et ic in ing ion ist it on or ous ur"
    )
    syllables = [a + b for a in [*onsets.split(), ""] for b in rimes.split()]
    order: dict[str, float] = {}
    while len(order) < count:
        if rng.random() < 0.03:
            order[str(rng.integers(1, 10_000))] = float(rng.uniform(5, 12))
            continue
        length = min(5, int(rng.geometric(0.4)))
        word = "".join(syllables[i] for i in rng.integers(0, len(syllables), length))
        order[word] = len(word) + float(rng.normal(0.0, 1.0))
    return sorted(order, key=lambda word: order[word])


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    return AnyValue(string_value=value)


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


class _Writer:
    """Writes the traces of one request: the spans of a web framework, and those of the calls."""

    def __init__(self, rng: random.Random, service: str) -> None:
        """`rng` decides everything; `service` is the name of the service that sends."""
        self._rng = rng
        self._service = service
        self.web: list[Span] = []
        self.calls: list[Span] = []

    def _text(self, median: float) -> str:
        """A stand-in for text whose length in bytes has the given median."""
        length = int(median * self._rng.lognormvariate(0.0, 0.6))
        return "`" + "~" * max(15, min(16_000, length))

    def _opaque(self, prefix: str, length: int) -> str:
        return f"{prefix}@" + "^" * (length - 1)

    def _around(self, seconds: float) -> float:
        """A duration whose median is `seconds`."""
        return seconds * self._rng.lognormvariate(0.0, 0.5)

    def trace(self, now: int, parent: Span | None = None) -> None:
        """Add one trace that begins at `now` (ns), below `parent` if that is given."""
        rng = self._rng
        trace_id = parent.trace_id if parent is not None else rng.randbytes(16)
        who = {
            "session.id": f"ses-{rng.randrange(60_000):06d}-{self._service[:4]}",
            "user.id": f"usr_{int(25_000 * rng.random() ** 2):06d}",
        }
        clock = now + rng.randrange(200_000, 3_000_000)
        spans: list[Span] = []

        def add(name: str, kind: Span.SpanKind.ValueType, seconds: float, **rest: Any) -> Span:
            nonlocal clock
            span = Span(
                trace_id=trace_id,
                span_id=rng.randbytes(8),
                name=name,
                kind=kind,
                start_time_unix_nano=clock,
                end_time_unix_nano=clock + int(seconds * 1e9),
                **rest,
            )
            clock = span.end_time_unix_nano + rng.randrange(50_000, 2_000_000)
            spans.append(span)
            return span

        failed = rng.random() < 0.02
        self._retrieval(add, who)
        self._chat(add, who, first=True, failed=False)
        self._tool(add, who)
        if rng.random() < 0.65:
            self._chat(add, who, first=False, failed=failed)
        else:
            self._embeddings(add, who)
        route = rng.choice(_ROUTES)
        root = Span(
            trace_id=trace_id,
            span_id=rng.randbytes(8),
            name=f"POST {route}",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=now,
            end_time_unix_nano=clock,
            status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
            attributes=_attributes(
                {
                    "http.request.method": "POST",
                    "http.route": route,
                    "url.path": route.replace("{agent}", "planner"),
                    "url.scheme": "https",
                    "server.address": f"{self._service}.example.com",
                    "server.port": 443,
                    "client.address": f"10.{rng.randrange(99)}.{rng.randrange(255)}.7",
                    "http.response.status_code": 502 if failed else 200,
                    "http.response.body.size": rng.randrange(300, 20_000),
                    **who,
                }
            ),
        )
        if parent is not None:
            root.parent_span_id = parent.span_id
        for span in spans:
            span.parent_span_id = root.span_id
        self.web.append(root)
        self.calls.extend(spans)

    def _retrieval(self, add: Any, who: dict[str, Any]) -> None:
        scores = sorted((round(self._rng.betavariate(5, 2), 4) for _ in range(2)), reverse=True)
        found = [{"id": self._opaque("doc-", 10), "score": score} for score in scores]
        add(
            "retrieval kb-main",
            Span.SPAN_KIND_CLIENT,
            self._around(0.04),
            attributes=_attributes(
                {
                    "gen_ai.operation.name": "retrieval",
                    "gen_ai.data_source.id": "kb-main",
                    "db.system.name": "postgresql",
                    "gen_ai.request.top_k": float(len(found)),
                    "gen_ai.retrieval.query.text": self._text(40),
                    "gen_ai.retrieval.documents": json.dumps(found),
                    **who,
                }
            ),
        )

    def _chat(self, add: Any, who: dict[str, Any], *, first: bool, failed: bool) -> None:
        rng = self._rng
        (model, provider, address, _) = rng.choices(_CHAT_MODELS, _CHAT_SHARES)[0]
        asked = [
            {"role": "system", "parts": [{"type": "text", "content": rng.choice(_SYSTEM)}]},
            {"role": "user", "parts": [{"type": "text", "content": self._text(130)}]},
        ]
        reason = "tool_call" if first else "length" if rng.random() < 0.04 else "stop"
        said: dict[str, Any] = {"type": "text", "content": self._text(110)}
        if first:
            said = {
                "type": "tool_call",
                "id": self._opaque("call_", 24),
                "name": rng.choice(_TOOLS),
                "arguments": {"query": self._text(40)},
            }
        given = rng.randrange(200, 9_000)
        seconds = self._around(1.4)
        values: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": f"{model}-2025-08-06" if provider == "openai" else model,
            "gen_ai.response.id": self._opaque("chatcmpl-", 24),
            "gen_ai.request.temperature": rng.choice((0.0, 0.2, 0.7, 1.0)),
            "gen_ai.request.max_tokens": rng.choice((512, 1024, 4096)),
            "gen_ai.usage.input_tokens": given,
            "gen_ai.usage.output_tokens": rng.randrange(10, 900),
            "gen_ai.usage.cache_read.input_tokens": int(given * rng.betavariate(1, 2)),
            "gen_ai.response.finish_reasons": [reason],
            "gen_ai.response.time_to_first_chunk": round(seconds * rng.betavariate(2, 6), 6),
            "server.address": address,
            **who,
            "gen_ai.input.messages": json.dumps(asked, separators=(",", ":")),
        }
        status = Status()
        if failed:
            values["error.type"] = "openai.APITimeoutError"
            status = Status(code=Status.STATUS_CODE_ERROR, message="Request timed out.")
        else:
            values["gen_ai.output.messages"] = json.dumps(
                [{"role": "assistant", "parts": [said], "finish_reason": reason}],
                separators=(",", ":"),
            )
        span = add(
            f"chat {model}",
            Span.SPAN_KIND_CLIENT,
            seconds,
            attributes=_attributes(values),
            status=status,
        )
        if failed:
            span.events.add(
                time_unix_nano=span.end_time_unix_nano,
                name="exception",
                attributes=_attributes(
                    {
                        "exception.type": "openai.APITimeoutError",
                        "exception.message": "Request timed out.",
                        "exception.stacktrace": self._text(400),
                    }
                ),
            )

    def _tool(self, add: Any, who: dict[str, Any]) -> None:
        tool = self._rng.choice(_TOOLS)
        add(
            f"execute_tool {tool}",
            Span.SPAN_KIND_INTERNAL,
            self._around(0.08),
            attributes=_attributes(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": tool,
                    "gen_ai.tool.type": "function",
                    "gen_ai.tool.call.id": self._opaque("call_", 24),
                    "gen_ai.tool.call.arguments": json.dumps({"query": self._text(40)}),
                    "gen_ai.tool.call.result": json.dumps({"ok": True, "text": self._text(55)}),
                    **who,
                }
            ),
        )

    def _embeddings(self, add: Any, who: dict[str, Any]) -> None:
        add(
            f"embeddings {_EMBEDDING_MODEL}",
            Span.SPAN_KIND_CLIENT,
            self._around(0.13),
            attributes=_attributes(
                {
                    "gen_ai.operation.name": "embeddings",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": _EMBEDDING_MODEL,
                    "gen_ai.response.model": _EMBEDDING_MODEL,
                    "gen_ai.usage.input_tokens": self._rng.randrange(20, 2_000),
                    "gen_ai.embeddings.dimension.count": 1536,
                    "gen_ai.request.encoding_formats": ["base64"],
                    "server.address": "api.openai.com",
                    **who,
                }
            ),
        )

    def serialise(self) -> bytes:
        """The request as it goes over the wire: one resource, one scope for each library."""
        request = ExportTraceServiceRequest()
        resource: ResourceSpans = request.resource_spans.add()
        resource.resource.attributes.extend(
            _attributes(
                {
                    "service.name": self._service,
                    "service.version": f"2.14.{self._rng.randrange(4)}",
                    "service.instance.id": self._opaque("", 12),
                    "deployment.environment.name": "production",
                    "telemetry.sdk.language": "python",
                    "telemetry.sdk.name": "opentelemetry",
                    "telemetry.sdk.version": "1.45.0",
                    "host.name": f"node-{self._rng.randrange(40):02d}",
                }
            )
        )
        for name, version, spans in (
            ("opentelemetry.instrumentation.fastapi", "0.66b0", self.web),
            ("opentelemetry.util.genai.handler", "1.3b0", self.calls),
        ):
            scope: ScopeSpans = resource.scope_spans.add()
            scope.scope.name = name
            scope.scope.version = version
            scope.spans.extend(spans)
        return request.SerializeToString()


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of one protobuf message: number, and where its value begins and ends."""
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 2:
            length, at = _varint(data, at)
        elif wire == 0:
            _, after = _varint(data, at)
            length = after - at
        else:
            length = {1: 8, 5: 4}[wire]
        yield tag >> 3, at, at + length
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _spans(data: bytes) -> Iterator[list[tuple[int, int, int]]]:
    """The fields of every span in a serialised request, in order."""
    for field, a, b in _fields(data, 0, len(data)):
        if field != 1:
            continue
        for field1, a1, b1 in _fields(data, a, b):
            if field1 != 2:
                continue
            for field2, a2, b2 in _fields(data, a1, b1):
                if field2 == 2:
                    yield list(_fields(data, a2, b2))


class Template:
    """One serialised request, and where its ids, times and texts are."""

    def __init__(self, data: bytes) -> None:
        """`data` is a request as `_Writer.serialise` makes it."""
        self._data = np.frombuffer(data, dtype=np.uint8)
        traces: dict[bytes, int] = {}
        spans: dict[bytes, int] = {}
        trace_at: list[int] = []
        trace_of: list[int] = []
        span_at: list[int] = []
        parents: list[tuple[int, bytes]] = []
        times: list[tuple[int, int]] = []
        for fields in _spans(data):
            trace = -1
            for field, a, b in fields:
                if field == 1:
                    trace = traces.setdefault(data[a:b], len(traces))
                    trace_at.append(a)
                    trace_of.append(trace)
                elif field == 2:
                    spans[data[a:b]] = len(spans)
                    span_at.append(a)
                elif field == 4:
                    parents.append((a, data[a:b]))
                elif field in (7, 8):
                    times.append((a, trace))
                elif field == 11:
                    times.extend((x, trace) for f, x, _ in _fields(data, a, b) if f == 1)
        self.spans = len(spans)
        self._traces = len(traces)
        self._trace_at = _runs(trace_at, 16)
        self._trace_of = np.array(trace_of, dtype=np.intp)
        self._span_at = _runs(span_at, 8)
        self._parent_at = _runs([a for a, _ in parents], 8)
        self._parent_of = np.array([spans[name] for _, name in parents], dtype=np.intp)
        self._time_at = _runs([a for a, _ in times], 8)
        self._time_of = np.array([trace for _, trace in times], dtype=np.intp)
        moments = self._data[self._time_at].reshape(-1, 8).copy().view("<u8")[:, 0].astype(np.int64)
        self._moments = moments - moments.min()
        self._latest = int(self._moments.max())
        opaque = [np.arange(*m.span()) for m in _OPAQUE_RUN.finditer(data)]
        self._opaque_at = np.concatenate([np.empty(0, dtype=np.intp), *opaque])
        self._texts = [slice(*m.span()) for m in _TEXT_RUN.finditer(data)]

    def fresh(self, rng: np.random.Generator, corpus: Corpus, now: int) -> Sent:
        """A copy with new ids and texts, whose last span has ended at about `now` (ns)."""
        whole = bytearray(self._data)
        body = np.frombuffer(whole, dtype=np.uint8)
        traces = rng.integers(0, 256, (self._traces, 16), dtype=np.uint8)
        spans = rng.integers(0, 256, (self.spans, 8), dtype=np.uint8)
        body[self._trace_at] = traces[self._trace_of].reshape(-1)
        body[self._span_at] = spans.reshape(-1)
        body[self._parent_at] = spans[self._parent_of].reshape(-1)
        # Each trace is moved as a whole, by up to 2 s, so that no two copies have the same shape.
        moved = now - self._latest - rng.integers(0, 2_000_000_000, self._traces)
        body[self._time_at] = (self._moments + moved[self._time_of]).astype("<i8").view(np.uint8)
        noise = np.frombuffer(rng.bytes(len(self._opaque_at)), dtype=np.uint8)
        body[self._opaque_at] = _OPAQUE_OF_BYTE[noise]
        text = corpus.text
        for where, place in zip(self._texts, corpus.places(rng, len(self._texts)), strict=True):
            whole[where] = text[place : place + where.stop - where.start]
        return Sent(whole, self.spans, traces[-1].tobytes().hex())


def _runs(starts: list[int], length: int) -> NDArray[np.intp]:
    """The places of all bytes of equally long fields that begin at `starts`."""
    return (np.array(starts, dtype=np.intp)[:, None] + np.arange(length)).reshape(-1)


class Pool:
    """Request bodies without end, the same ones for the same seed (but for the times)."""

    def __init__(
        self,
        spans_per_request: int = 500,
        bodies: int = 40,
        seed: int = SEED,
        corpus_bytes: int = 24 << 20,
    ) -> None:
        """Build `bodies` different requests of `spans_per_request` spans each (a few seconds)."""
        self._corpus = Corpus(np.random.default_rng(seed), corpus_bytes)
        rng = random.Random(seed)
        self._templates = [
            Template(_request(rng, _SERVICES[i % len(_SERVICES)], spans_per_request))
            for i in range(bodies)
        ]
        self.rewind(seed)

    def rewind(self, seed: int) -> None:
        """Begin again, with the ids and texts that belong to `seed`."""
        self._rng = np.random.default_rng([seed, 1])
        self._next = 0

    def fresh(self, now: int) -> Sent:
        """The next body; its last span ended at about `now` (ns since 1970)."""
        template = self._templates[self._next % len(self._templates)]
        self._next += 1
        return template.fresh(self._rng, self._corpus, now)


def _request(rng: random.Random, service: str, spans: int) -> bytes:
    """One request of `spans` spans: whole traces, and the first spans of one more to fill it."""
    writer = _Writer(rng, service)
    begin = 1_700_000_000_000_000_000
    whole, rest = divmod(spans, SPANS_PER_TRACE)
    for _ in range(whole + bool(rest)):
        writer.trace(begin + rng.randrange(3_000_000_000))
    if rest:
        del writer.calls[len(writer.calls) - (SPANS_PER_TRACE - rest) :]
    return writer.serialise()


def long_trace(
    spans: int, now: int, spans_per_request: int = 500, seed: int = SEED
) -> tuple[str, list[bytes]]:
    """One trace of `spans` spans: its id in hex, and the requests that carry it.

    It is the run of an agent: a root, and below it one turn of five spans after the other. `now`,
    in nanoseconds since 1970, is when it ended.
    """
    rng = random.Random(seed)
    places = np.random.default_rng(seed)
    corpus = Corpus(places, 2 << 20)
    agent = _Writer(rng, _SERVICES[3])
    root = Span(
        trace_id=random.randbytes(16),
        span_id=random.randbytes(8),
        name="invoke_agent planner",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=now - 60_000_000_000,
        end_time_unix_nano=now,
        attributes=_attributes(
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
        ),
    )
    while len(agent.web) + len(agent.calls) < spans - 1:
        agent.trace(now - rng.randrange(10_000_000_000, 60_000_000_000), root)
    everything = [root, *agent.web, *agent.calls][:spans]
    bodies = []
    for at in range(0, spans, spans_per_request):
        part = _Writer(rng, _SERVICES[3])
        part.calls = everything[at : at + spans_per_request]
        body = bytearray(part.serialise())
        texts = [m.span() for m in _TEXT_RUN.finditer(bytes(body))]
        for (a, b), place in zip(texts, corpus.places(places, len(texts)), strict=True):
            body[a:b] = corpus.text[place : place + b - a]
        bodies.append(bytes(body))
    return root.trace_id.hex(), bodies
