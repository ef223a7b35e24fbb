"""What every table and column means, for people: the reference and the browser of tables."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("columns.toml")


@cache
def _read() -> dict[str, dict[str, str]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def table_meaning(table: str) -> str:
    """What a row of the table is; empty for a table that nobody described."""
    return _read()["tables"].get(table, "")


def column_meaning(table: str, column: str) -> str:
    """What the column holds; empty where nobody described it."""
    read = _read()
    return read.get(table, {}).get(column) or read["common"].get(column, "")


def described(table: str) -> set[str]:
    """Columns that are described for this table alone."""
    return set(_read().get(table, {}))
