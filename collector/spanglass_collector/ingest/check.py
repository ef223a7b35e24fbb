"""What is accepted of a trace request, and why the rest is not.

A request is parsed by the C protobuf runtime, which also checks UTF-8. Where it refuses, the
request is read leniently, span by span, so that one bad span does not take the others along.
What is accepted stays the bytes that came, unless a span has to be taken out of them. A large
request is taken apart first (see `bounds`).

Source: OpenTelemetry protocol 1.9, sections "Partial Success" and "Failures".
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanglass_collector.ingest import bounds, nested, wire
from spanglass_collector.ingest.bounds import RESOURCE_SPANS as RESOURCE_SPANS
from spanglass_collector.ingest.bounds import Unreadable as Unreadable

_DAY_NS: Final = 86_400 * 10**9
#: Most spans of one accepted `ResourceSpans` message, so that a segment stays one insert block.
MOST_SPANS: Final = bounds.PIECE // bounds.SPAN_BYTES

#: Largest body that is checked between others, in bytes, and most messages in it.
_QUICK_BYTES: Final = 1 << 20
_QUICK_MESSAGES: Final = 5_000


@dataclass(frozen=True)
class Window:
    """Which start times are kept, relative to now.

    Attributes:
        days_back: retention, in days; 0 keeps everything.
        days_ahead: how far a sender's clock may be ahead, in days.
    """

    days_back: int
    days_ahead: float = 1.0

    def bounds(self, now_ns: int) -> tuple[int, int]:
        """First and last start time that is kept, in nanoseconds since 1970."""
        first = now_ns - self.days_back * _DAY_NS if self.days_back else 1
        return max(first, 1), now_ns + int(self.days_ahead * _DAY_NS)


@dataclass
class Checked:
    """What became of a request.

    Attributes:
        resources: the accepted `ResourceSpans` messages, serialised.
        counts: number of spans in each of them.
        rejected: number of spans that were not accepted, by reason.
        repeated: bytes of resources and scopes, counted for each span.
    """

    resources: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    @property
    def accepted(self) -> int:
        return sum(self.counts)

    def message(self) -> str:
        """What OTLP's partial success tells the sender; empty if nothing was rejected."""
        return "; ".join(f"{n} spans: {REASONS[reason]}" for reason, n in self.rejected.items())


#: Reasons for rejecting a span, as the metrics name them, with what the sender is told.
REASONS: Final = {
    "trace_id": "the trace id is not 16 bytes, or zero",
    "span_id": "the span id is not 8 bytes, or zero",
    "parent_span_id": "the parent span id is neither empty nor 8 bytes",
    "too_old": "the start time is older than what is kept",
    "in_future": "the start time is more than a day in the future",
    "no_start": "the start time is missing",
    "malformed": "the span is no valid protobuf, has invalid UTF-8 or is nested too deeply",
    "too_many_values": f"the span has more than {bounds.MOST_VALUES:,} values",
    "quota": "the project's quota is used up",
}

_ZERO_TRACE: Final = bytes(16)
_ZERO_SPAN: Final = bytes(8)


def check_quickly(body: bytes, window: Window, now_ns: int | None = None) -> Checked | None:
    """Like `check_traces`, for callers that others wait for: None where that could take long.

    What can take long is what is large, nested, malformed or has very many small messages.
    """
    if len(body) <= bounds.FEW_BYTES:
        return check_traces(body, window, now_ns)
    if len(body) > _QUICK_BYTES or bounds.is_dense(body) or nested.has_nested(body):
        return None
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    if bounds.count_messages(request, len(body)) > _QUICK_MESSAGES:
        return None
    result = Checked()
    _sort(request, body, window.bounds(_now(now_ns)), result)
    return result


def check_traces(body: bytes, window: Window, now_ns: int | None = None) -> Checked:
    """Sorts a serialised `ExportTraceServiceRequest` into what is kept and what is not.

    Args:
        body: the request, decompressed.
        window: which start times are kept.
        now_ns: the present, in nanoseconds since 1970.

    Raises:
        Unreadable: if the body is not even framed like a request, or most of it is empty messages.
    """
    result = Checked()
    kept = window.bounds(_now(now_ns))
    if len(body) <= bounds.PIECE:
        _check(body, kept, result)
    else:
        for piece in bounds.pieces(body, result.rejected):
            _check(piece, kept, result)
    return result


def _now(given: int | None) -> int:
    return time.time_ns() if given is None else given


def _check(body: bytes, kept: tuple[int, int], into: Checked) -> None:
    try:
        request = ExportTraceServiceRequest.FromString(body)
        # Of a field that comes twice though there is one, protobuf keeps the last, and ClickHouse
        # nothing: then it is written anew, as it is if it was written longer than it has to be.
        # That costs as much as parsing; `check_quickly` leaves it out.
        changed = request.ByteSize() != len(body)
    except DecodeError:
        request = _read_leniently(body, into.rejected)
        changed = True
    bounds.count_messages(request, len(body))
    if bounds.is_dense(body):
        bounds.refuse_tiny_values(request, len(body))
    _sort(request, body, kept, into, nested.has_nested(body), changed)


def _sort(
    request: ExportTraceServiceRequest,
    body: bytes,
    kept: tuple[int, int],
    into: Checked,
    is_nested: bool = False,
    changed: bool = False,
) -> None:
    """Adds what is kept of a request; the bytes that came, unless it was `changed`."""
    changed |= _remove_bad(request, *kept, into.rejected)
    if nested.claims_ours(body):
        request.DiscardUnknownFields()
        changed = True
    if is_nested:
        nested.write_json(request)
        changed = True
    counts = [sum(len(s.spans) for s in rs.scope_spans) for rs in request.resource_spans]
    _count_repeated(request, max(counts, default=0) * len(body), into)
    if not changed:
        places = list(islice(wire.fields(body), len(counts) + 1))
        # Where there are more, the others are not spans.
        changed = len(places) > len(counts)
    if changed:
        _serialise(request, counts, into)
        return
    for (_, _, _, begin, end), count in zip(places, counts, strict=True):
        if count:
            into.resources.append(body[begin:end])
            into.counts.append(count)


def _count_repeated(request: ExportTraceServiceRequest, at_most: int, into: Checked) -> None:
    """Keeps account of what the store will repeat for each span, and refuses too much of it."""
    if at_most > bounds.PIECE:
        at_most = bounds.repeated_bytes(request)
    into.repeated += at_most
    if into.repeated > bounds.MOST_REPEATED:
        raise Unreadable(
            "The resources and scopes of this request, which are kept with each of their spans,"
            f" would take more than {bounds.MOST_REPEATED} bytes. Put long values into the span"
            " that they belong to, or send smaller batches."
        )


def _remove_bad(
    request: ExportTraceServiceRequest, first: int, last: int, rejected: Counter[str]
) -> bool:
    """Takes out the spans that can't be kept; says whether there were any."""
    removed = False
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            bad: list[int] = []
            for index, span in enumerate(scope_spans.spans):
                trace_id, span_id = span.trace_id, span.span_id
                if (
                    len(trace_id) == 16
                    and len(span_id) == 8
                    and first <= span.start_time_unix_nano <= last
                    and len(span.parent_span_id) in (0, 8)
                    and trace_id != _ZERO_TRACE
                    and span_id != _ZERO_SPAN
                ):
                    continue
                bad.append(index)
                rejected[_reason(span, first)] += 1
            for index in reversed(bad):
                del scope_spans.spans[index]
            removed = removed or bool(bad)
    return removed


def _reason(span: Span, first: int) -> str:
    if len(span.trace_id) != 16 or span.trace_id == _ZERO_TRACE:
        return "trace_id"
    if len(span.span_id) != 8 or span.span_id == _ZERO_SPAN:
        return "span_id"
    if len(span.parent_span_id) not in (0, 8):
        return "parent_span_id"
    if span.start_time_unix_nano == 0:
        return "no_start"
    return "too_old" if span.start_time_unix_nano < first else "in_future"


def _serialise(request: ExportTraceServiceRequest, counts: list[int], into: Checked) -> None:
    for resource_spans, count in zip(request.resource_spans, counts, strict=True):
        if count:
            into.resources.append(resource_spans.SerializeToString())
            into.counts.append(count)


def _read_leniently(body: bytes, rejected: Counter[str]) -> ExportTraceServiceRequest:
    """The request without the spans that can't be parsed.

    A resource or scope that can't be parsed takes its spans along.
    """
    request = ExportTraceServiceRequest()
    try:
        for content in wire.messages(body, RESOURCE_SPANS):
            _read_resource(content, request.resource_spans.add(), rejected)
    except wire.Malformed as error:
        raise Unreadable(f"The body is no OTLP trace request: {error}.") from error
    return request


def _read_resource(content: bytes, into: ResourceSpans, rejected: Counter[str]) -> None:
    scopes = []
    shell = bytearray()
    for number, kind, begin, inner, end in wire.fields(content):
        if number == bounds.SCOPE_SPANS and kind == wire.LENGTH_DELIMITED:
            scopes.append(content[inner:end])
        else:
            shell += content[begin:end]
    try:
        into.CopyFrom(_framed(bytes(shell)).resource_spans[0])
    except DecodeError:
        rejected["malformed"] += sum(_count_spans(scope) for scope in scopes)
        return
    for scope in scopes:
        _read_scope(scope, into.scope_spans.add(), rejected)


def _read_scope(content: bytes, into: ScopeSpans, rejected: Counter[str]) -> None:
    spans = []
    shell = bytearray()
    for number, kind, begin, inner, end in wire.fields(content):
        if number == bounds.SPANS and kind == wire.LENGTH_DELIMITED:
            spans.append(content[inner:end])
        else:
            shell += content[begin:end]
    try:
        into.CopyFrom(_framed(bytes(shell), bounds.SCOPE_SPANS).resource_spans[0].scope_spans[0])
    except DecodeError:
        rejected["malformed"] += len(spans)
        return
    for span in spans:
        try:
            whole = _framed(span, bounds.SPANS, bounds.SCOPE_SPANS)
        except DecodeError:
            rejected["malformed"] += 1
        else:
            into.spans.append(whole.resource_spans[0].scope_spans[0].spans[0])


def _framed(content: bytes, *numbers: int) -> ExportTraceServiceRequest:
    """The request in which `content` alone is, at the depth that it has in the whole one.

    What is accepted at a smaller depth could not be read again where it belongs.
    """
    for number in numbers:
        content = wire.field(number, content)
    return ExportTraceServiceRequest.FromString(wire.field(RESOURCE_SPANS, content))


def _count_spans(scope: bytes) -> int:
    return sum(1 for _ in wire.messages(scope, bounds.SPANS))


def count_spans(body: bytes) -> int:
    """Number of spans of a serialised request that was accepted before."""
    return sum(
        _count_spans(scope)
        for resource in wire.messages(body, RESOURCE_SPANS)
        for scope in wire.messages(resource, bounds.SCOPE_SPANS)
    )
