"""Playbooks: Markdown whose checks run themselves, so that the page comes with its answers.

A block of code marked `sql check` is a query; its answer is put below it as a table. `{service}`
and other labels of the alert are parameters: `{service:String}`, with `{start:DateTime64(6)}` and
`{end:DateTime64(6)}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreError, Unknown
from spanglass_store.statements import check_statement

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_CHECK: Final = re.compile(r"^```sql check[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_PARAMETER: Final = re.compile(r"\{(\w+):\s*([^}]+)\}")
_MOST_ROWS: Final = 20
#: Checks of a playbook that are made, and characters of it that are read.
MOST_CHECKS: Final = 20
_MOST_CHARS: Final = 200_000


def folders(places: Iterable[str]) -> list[Path]:
    """Where playbooks are looked for: beside the rules, then among those that ship."""
    found = []
    for place in places:
        path = Path(place.strip()).expanduser()
        if place.strip() and path.exists():
            found.append((path if path.is_dir() else path.parent) / "playbooks")
    return [*found, Path(str(files("spanglass_alerts").joinpath("shipped", "playbooks")))]


def names(places: Iterable[str]) -> list[str]:
    """The playbooks that there are."""
    return sorted(
        {path.stem for folder in folders(places) if folder.is_dir() for path in folder.glob("*.md")}
    )


def notice(name: str, known: Iterable[str]) -> str:
    """What to say of a rule's playbook; empty if it is there, or none is named."""
    if not name or name in known:
        return ""
    return f"There is no playbook {name!r}: put {name}.md into a folder `playbooks` by the rules."


def text(places: Iterable[str], name: str) -> str:
    """A playbook as it is written.

    Raises:
        Unknown: if there is none of that name.
    """
    if _NAME.fullmatch(name):
        for folder in folders(places):
            path = folder / f"{name}.md"
            if path.is_file():
                return path.read_text("utf-8", "replace")[:_MOST_CHARS]
    raise Unknown(f"There is no playbook {name!r}. There are {', '.join(names(places))}.")


@dataclass(frozen=True)
class Block:
    """A part of a playbook: Markdown, or a check with its answer.

    Attributes:
        text: the Markdown; empty of a check.
        sql: the check's query; empty of Markdown.
        columns: of the answer.
        rows: the first rows of it, as people read them.
        more: rows that are not shown.
        error: why the check could not be made.
    """

    text: str = ""
    sql: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    error: str = ""


def answered(
    template: str, store: Store, labels: Mapping[str, str], start: float, end: float
) -> list[Block]:
    """The parts of a playbook, its checks run.

    Args:
        template: as it is written.
        store: as the reader who asks.
        labels: of the alert.
        start: of the time it is about, in seconds since 1970.
        end: its end.
    """
    moments = {
        name: datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        for name, at in (("start", start), ("end", end))
    }
    blocks: list[Block] = []
    at = checks = 0
    for found in _CHECK.finditer(template):
        blocks.append(Block(template[at : found.start()].strip("\n")))
        at, checks = found.end(), checks + 1
        sql = found[1].strip().rstrip(";")
        if checks > MOST_CHECKS:
            said = f"A playbook makes {MOST_CHECKS} checks. Divide it into two."
            blocks.append(Block(sql=sql, error=said))
        else:
            blocks.append(_checked(sql, store, moments, labels))
    blocks.append(Block(template[at:].strip("\n")))
    return [each for each in blocks if each.text or each.sql]


def _checked(
    sql: str, store: Store, moments: Mapping[str, datetime], labels: Mapping[str, str]
) -> Block:
    values: dict[str, Any] = {
        name: moments.get(name, labels.get(name, "")) for name, _ in _PARAMETER.findall(sql)
    }
    try:
        check_statement(store, sql, values)
        found = store.query(sql, values)
    except StoreError as error:
        return Block(sql=sql, error=str(error))
    rows = tuple(tuple(_cell(value) for value in row) for row in found.rows[:_MOST_ROWS])
    return Block(sql=sql, columns=tuple(found.columns), rows=rows, more=len(found.rows) - len(rows))


def markdown(blocks: Iterable[Block]) -> str:
    """A playbook with its answers as one text."""
    return "\n\n".join(
        f"```sql\n{each.sql}\n```\n\n{_table(each)}" if each.sql else each.text for each in blocks
    )


def _cell(value: Any) -> str:
    return (f"{value:.4g}" if isinstance(value, float) else str(value))[:200]


def _table(block: Block) -> str:
    if block.error:
        return f"*This check could not be made: {block.error}*"
    if not block.rows:
        return "*Nothing.*"
    lines = [f"| {' | '.join(block.columns)} |", f"|{' --- |' * len(block.columns)}"]
    for row in block.rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    if block.more:
        lines.append(f"\n*and {block.more} more rows*")
    return "\n".join(lines)
