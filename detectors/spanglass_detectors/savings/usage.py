"""A provider's usage file beside what was recorded, day by day and model by model.

A cell's difference is told apart exactly into calls that were not recorded and other prices:

    theirs - ours = (T' - T) * p + T' * (p' - p)

with T tokens and p = cost / tokens of what was recorded here, T' and p' of the file. Where only one
of the two has a cell, or nothing counts tokens, all of the difference is put to what is missing.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

#: What a column of the file can be; those that are needed first.
NEEDED: Final = ("date", "model", "cost")
FIELDS: Final = (*NEEDED, "input", "output", "currency")
_MOST_ROWS: Final = 500_000
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class UsageFileError(ValueError):
    """A usage file can't be read; the message names the line and what to do."""


@dataclass(frozen=True)
class Usage:
    """Tokens and US dollars of a day and a model."""

    tokens: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True)
class Line:
    """A cell of both sides.

    Attributes:
        day: UTC, as the file has it.
        model: name.
        theirs: of the file.
        ours: that was recorded.
        missing: part of the difference that is calls which one side does not have.
        price: part of it that is another price of a token.
    """

    day: date
    model: str
    theirs: Usage
    ours: Usage
    missing: float
    price: float

    @property
    def difference(self) -> float:
        return self.theirs.usd - self.ours.usd


Cells = Mapping[tuple[date, str], Usage]


def mapping(text: str) -> dict[str, str]:
    """Columns by what they are: `date=Day,model=Model,cost=Amount`.

    Raises:
        UsageFileError: if one is needed and not there, or there is no such field.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, separator, column = part.partition("=")
        if not separator or name.strip() not in FIELDS or not column.strip():
            raise UsageFileError(
                f"{part!r} is no mapping: write NAME=COLUMN, with a name of {', '.join(FIELDS)}"
            )
        found[name.strip()] = column.strip()
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise UsageFileError(f"--map has to say which column is {' and '.join(missing)}")
    return found


def read(lines: Iterable[str], columns: Mapping[str, str]) -> dict[tuple[date, str], Usage]:
    """Sums of a CSV file, by day and model.

    Args:
        lines: of the file, with a header.
        columns: by field; see `mapping`.

    Raises:
        UsageFileError: if a column is not there, or a value is none.
    """
    reader = csv.DictReader(lines)
    header = reader.fieldnames or []
    for name, column in columns.items():
        if column not in header:
            raise UsageFileError(
                f"the file has no column {column!r} for {name}; it has {', '.join(header)}"
            )
    sums: dict[tuple[date, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for number, row in enumerate(reader):
        if number >= _MOST_ROWS:
            raise UsageFileError(f"the file has more than {_MOST_ROWS:,} rows; split it by time")
        place = f"line {reader.line_num}"
        currency = (row.get(columns.get("currency", "")) or "USD").strip().upper()
        if currency != "USD":
            raise UsageFileError(
                f"{place}: it is in {currency}, and costs here are US dollars. Convert the file, or"
                " leave those lines out"
            )
        cell = sums[_day(row[columns["date"]], place), (row[columns["model"]] or "").strip()]
        for name in ("input", "output"):
            if name in columns:
                cell[0] += _number(row[columns[name]], place, columns[name])
        cell[1] += _number(row[columns["cost"]], place, columns["cost"])
    return {key: Usage(*cell) for key, cell in sums.items()}


def _day(text: str | None, place: str) -> date:
    try:
        return datetime.fromisoformat((text or "").strip()).date()
    except ValueError as error:
        raise UsageFileError(f"{place}: {text!r} is no day like 2026-01-31") from error


def _number(text: str | None, place: str, column: str) -> float:
    plain = (text or "0").strip().removeprefix("$").replace(",", "") or "0"
    # 1.234,50 would be read as 1.2345.
    if not _NUMBER.fullmatch(plain) or re.search(r"\.\d+,", text or ""):
        raise UsageFileError(f"{place}: {text!r} in {column!r} is no number like 1234.50")
    return float(plain)


def compare(theirs: Cells, ours: Cells) -> list[Line]:
    """Both sides cell by cell, the largest difference first.

    Args:
        theirs: of the file.
        ours: that was recorded.
    """
    found = []
    for day, model in {*theirs, *ours}:
        their, our = theirs.get((day, model), Usage()), ours.get((day, model), Usage())
        difference = their.usd - our.usd
        if their.tokens and our.tokens:
            missing = (their.tokens - our.tokens) * our.usd / our.tokens
        else:
            missing = difference
        found.append(Line(day, model, their, our, missing, difference - missing))
    return sorted(found, key=lambda each: (-abs(each.difference), each.day, each.model))
