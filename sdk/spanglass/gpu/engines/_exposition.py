"""Reads Prometheus' text format, and OpenMetrics': names, labels and values.

A fraction of the work of a general parser: the same series come with every scrape, so what a
series means is looked up by its text, and only values are read anew. Types and timestamps are not
needed. A line that is none is counted and left out.

Source: Prometheus, "Exposition formats", text-based format 0.0.4; OpenMetrics 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_LABELS: Final = r'\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*")*\}'
#: A series, and its value. What follows is a timestamp or an exemplar.
_LINE: Final = re.compile(
    rf"^[ \t]*([a-zA-Z_:][\w:.]*[ \t]*(?:{_LABELS})?)[ \t]*(?<=[ \t}}])([^\s#]+)", re.MULTILINE
)
_SAMPLE: Final = re.compile(r"^[ \t]*[^#\s]", re.MULTILINE)
_LABEL: Final = re.compile(r'([a-zA-Z_][\w.]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def samples(text: str) -> Iterator[tuple[str, str]]:
    """Every series, as it is written, with its value, as it is written."""
    for found in _LINE.finditer(text):
        yield found[1], found[2]


def number(text: str) -> float | None:
    """A value; None where it is none, or not a number."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads more than the format has.
    return None if value != value or "_" in text else value


def split(series: str) -> tuple[str, dict[str, str]]:
    """Name and labels of a series as `samples` gives it."""
    name, brace, rest = series.partition("{")
    labels = {key: _plain(value) for key, value in _LABEL.findall(rest)} if brace else {}
    return name.strip(), labels


def lines_of(text: str) -> int:
    """Lines that should be samples."""
    return len(_SAMPLE.findall(text))


def _plain(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else _unescaped(found[1]), value)


def _unescaped(character: str) -> str:
    # Only these are escapes; another backslash is one.
    return character if character in '"\\' else "\\" + character
