"""Every table that SQL can read, and its columns."""

import tomllib
from pathlib import Path
from typing import Final

import spanglass_store
from generator.markdown import code, table
from spanglass_store.schema import PAYLOAD_COLUMNS, READABLE_TABLES

_FILE: Final = Path(spanglass_store.__file__).with_name("columns.toml")
"""Read whole: the order of the file is the order of the page."""


def page() -> str:
    """The page."""
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    text = "".join(
        f"## `{name}`\n\n{read['tables'][name]}\n\n"
        + table(("column", "meaning"), _rows(name, read[name]))
        for name in READABLE_TABLES
    )
    common = [(code(name), about) for name, about in read["common"].items()]
    return (
        "# Tables and columns\n\n"
        "What [SQL](../sql.md) reads: `DESCRIBE TABLE spans` has the types. Columns with a"
        " † hold what people and models wrote; they take a key that may see payload.\n\n"
        "## In several tables\n\nThese mean the same wherever they are.\n\n"
        + table(("column", "meaning"), common)
        + text
    )


def _rows(name: str, columns: dict[str, str]) -> list[tuple[str, str]]:
    payload = PAYLOAD_COLUMNS.get(name, ())
    return [
        (code(column) + (" †" if column in payload else ""), about)
        for column, about in columns.items()
    ]
