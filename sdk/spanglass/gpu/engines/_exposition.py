"""Reads Prometheus' text format, and OpenMetrics': names, labels and values.

A fraction of the work of a general parser: the same series come with every scrape, so whoever
uses it looks up what a series means by its text, and only values are read anew. Types and
timestamps are not needed.

Source: Prometheus, "Exposition formats", text-based format 0.0.4; OpenMetrics 1.0.
"""

from __future__ import annotations

import re
from typing import Final

_LABELS: Final = r'\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*")*\}'
#: A series, and its value. What follows is a timestamp or an exemplar.
_LINE: Final = re.compile(
    rf"[ \t]*([a-zA-Z_:][\w:.]*[ \t]*(?:{_LABELS})?)[ \t]*(?<=[ \t}}])([^\s#]+)(?=\s|$)"
)
_LABEL: Final = re.compile(r'([a-zA-Z_][\w.]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def sample(line: str) -> tuple[str, str] | None:
    """Series and value of a line, both as they are written; None where it is none."""
    found = _LINE.match(line)
    return (found[1].rstrip(), found[2]) if found else None


def number(text: str) -> float | None:
    """A value; None where it is none, or not a number."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads more than the format has.
    return None if value != value or "_" in text else value


def split(series: str) -> tuple[str, dict[str, str]]:
    """Name and labels of a series as `sample` gives it."""
    name, brace, rest = series.partition("{")
    labels = {key: _plain(value) for key, value in _LABEL.findall(rest)} if brace else {}
    return name.strip(), labels


def _plain(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else _unescaped(found[1]), value)


def _unescaped(character: str) -> str:
    # Only these are escapes; another backslash is one.
    return character if character in '"\\' else "\\" + character
