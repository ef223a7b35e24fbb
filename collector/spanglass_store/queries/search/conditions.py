"""A query as SQL conditions on the table of traces.

What a trace's row does not tell is asked of its spans or scores, within the range of time, as a set
of hashes of traces: eight bytes each, whatever there is of them.
"""

from typing import Any, Final

from spanglass_store.queries.search.fields import Field, Of, find
from spanglass_store.queries.search.parse import Query, Term

_TRACE: Final = "cityHash64(project, trace_id)"
#: Spans of a trace begin up to a day after it; what people say of it comes whenever they say it.
_SPANS: Final = (
    "start_time >= fromUnixTimestamp64Nano({start:Int64})"
    " AND start_time < fromUnixTimestamp64Nano({end:Int64}) + toIntervalDay(1)"
)
_SCORES: Final = "created_at >= toDateTime64(fromUnixTimestamp64Nano({start:Int64}), 6)"


class _Parameters:
    """Values of a statement under names of their own."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def __call__(self, value: str | float) -> str:
        name = f"q{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{'String' if isinstance(value, str) else 'Float64'}}}"


def conditions(query: Query, database: str) -> tuple[list[str], dict[str, Any]]:
    """SQL conditions on `traces` and their parameters.

    The statement has to give `start` and `end` of the range, in nanoseconds since 1970.
    """
    given = _Parameters()
    found = []
    for term in query.terms:
        condition = _condition(term, database, given)
        found.append(f"NOT ({condition})" if term.is_negated else f"({condition})")
    return found, given.values


def _condition(term: Term, database: str, given: _Parameters) -> str:
    field = term.field
    if field is None:
        return _words(term.values[0], given)
    if field.of is Of.ANY:
        return " OR ".join(_has(value, database, given) for value in term.values)
    if field.of is Of.SCORE:
        return _in_scores(database, f"name = {given(term.key)} AND ({_judged(term, given)})")
    if field.of is Of.TRACE:
        return _fits(field, term, field.sql, given)
    if field.of is Of.CONTENT:
        said = [_says(value, given) for value in term.values]
        return _in_spans(database, " OR ".join(said))
    sql = f"attributes[{given(term.key)}]" if field.of is Of.ATTRIBUTE else field.sql
    if field.name == "prompt":
        return _in_spans(database, _prompts(term, given))
    return _in_spans(database, _fits(field, term, sql, given))


def _fits(field: Field, term: Term, sql: str, given: _Parameters) -> str:
    if term.number is not None:
        return f"{sql} {term.operator} {given(term.number)}"
    fitting = []
    for value in term.values:
        if value in term.patterns:
            like = given(_pattern(value))
            fitting.append(
                f"arrayExists(v -> v ILIKE {like}, {sql})" if field.is_list else _like(sql, like)
            )
        else:
            exact = given(value.lower() if field.name == "trace" else value)
            fitting.append(f"has({sql}, {exact})" if field.is_list else f"{sql} = {exact}")
    return " OR ".join(fitting)


def _prompts(term: Term, given: _Parameters) -> str:
    """By name; by name and version where there is an `@`."""
    fitting = []
    for value in term.values:
        column = "concat(prompt_name, '@', prompt_version)" if "@" in value else "prompt_name"
        if value in term.patterns:
            fitting.append(f"{column} ILIKE {given(_pattern(value))}")
        else:
            fitting.append(f"{column} = {given(value)}")
    # A span without a prompt would be `@`.
    return f"prompt_name != '' AND ({' OR '.join(fitting)})"


def _judged(term: Term, given: _Parameters) -> str:
    if term.number is not None:
        return f"value {term.operator} {given(term.number)}"
    return " OR ".join(
        _like("label", given(_pattern(value)))
        if value in term.patterns
        else f"label = {given(value)}"
        for value in term.values
    )


def _words(text: str, given: _Parameters) -> str:
    words = given(text)
    return (
        f"positionCaseInsensitiveUTF8(root_name, {words}) > 0 OR trace_id = lower({words})"
        f" OR arrayExists(s -> positionCaseInsensitiveUTF8(s, {words}) > 0, services)"
    )


def _says(text: str, given: _Parameters) -> str:
    words = given(text)
    return " OR ".join(
        f"positionCaseInsensitiveUTF8({column}, {words}) > 0" for column in ("input", "output")
    )


def _has(name: str, database: str, given: _Parameters) -> str:
    found = find(name)
    assert found is not None, "the parser asks for a field"
    field, key = found
    if field.of is Of.SCORE:
        return _in_scores(database, f"name = {given(key)}")
    if field.of is Of.ATTRIBUTE:
        return _in_spans(database, f"mapContains(attributes, {given(key)})")
    there = (
        f"{field.sql} > 0" if field.is_number else
        f"notEmpty({field.sql})" if field.is_list else f"{field.sql} != ''"
    )  # fmt: skip
    return there if field.of is Of.TRACE else _in_spans(database, there)


def _in_spans(database: str, condition: str) -> str:
    return (
        f"{_TRACE} IN (SELECT {_TRACE} FROM {database}.spans"
        f" WHERE {_SPANS} AND ({condition}))"
    )  # fmt: skip


def _in_scores(database: str, condition: str) -> str:
    return (
        f"{_TRACE} IN (SELECT {_TRACE} FROM {database}.scores FINAL"
        f" WHERE {_SCORES} AND trace_id != '' AND {condition})"
    )


def _like(sql: str, pattern: str) -> str:
    """`*` stands for anything that is there: `error:*` is not for spans without an error."""
    return f"({sql} ILIKE {pattern} AND {sql} != '')"


def _pattern(value: str) -> str:
    """For `ILIKE`: `*` is anything, all else itself."""
    plain = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return plain.replace("*", "%")
