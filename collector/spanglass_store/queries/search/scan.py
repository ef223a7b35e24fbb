"""Cuts a query into its terms, each with its place in the text. Never refuses anything."""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/]*(?=:)")
_OPERATOR: Final = re.compile(r">=|<=|>|<|=")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)("?)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_WORD: Final = re.compile(r"\S+")
_VALUE: Final = re.compile(r'[^\s,"][^\s,]*')


@dataclass(frozen=True)
class Value:
    """One value as it was written.

    Attributes:
        text: without quotes and escapes.
        start: place of its first character, quotes included.
        end: place after its last character.
        is_quoted: whether it stood in quotes, in which nothing has a meaning of its own.
        is_closed: whether the quotes end.
    """

    text: str
    start: int
    end: int
    is_quoted: bool = False
    is_closed: bool = True


@dataclass(frozen=True)
class RawTerm:
    """One term as it was written: `-name:<value`, or words alone where the name is empty.

    Attributes:
        start: place of its first character, a minus included.
        name_start: place of the name, or of the word.
        value_start: place after the colon and the operator.
        operator: empty where none was written.
    """

    start: int
    end: int
    is_negated: bool
    name: str
    name_start: int
    value_start: int
    operator: str
    values: tuple[Value, ...]


def scan(text: str) -> list[RawTerm]:
    """The terms of a query, in order."""
    terms: list[RawTerm] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return terms
        terms.append(_term(text, at))
        at = terms[-1].end


def _term(text: str, start: int) -> RawTerm:
    negated = text[start] == "-" and start + 1 < len(text) and not text[start + 1].isspace()
    at = start + negated
    name = _NAME.match(text, at)
    if name is None:
        value = _value(text, at, _WORD)
        return RawTerm(start, value.end, negated, "", at, at, "", (value,))
    after = name.end() + 1
    operator = _OPERATOR.match(text, after)
    place = operator.end() if operator else after
    values = [_value(text, place, _VALUE)]
    while values[-1].end < len(text) and text[values[-1].end] == ",":
        values.append(_value(text, values[-1].end + 1, _VALUE))
    return RawTerm(
        start, values[-1].end, negated, name[0], at, place,
        operator[0] if operator else "", tuple(values),
    )  # fmt: skip


def _value(text: str, at: int, word: re.Pattern[str]) -> Value:
    """The value that begins at a place; an empty one where none does."""
    if quoted := _QUOTED.match(text, at):
        said = _ESCAPE.sub(r"\1", quoted[1])
        return Value(said, at, quoted.end(), True, quoted[2] == '"')
    found = word.match(text, at)
    return Value(found[0], at, found.end()) if found else Value("", at, at)


def quote(value: str) -> str:
    """A value as it has to be written to be taken as it is."""
    if value and re.fullmatch(r"[^\s,\"\\*<>=][^\s,\"*]*", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
