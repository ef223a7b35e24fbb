"""What could be written next: fields, and values that occur."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.search.fields import ALIASES, FIELDS, Field, Kind, Of, find
from spanglass_store.queries.search.scan import RawTerm, Value, quote, scan
from spanglass_store.queries.traces import TraceFilter

#: Options at most.
MOST_OPTIONS: Final = 12
#: Values are looked for in no more than the last part of a range.
_LOOK_BACK: Final = timedelta(days=7)
#: Spans whose attributes' keys are looked at.
_MOST_SPANS: Final = 10_000


@dataclass(frozen=True)
class Option:
    """Something that can stand in a place of the query.

    Attributes:
        insert: the text to put there.
        about: what it means, in a few words.
        count: how often it occurs; None where that was not counted.
    """

    insert: str
    about: str = ""
    count: int | None = None


@dataclass(frozen=True)
class Completion:
    """What fits a place of the query, and which part of the text it would replace."""

    start: int
    end: int
    options: Sequence[Option] = ()


def complete(store: Store, which: TraceFilter, text: str, at: int) -> Completion:
    """What could stand where the caret is.

    Args:
        store: as a reader.
        which: the range of time and the project whose values are looked at.
        text: the query so far.
        at: place of the caret, from 0.
    """
    term = next((each for each in scan(text) if each.start <= at <= each.end), None)
    if term is None:
        return Completion(at, at, _names(store, which, ""))
    if not term.name:
        word = term.values[0]
        # In quotes, people say what they look for in words of their own.
        if word.is_quoted or at < term.name_start:
            return Completion(at, at)
        return Completion(
            term.name_start, word.end, _names(store, which, text[term.name_start : at])
        )
    if at <= term.name_start + len(term.name):
        # The colon is part of what a field's name is completed to.
        end = term.name_start + len(term.name) + 1
        return Completion(term.name_start, end, _names(store, which, text[term.name_start : at]))
    found = find(term.name)
    value = _value_at(term, at)
    if found is None or value is None:
        return Completion(at, at)
    field, key = found
    typed = value.text if value.is_quoted else text[value.start : at]
    return Completion(value.start, value.end, _values(store, which, field, key, typed))


def _value_at(term: RawTerm, at: int) -> Value | None:
    return next((value for value in term.values if value.start <= at <= value.end), None)


def _names(store: Store, which: TraceFilter, typed: str) -> list[Option]:
    head, dot, key = typed.lower().partition(".")
    name = ALIASES.get(head, head)
    if dot and name == "score":
        return [
            Option(f"score.{row['value']}:", "score", row["count"])
            for row in _score_names(store, which, key)
        ]
    if dot and name == "attr":
        return [
            Option(f"attr.{row['value']}:", "attribute", row["count"])
            for row in _attribute_keys(store, which, key)
        ]
    fitting = [field for field in FIELDS.values() if field.name.startswith(head)]
    fitting += [FIELDS[ALIASES[alias]] for alias in ALIASES if alias.startswith(head)]
    fitting += [field for field in FIELDS.values() if head in field.name]
    keyed = {Of.SCORE: ".", Of.ATTRIBUTE: "."}
    unique = {field.name: field for field in fitting}
    return [
        Option(field.name + keyed.get(field.of, ":"), field.about)
        for field in list(unique.values())[:MOST_OPTIONS]
    ]


def _values(store: Store, which: TraceFilter, field: Field, key: str, typed: str) -> list[Option]:
    if field.choices:
        return [Option(each) for each in field.choices if each.startswith(typed.lower())]
    if field.of is Of.ANY:
        names = [each.name for each in FIELDS.values() if each.of not in (Of.ANY, Of.CONTENT)]
        return [Option(each) for each in names if each.startswith(typed)][:MOST_OPTIONS]
    if field.of is Of.CONTENT:
        return []
    if field.is_number:
        numbers = [Option(each) for each in field.examples if each.startswith(typed)]
        if field.kind is not Kind.NUMBER:
            return numbers
        return numbers + _shown(_labels(store, which, key, typed))
    if field.of is Of.TRACE:
        return _shown(_of_traces(store, which, field, typed))
    return _shown(_of_spans(store, which, field, key, typed))


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[Option]:
    return [Option(quote(row["value"]), "", row["count"]) for row in rows]


def _recent(which: TraceFilter) -> TraceFilter:
    start = max(which.start, which.end - _LOOK_BACK)
    return TraceFilter(start, which.end, which.project)


def _of_traces(store: Store, which: TraceFilter, field: Field, typed: str) -> list[dict[str, Any]]:
    where, values = _recent(which).conditions(store.database)
    sql = f"arrayJoin({field.sql})" if field.is_list else field.sql
    return _counted(
        store, f"SELECT {sql} AS v FROM {store.database}.traces AS t FINAL"
        f" WHERE {' AND '.join(where)}", values, typed,
    )  # fmt: skip


def _of_spans(
    store: Store, which: TraceFilter, field: Field, key: str, typed: str
) -> list[dict[str, Any]]:
    where, values = _span_range(which)
    sql = f"arrayJoin({field.sql})" if field.is_list else field.sql
    if field.of is Of.ATTRIBUTE:
        sql, values["key"] = "attributes[{key:String}]", key
    return _counted(
        store, f"SELECT {sql} AS v FROM {store.database}.spans WHERE {where}", values, typed
    )


def _score_names(store: Store, which: TraceFilter, typed: str) -> list[dict[str, Any]]:
    where, values = _score_range(which)
    source = f"SELECT name AS v FROM {store.database}.scores WHERE {where}"
    return _counted(store, source, values, typed)


def _labels(store: Store, which: TraceFilter, key: str, typed: str) -> list[dict[str, Any]]:
    where, values = _score_range(which)
    values["key"] = key
    source = (
        f"SELECT label AS v FROM {store.database}.scores WHERE {where} AND name = {{key:String}}"
    )
    return _counted(store, source, values, typed)


def _attribute_keys(store: Store, which: TraceFilter, typed: str) -> list[dict[str, Any]]:
    where, values = _span_range(which)
    values["spans"] = _MOST_SPANS
    source = (
        f"SELECT arrayJoin(mapKeys(attributes)) AS v FROM (SELECT attributes"
        f" FROM {store.database}.spans WHERE {where} LIMIT {{spans:UInt32}})"
    )
    return _counted(store, source, values, typed)


def _span_range(which: TraceFilter) -> tuple[str, dict[str, Any]]:
    return _range(which, "start_time")


def _score_range(which: TraceFilter) -> tuple[str, dict[str, Any]]:
    return _range(which, "created_at")


def _range(which: TraceFilter, column: str) -> tuple[str, dict[str, Any]]:
    recent = _recent(which)
    where = (
        f"{column} >= {{start:DateTime64(6, 'UTC')}} AND {column} < {{end:DateTime64(6, 'UTC')}}"
    )
    values: dict[str, Any] = {"start": recent.start, "end": recent.end}
    if which.project:
        where += " AND project = {project:String}"
        values["project"] = which.project
    return where, values


def _counted(
    store: Store, source: str, values: Mapping[str, Any], typed: str
) -> list[dict[str, Any]]:
    """Values of a source that contain what was typed, those that begin with it first."""
    return store.query(
        f"SELECT toString(v) AS value, count() AS count FROM ({source})"
        " WHERE value != '' AND positionCaseInsensitiveUTF8(value, {typed:String}) > 0"
        " GROUP BY value"
        " ORDER BY startsWith(lowerUTF8(value), lowerUTF8({typed:String})) DESC, count DESC, value"
        " LIMIT {most:UInt32}",
        {**values, "typed": typed.strip("*"), "most": MOST_OPTIONS},
    ).dicts()
