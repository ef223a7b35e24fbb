"""Messages that came as log events, written into the span that they are about.

Instrumentations that follow OpenTelemetry's older conventions, and newer ones that are told to,
send prompts and answers as log records beside a span. The API shows them with it at once. Here a
span gets them as its own `input` and `output`, so that SQL, searches and detectors find them: a
newer version of its row, which takes the older one's place as one that was sent twice does. What
the span says itself stays, and the records do, too.

Whichever comes later, span or records, is looked at when it has come.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, StoreOverloaded
from spanglass_store.queries.logs import DETAILS, INPUT, MESSAGE_EVENTS, OUTPUT
from spanglass_store.span_versions import write_versions

log = logging.getLogger(__name__)

#: The attribute of a span that names the sides which came as events: `input`, `output`, or both.
FROM_EVENTS: Final = "spanglass.messages_from_events"
#: How far from its trace a record is looked for, in days.
_DAYS: Final = 1
#: Spans that are looked at together, and bytes of messages that are written together.
_SPANS: Final = 500
_BYTES: Final = 8 << 20
_EVENTS: Final = repr((DETAILS, *MESSAGE_EVENTS))
_KEYS: Final = "{keys:Array(Tuple(String, String, String))}"
_LIMITS: Final = {"max_threads": 1, "max_block_size": 1024, "max_memory_usage": 512 << 20}


@dataclass(frozen=True, order=True)
class SpanKey:
    """Which span."""

    project: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, order=True)
class Sender:
    """A service of a project."""

    project: str
    service: str


def senders(store: Store, days: int) -> set[Sender]:
    """Who has sent messages as events in the last days."""
    rows = store.query(
        f"SELECT DISTINCT project, service FROM {store.database}.logs"
        f" WHERE event_name IN {_EVENTS} AND toDate(time) >= today() - {{days:UInt16}}",
        {"days": days},
    ).rows
    return {Sender(str(project), str(service)) for project, service in rows}


def oldest(store: Store) -> int | None:
    """When the first message came as an event, in microseconds since 1970; None if none has."""
    first, count = store.row(
        f"SELECT toUnixTimestamp64Micro(min(ingested_at)), count() FROM {store.database}.logs"
        f" WHERE event_name IN {_EVENTS}"
    )
    return int(first) if count else None


def arrived(
    store: Store, after: int, until: int, known: Sequence[Sender]
) -> tuple[set[SpanKey], set[Sender]]:
    """What came in a time that may belong together with something.

    Args:
        store: as the owner.
        after: exclusive, in microseconds since 1970.
        until: inclusive.
        known: who sends messages as events, as far as is known.

    Returns:
        Spans that records came for, and spans of those who send such records that lack messages;
        and who sent records.
    """
    window = (
        "ingested_at > fromUnixTimestamp64Micro({after:Int64}, 'UTC')"
        " AND ingested_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
    )
    times = {"after": after, "until": until}
    found, who = set[SpanKey](), set[Sender](known)
    for project, service, trace_id, span_id in store.query(
        f"SELECT DISTINCT project, service, trace_id, span_id FROM {store.database}.logs"
        f" WHERE {window} AND event_name IN {_EVENTS} AND span_id != ''",
        times,
        _LIMITS,
    ).rows:
        found.add(SpanKey(str(project), str(trace_id), str(span_id)))
        who.add(Sender(str(project), str(service)))
    if who:
        rows = store.query(
            f"SELECT DISTINCT project, trace_id, span_id FROM {store.database}.spans"
            f" WHERE {window} AND (input_key = '' OR output_key = '') AND operation != ''"
            " AND (project, service) IN {who:Array(Tuple(String, String))}",
            {**times, "who": [(each.project, each.service) for each in who]},
            _LIMITS,
        ).rows
        found.update(SpanKey(*map(str, row)) for row in rows)
    return found, who


def join(store: Store, keys: set[SpanKey]) -> int:
    """Writes messages of events into those of some spans that lack them.

    Doing it again changes nothing.

    Args:
        store: as the owner.
        keys: spans, which need not be there.

    Returns:
        How many spans have got messages, or more of them.

    Raises:
        StoreUnavailable: if ClickHouse can't do it now.
    """
    done = 0
    rest = iter(sorted(keys))
    while some := list(islice(rest, _SPANS)):
        done += _join(store, some)
    return done


def _join(store: Store, keys: Sequence[SpanKey]) -> int:
    bounds = _bounds(store, keys)
    if bounds is None:
        return 0
    try:
        done = 0
        for batch in _lacking(store, keys, bounds):
            _write(store, batch, bounds)
            done += len(batch)
    except (QueryRefused, StoreOverloaded) as error:
        if len(keys) == 1:
            log.warning("%s gets no messages of its log events: %s", keys[0], error)
            return 0
        half = len(keys) // 2
        return _join(store, keys[:half]) + _join(store, keys[half:])
    return done


def _bounds(store: Store, keys: Sequence[SpanKey]) -> dict[str, int] | None:
    """The first and last second of the spans' traces; None where none of them is there."""
    first, last, count = store.row(
        "SELECT toUnixTimestamp(min(t.start_time)), toUnixTimestamp(max(t.end_time)), count()"
        f" FROM {store.database}.traces AS t"
        " WHERE (t.project, t.trace_id) IN {traces:Array(Tuple(String, String))}",
        {"traces": sorted({(key.project, key.trace_id) for key in keys})},
        _LIMITS,
    )
    return {"first": int(first), "last": int(last)} if count else None


def _values(keys: Sequence[SpanKey], bounds: dict[str, int]) -> dict[str, Any]:
    return {
        "keys": [(key.project, key.trace_id, key.span_id) for key in keys],
        "traces": sorted({key.trace_id for key in keys}),
        **bounds,
    }


def _lacking(
    store: Store, keys: Sequence[SpanKey], bounds: dict[str, int]
) -> Iterator[list[SpanKey]]:
    """Those of some spans that get messages, as many together as are written together."""
    rows = store.query(
        "SELECT project, trace_id, span_id,"
        " length(new_input) + length(new_output) + length(toString(new_payload)) AS bytes"
        f" FROM {_merged(store)} WHERE is_new",
        _values(keys, bounds),
        _LIMITS,
    ).rows
    batch, size = list[SpanKey](), 0
    for project, trace_id, span_id, length in rows:
        if batch and size + int(length) > _BYTES:
            yield batch
            batch, size = [], 0
        batch.append(SpanKey(str(project), str(trace_id), str(span_id)))
        size += int(length)
    if batch:
        yield batch


def _write(store: Store, keys: Sequence[SpanKey], bounds: dict[str, int]) -> None:
    changed = {
        "input": "new_input",
        "input_key": f"if(fills_input, '{INPUT}', input_key)",
        "output": "new_output",
        "output_key": f"if(fills_output, '{OUTPUT}', output_key)",
        "payload_attributes": "new_payload",
        "attributes": f"mapUpdate(attributes, map('{FROM_EVENTS}', new_mark))",
        "attribute_types": "mapUpdate(attribute_types, more_types)",
        "ingested_at": "now64(6)",
    }
    write_versions(store, _merged(store), changed, _values(keys, bounds))


def _merged(store: Store) -> str:
    """A subquery: spans with what log events say of them, and which of it is new."""
    spans = (
        f"SELECT * FROM {store.database}.spans WHERE (project, trace_id, span_id) IN {_KEYS}"
        " AND toStartOfMinute(start_time) >= toStartOfMinute(toDateTime({first:UInt32}, 'UTC'))"
        " AND toStartOfMinute(start_time) <= toDateTime({last:UInt32}, 'UTC')"
        " ORDER BY ingested_at DESC LIMIT 1 BY project, trace_id, span_id"
    )
    records = (
        "SELECT project, trace_id, span_id, event_name, time, observed_time, payload_attributes,"
        f" attribute_types FROM {store.database}.logs FINAL"
        " WHERE trace_id IN {traces:Array(String)} AND (project, trace_id, span_id) IN"
        f" {_KEYS} AND event_name IN {_EVENTS}"
        f" AND toDate(time) >= toDate(toDateTime({{first:UInt32}}, 'UTC')) - {_DAYS}"
        f" AND toDate(time) <= toDate(toDateTime({{last:UInt32}}, 'UTC')) + {_DAYS}"
    )
    said = (
        "SELECT project AS of_project, trace_id AS of_trace, span_id AS of_span,"
        f" {_side(INPUT)} AS said_input,"
        f" {_side(OUTPUT)} AS said_output,"
        f" argMaxIf(mapFilter((k, v) -> k NOT IN ('{INPUT}', '{OUTPUT}'), payload_attributes),"
        f" (time, observed_time), event_name = '{DETAILS}') AS said_payload,"
        f" argMaxIf(attribute_types, (time, observed_time), event_name = '{DETAILS}') AS said_types"
        f" FROM ({records}) GROUP BY project, trace_id, span_id"
    )
    both = (
        "SELECT s.*, said_input, said_output, said_payload, said_types,"
        f" splitByChar(' ', s.attributes['{FROM_EVENTS}']) AS sides,"
        " said_input != '' AND (s.input_key = '' OR has(sides, 'input')) AS fills_input,"
        " said_output != '' AND (s.output_key = '' OR has(sides, 'output')) AS fills_output,"
        " if(fills_input, said_input, s.input) AS new_input,"
        " if(fills_output, said_output, s.output) AS new_output,"
        # What the span says itself goes before.
        " mapUpdate(said_payload, s.payload_attributes) AS new_payload,"
        " mapFilter((k, v) -> mapContains(said_payload, k)"
        " AND NOT mapContains(s.attribute_types, k), said_types) AS more_types,"
        " arrayStringConcat(arrayFilter(side -> (side = 'input' AND fills_input)"
        " OR (side = 'output' AND fills_output) OR has(sides, side), ['input', 'output']), ' ')"
        " AS new_mark"
        f" FROM ({spans}) AS s INNER JOIN ({said}) AS m"
        " ON project = of_project AND trace_id = of_trace AND span_id = of_span"
    )
    return (
        "(SELECT *, (fills_input OR fills_output OR length(said_payload) > 0) AND"
        " (new_input != input OR new_output != output OR"
        f" length(new_payload) != length(payload_attributes)) AS is_new FROM ({both}))"
    )


def _side(key: str) -> str:
    """The messages of one side: those of the last event that has all, or else of all events."""
    text = f"payload_attributes['{key}']"
    of_details = f"event_name = '{DETAILS}' AND {text} != ''"
    # What is no list counts as one message, what is no JSON as a text.
    messages = (
        "multiIf(JSONType(e.3) = 'Array', JSONExtractArrayRaw(e.3),"
        " isValidJSON(e.3), [e.3], [toJSONString(e.3)])"
    )
    parts = (
        f"arraySort(groupArrayIf((time, observed_time, {text}),"
        f" event_name != '{DETAILS}' AND {text} != ''))"
    )
    return (
        f"if(countIf({of_details}) > 0, argMaxIf({text}, (time, observed_time), {of_details}),"
        f" if(empty({parts}), '', concat('[', arrayStringConcat("
        f"arrayFlatten(arrayMap(e -> {messages}, {parts})), ','), ']')))"
    )


def backlog_ends(store: Store, after: int, until: int, most: int) -> int:
    """An end for a window that begins at `after` and holds at most so many records, if it can.

    Records of one insert came at one moment and are not told apart.

    Raises:
        StoreUnavailable: if ClickHouse can't say.
    """
    while until - after > 1:
        (count,) = store.row(
            f"SELECT count() FROM {store.database}.logs"
            " WHERE ingested_at > fromUnixTimestamp64Micro({after:Int64}, 'UTC')"
            " AND ingested_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
            f" AND event_name IN {_EVENTS}",
            {"after": after, "until": until},
        )
        if int(count) <= most:
            break
        until = after + (until - after) // 2
    return until
