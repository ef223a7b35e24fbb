"""What requests of each signal look like inside, and which of their items can be kept.

Their requests are alike down to the items (see `signals`). What differs is here: names, what an
item takes at least, where its values are, and what makes one unacceptable.

Spans and log records are here, metrics in `metric_form`.

Source: opentelemetry-proto 1.9, `trace/v1` and `logs/v1`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Times(NamedTuple):
    """Which times are kept, in nanoseconds since 1970.

    Attributes:
        first: the earliest.
        last: the latest.
        now: the present.
    """

    first: int
    last: int
    now: int


class Sorted(NamedTuple):
    """What became of the items of one scope.

    Attributes:
        kept: how many can be kept.
        changed: whether others were taken out, or something was put in.
    """

    kept: int
    changed: bool


@dataclass(frozen=True)
class Form:
    """The inside of one signal's requests.

    Attributes:
        name: what requests are requests of, as messages to people call it.
        term: what is counted.
        request: the request's message.
        resources: its field that lists resources.
        scopes: a resource's field that lists scopes.
        listed: a scope's field that lists items, or what holds them.
        entry: the message of that field.
        holders: fields of an entry whose field 1 lists items; none where an entry is an item.
        least: bytes that an entry takes at least if it can be kept.
        success: the answer's message.
        partial: the part of the answer that says what was refused.
        refused: the field of that part that says how many.
        inside: what can be in an entry more than once, by message and field number.
        sort: takes out of a scope's entries what can't be kept, and counts the reasons.
        sizes: the number of messages in a scope's entries that are as small as items.
        children: the number of attributes and the like in an entry, but for those in values.
        values: every value in entries that can be a list or a map.
        always_nested: whether values that SQL does not unfold are the rule.
        unpacked: memory that the store needs for a scope's entries beyond what came, in bytes.
    """

    name: str
    term: str
    request: Any
    resources: str
    scopes: str
    listed: str
    entry: Any
    least: int
    success: Any
    partial: Any
    refused: str
    inside: Mapping[str, Mapping[int, str]]
    sort: Callable[[Any, Times, Counter[str]], Sorted]
    sizes: Callable[[Any], int]
    children: Callable[[Any], int]
    values: Callable[[Iterable[Any]], Iterator[AnyValue]]
    always_nested: bool = False
    holders: frozenset[int] = frozenset()
    unpacked: Callable[[Any], int] = lambda entries: 0

    def response(self, rejected: int, message: str) -> Any:
        """The answer to a request of which something was refused."""
        partial = self.partial(error_message=message, **{self.refused: rejected})
        return self.success(partial_success=partial)

    def values_of(self, of: Iterable[Any]) -> Iterator[AnyValue]:
        """Every value of resources, scopes and items that can be a list or a map."""
        for resource in of:
            for attribute in resource.resource.attributes:
                yield attribute.value
            for scope in getattr(resource, self.scopes):
                for attribute in scope.scope.attributes:
                    yield attribute.value
                yield from self.values(getattr(scope, self.listed))


_ZERO_TRACE: Final = bytes(16)
_ZERO_SPAN: Final = bytes(8)

#: Most values (attributes, events, items of lists, at any depth) of a large span or the like. A
#: hundred embeddings of 1,536 numbers have a third of that.
MOST_VALUES: Final = 500_000

#: Most buckets of an exponential histogram. An empty one is a byte on its way and a hundred while
#: it is stored. SDKs make 160 on each side.
MOST_BUCKETS: Final = 10_000

#: Reasons for refusing an item, as the metrics name them, with what the sender is told.
REASONS: Final = {
    "trace_id": "the trace id is not 16 bytes, or zero",
    "span_id": "the span id is not 8 bytes, or zero",
    "parent_span_id": "the parent span id is neither empty nor 8 bytes",
    "too_old": "the time is older than what is kept",
    "in_future": "the time is more than a day in the future",
    "no_start": "the start time is missing",
    "no_time": "the time is missing",
    "no_name": "the metric has no name",
    "no_value": "the point has no value",
    "bad_buckets": "there has to be one more bucket count than bounds, and bounds have to rise",
    "too_many_buckets": f"the histogram has more than {MOST_BUCKETS:,} buckets",
    "malformed": "it is no valid protobuf, has invalid UTF-8 or is nested too deeply",
    "too_many_values": f"it has more than {MOST_VALUES:,} values",
    "quota": "the project's quota is used up",
}

#: What is inside attributes, wherever they are.
ATTRIBUTES: Final[Mapping[str, Mapping[int, str]]] = {
    "attribute": {2: "value"},
    "value": {5: "list", 6: "entries"},
    "list": {1: "value"},
    "entries": {1: "attribute"},
}


def outside(time: int, times: Times) -> str:
    """Why a time that is not kept is not."""
    return "too_old" if time < times.first else "in_future"


def take_out(entries: Any, bad: Sequence[int]) -> None:
    """Takes entries out of a repeated field, by index, in rising order."""
    for index in reversed(bad):
        del entries[index]


# -- spans -------------------------------------------------------------------------------------


def _sort_spans(spans: Any, times: Times, rejected: Counter[str]) -> Sorted:
    first, last, _ = times
    bad: list[int] = []
    for index, span in enumerate(spans):
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
        rejected[_wrong_span(span, times)] += 1
    take_out(spans, bad)
    return Sorted(len(spans), bool(bad))


def _wrong_span(span: Span, times: Times) -> str:
    if len(span.trace_id) != 16 or span.trace_id == _ZERO_TRACE:
        return "trace_id"
    if len(span.span_id) != 8 or span.span_id == _ZERO_SPAN:
        return "span_id"
    if len(span.parent_span_id) not in (0, 8):
        return "parent_span_id"
    if span.start_time_unix_nano == 0:
        return "no_start"
    return outside(span.start_time_unix_nano, times)


def _span_values(spans: Iterable[Any]) -> Iterator[AnyValue]:
    for span in spans:
        for attribute in span.attributes:
            yield attribute.value
        for part in (*span.events, *span.links):
            for attribute in part.attributes:
                yield attribute.value


def _span_children(span: Any) -> int:
    parts = (*span.events, *span.links)
    return len(span.attributes) + len(parts) + sum(len(part.attributes) for part in parts)


SPANS: Final = Form(
    name="trace",
    term="spans",
    request=ExportTraceServiceRequest,
    resources="resource_spans",
    scopes="scope_spans",
    listed="spans",
    entry=Span,
    # Two ids, a start and their tags.
    least=37,
    success=ExportTraceServiceResponse,
    partial=ExportTracePartialSuccess,
    refused="rejected_spans",
    inside={
        "item": {9: "attribute", 11: "event", 13: "link"},
        "event": {3: "attribute"},
        "link": {4: "attribute"},
        **ATTRIBUTES,
    },
    sort=_sort_spans,
    sizes=len,
    children=_span_children,
    values=_span_values,
)


# -- log records -------------------------------------------------------------------------------


def _sort_records(records: Any, times: Times, rejected: Counter[str]) -> Sorted:
    bad: list[int] = []
    stamped = False
    for index, record in enumerate(records):
        time = record.time_unix_nano or record.observed_time_unix_nano
        if not time:
            # The protocol leaves it to whoever collects the record to say when that was.
            record.observed_time_unix_nano = time = times.now
            stamped = True
        reason = ""
        if len(record.trace_id) not in (0, 16):
            reason = "trace_id"
        elif len(record.span_id) not in (0, 8):
            reason = "span_id"
        elif not times.first <= time <= times.last:
            reason = outside(time, times)
        if reason:
            bad.append(index)
            rejected[reason] += 1
    take_out(records, bad)
    return Sorted(len(records), stamped or bool(bad))


def _record_values(records: Iterable[Any]) -> Iterator[AnyValue]:
    for record in records:
        yield record.body
        for attribute in record.attributes:
            yield attribute.value


LOGS: Final = Form(
    name="log",
    term="log records",
    request=ExportLogsServiceRequest,
    resources="resource_logs",
    scopes="scope_logs",
    listed="log_records",
    entry=LogRecord,
    # A body of one letter; the time is put in.
    least=7,
    success=ExportLogsServiceResponse,
    partial=ExportLogsPartialSuccess,
    refused="rejected_log_records",
    inside={"item": {5: "value", 6: "attribute"}, **ATTRIBUTES},
    sort=_sort_records,
    sizes=len,
    children=lambda record: len(record.attributes),
    values=_record_values,
    # Events have structured bodies.
    always_nested=True,
)
