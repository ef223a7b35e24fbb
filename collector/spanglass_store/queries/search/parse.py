"""Reads a query: what it asks, or where it is wrong and what was expected there."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from spanglass_store.errors import StoreError
from spanglass_store.queries.search.fields import ALIASES, FIELDS, KEYED, Field, Kind, Of, find
from spanglass_store.queries.search.scan import RawTerm, Value, scan

#: Characters of a query, terms, values of a term.
LONGEST: Final = 1000
MOST_TERMS: Final = 30
MOST_VALUES: Final = 50
#: Terms that look beyond the table of traces, each of which costs a query of its own.
MOST_BEYOND: Final = 5

_NUMBER: Final = re.compile(r"(-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµμ]*)")
_UNITS: Final[Mapping[Kind, Mapping[str, float]]] = {
    Kind.DURATION: {
        "": 1, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60,
        "min": 60, "h": 3600, "d": 86_400,
    },
    Kind.MONEY: {"": 1},
    Kind.COUNT: {"": 1, "k": 1e3, "m": 1e6},
    Kind.NUMBER: {"": 1},
}  # fmt: skip
_EXPECTED: Final[Mapping[Kind, str]] = {
    Kind.DURATION: "a duration like 2s, 150ms or 5m",
    Kind.MONEY: "an amount of dollars like 0.05",
    Kind.COUNT: "a number like 500 or 10k",
    Kind.NUMBER: "a number like 0.5",
}


class QueryError(StoreError):
    """A query that can't be read.

    Attributes:
        at: place of the first character that is wrong, from 0.
        length: how many are; 0 where something is missing.
        reason: what is wrong and what was expected.
    """

    def __init__(self, at: int, length: int, reason: str) -> None:
        super().__init__(f"The query is wrong at character {at + 1}: {reason}")
        self.at = at
        self.length = length
        self.reason = reason


@dataclass(frozen=True)
class Term:
    """One condition; all of a query's have to hold.

    Attributes:
        field: what it is about; None for words in a name.
        key: the score's or the attribute's name.
        operator: `=`, `<`, `<=`, `>` or `>=`.
        values: of which one has to fit.
        patterns: of `values`, those with a `*` that stands for anything.
        number: the value in the field's unit, where that is one.
        start: where it stands in the text.
    """

    field: Field | None
    key: str
    operator: str
    values: tuple[str, ...]
    patterns: frozenset[str]
    number: float | None
    is_negated: bool
    start: int
    end: int

    @property
    def is_beyond(self) -> bool:
        """Whether the table of traces does not tell."""
        if self.field is None or self.field.of is Of.TRACE:
            return False
        if self.field.of is Of.ANY:
            found = find(self.values[0])
            return found is not None and found[0].of is not Of.TRACE
        return True

    @property
    def reads_content(self) -> bool:
        """Whether it reads what people and models wrote."""
        return self.field is not None and self.field.of is Of.CONTENT


@dataclass(frozen=True)
class Query:
    """What a text asks for."""

    terms: tuple[Term, ...] = ()

    @property
    def reads_content(self) -> bool:
        return any(term.reads_content for term in self.terms)


def parse(text: str) -> Query:
    """What a text asks for.

    Raises:
        QueryError: if it can't be read; says where and what was expected.
    """
    if len(text) > LONGEST:
        raise QueryError(LONGEST, 0, f"it is longer than {LONGEST} characters.")
    terms: list[Term] = []
    beyond = 0
    for raw in scan(text):
        term = _term(raw)
        terms.append(term)
        beyond += term.is_beyond
        if len(terms) > MOST_TERMS:
            raise QueryError(raw.start, raw.end - raw.start, f"{MOST_TERMS} terms are the most.")
        if beyond > MOST_BEYOND:
            raise QueryError(
                raw.start, raw.end - raw.start,
                f"{MOST_BEYOND} conditions on spans, scores, attributes or content are the most.",
            )  # fmt: skip
    return Query(tuple(terms))


def _term(raw: RawTerm) -> Term:
    for value in raw.values:
        if not value.is_closed:
            raise QueryError(value.end, 0, 'a closing quote (") is missing.')
    if not raw.name:
        word = raw.values[0]
        if not word.text:
            raise QueryError(word.start, word.end - word.start, "these quotes are empty.")
        return _made(raw, None, "", "=", frozenset())
    field, key = _field(raw)
    last = raw.values[-1]
    for value in raw.values:
        if not value.text:
            hint = _EXPECTED.get(field.kind, "a value")
            if field.choices:
                hint = " or ".join(field.choices)
            raise QueryError(value.start, 0, f"{hint} is expected after {raw.name}:")
    if len(raw.values) > MOST_VALUES:
        raise QueryError(last.start, last.end - last.start, f"{MOST_VALUES} values are the most.")
    labelled = field.of is Of.SCORE and not raw.operator and _number(raw.values[0], field) is None
    if field.is_number and not labelled:
        return _comparison(raw, field, key)
    if raw.operator not in ("", "="):
        raise QueryError(
            raw.value_start - len(raw.operator), len(raw.operator),
            f"{field.name} is no number, so {raw.operator} can't compare it."
            f" Write {raw.name}:value.",
        )  # fmt: skip
    for value in raw.values:
        _check(field, value)
    patterns = frozenset(
        value.text
        for value in raw.values
        if "*" in value.text and not value.is_quoted and field.of is not Of.CONTENT
    )
    return _made(raw, field, key, "=", patterns)


def _field(raw: RawTerm) -> tuple[Field, str]:
    found = find(raw.name)
    if found:
        return found
    head, _, key = raw.name.partition(".")
    head = head.lower()
    length = len(raw.name)
    known = FIELDS.get(ALIASES.get(head, head))
    if known is not None and known.name in KEYED and not key:
        what = "score" if known.name == "score" else "attribute"
        raise QueryError(
            raw.name_start + length, 0,
            f"the name of the {what} is expected: {known.about.partition(': ')[2]}",
        )  # fmt: skip
    near = get_close_matches(head, [*FIELDS, *ALIASES], 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise QueryError(
        raw.name_start, length,
        f"there is no field {raw.name!r}.{guess} To look for the text itself, put it in quotes.",
    )  # fmt: skip


def _comparison(raw: RawTerm, field: Field, key: str) -> Term:
    first = raw.values[0]
    if len(raw.values) > 1:
        raise QueryError(
            raw.values[1].start, raw.values[1].end - raw.values[1].start,
            f"{raw.name} takes one number. Write two terms for a range: "
            f"{raw.name}:>1 {raw.name}:<2",
        )  # fmt: skip
    number = _number(first, field)
    if number is None:
        raise QueryError(
            first.start, first.end - first.start,
            f"{_EXPECTED[field.kind]} is expected, not {first.text!r}.",
        )  # fmt: skip
    return _made(raw, field, key, raw.operator or "=", frozenset(), number)


def _number(value: Value, field: Field) -> float | None:
    text = value.text.removeprefix("$") if field.kind is Kind.MONEY else value.text
    found = _NUMBER.fullmatch(text)
    unit = _UNITS[field.kind].get(found[2].lower()) if found else None
    if found is None or unit is None:
        return None
    number = float(found[1]) * unit
    return number if math.isfinite(number) else None


def _check(field: Field, value: Value) -> None:
    length = value.end - value.start
    if field.choices and value.text not in field.choices:
        expected = " or ".join(field.choices)
        raise QueryError(
            value.start, length,
            f"{field.name} is {expected}, not {value.text!r}.",
        )  # fmt: skip
    if field.of is Of.ANY:
        found = find(value.text)
        if found is None or found[0].of in (Of.ANY, Of.CONTENT):
            raise QueryError(
                value.start, length,
                f"has: takes a field, like has:user or has:score.groundedness,"
                f" not {value.text!r}.",
            )  # fmt: skip


def _made(
    raw: RawTerm,
    field: Field | None,
    key: str,
    operator: str,
    patterns: frozenset[str],
    number: float | None = None,
) -> Term:
    values = tuple(value.text for value in raw.values)
    return Term(field, key, operator, values, patterns, number, raw.is_negated, raw.start, raw.end)
