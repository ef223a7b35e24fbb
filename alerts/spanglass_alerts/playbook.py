"""Playbooks: Markdown whose checks run themselves, so that the page comes with its answers.

A block of code marked `sql check` is a query; its answer is put below it as a table. `{service}`
and other labels of the alert are parameters: `{service:String}`, with `{start:DateTime64(6)}` and
`{end:DateTime64(6)}`.
"""

import re
from collections.abc import Iterable, Mapping
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


def text(places: Iterable[str], name: str) -> str:
    """A playbook as it is written.

    Raises:
        Unknown: if there is none of that name.
    """
    if _NAME.fullmatch(name):
        for folder in folders(places):
            path = folder / f"{name}.md"
            if path.is_file():
                return path.read_text("utf-8")
    raise Unknown(f"There is no playbook {name!r}. There are {', '.join(names(places))}.")


def filled(template: str, store: Store, labels: Mapping[str, str], start: float, end: float) -> str:
    """A playbook with the answers of its checks.

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

    def answered(found: re.Match[str]) -> str:
        sql = found[1].strip().rstrip(";")
        values: dict[str, Any] = {}
        for name, _ in _PARAMETER.findall(sql):
            values[name] = moments.get(name, labels.get(name, ""))
        try:
            check_statement(store, sql, values)
            rows = store.query(sql, values)
            answer = _table(rows.columns, rows.rows[:_MOST_ROWS], len(rows.rows))
        except StoreError as error:
            answer = f"*This check could not be made: {error}*"
        return f"```sql\n{sql}\n```\n\n{answer}"

    return _CHECK.sub(answered, template)


def _table(columns: Iterable[str], rows: Iterable[Iterable[Any]], count: int) -> str:
    names = list(columns)

    def cell(value: Any) -> str:
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        return shown.replace("|", "\\|").replace("\n", " ")[:200]

    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    if count == 0:
        return "*Nothing.*"
    if count > _MOST_ROWS:
        lines.append(f"\n*and {count - _MOST_ROWS} more rows*")
    return "\n".join(lines)
