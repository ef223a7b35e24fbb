"""Where commands print: answers to standard output, everything else to standard error."""

import json
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console()
errors = Console(stderr=True)
#: Width of a table that no terminal limits, in characters.
_WIDEST: Final = 1_000_000


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


#: What a terminal would obey instead of showing it: control characters, and those that turn the
#: direction of the text.
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """`text` with control characters spelled out: what a span says must not steer a terminal."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "\n".join(map(visible, value.split("\n")))
    return visible(json.dumps(value, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], whole: Collection[str] = ()
) -> None:
    """A table as wide as the terminal, where long cells are wrapped and nothing is left out.

    In a pipe or a file it is as wide as it needs to be: a row is a line, for whoever searches it.

    Args:
        columns: their names.
        rows: a value for each of them.
        whole: columns that are wrapped last, because people copy from them.
    """
    table = Table(show_edge=False, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(Text(name), overflow="fold", no_wrap=name in whole)
    for row in rows:
        # As text: square brackets are rich's markup, in data they are data.
        table.add_row(*(Text(cell(value)) for value in row))
    out = console if console.is_terminal else Console(width=_WIDEST)
    out.print(table, highlight=False, markup=False)
