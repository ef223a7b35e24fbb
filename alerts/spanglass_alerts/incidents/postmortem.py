"""A post-mortem's draft: what is known is filled in, what only people know is asked for.

Names and texts come from whoever sends data, so they are escaped: they can't become headings,
links, images or HTML.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.notify.words import changes, explained, number

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]#|!~])")
_KINDS: Final = {
    "opened": "opened", "fired": "alert", "taken": "alert taken", "well": "alert over",
    "acknowledged": "taken", "owner": "owner", "title": "renamed", "severity": "severity",
    "note": "note", "resolved": "resolved", "reopened": "opened anew", "told": "told",
}  # fmt: skip
_CAUSES: Final = """## Causes

*What made it possible, beyond what set it off. Ask why until the answer is something you can
change.*"""
_LESSONS: Final = """## What went well, what did not

*Was it noticed by an alert or by a user? Was the first message enough to act on? Did the playbook
fit?*"""
_ACTIONS: Final = """## Actions

| what | who | until |
| --- | --- | --- |
| | | |"""


def escaped(text: object) -> str:
    """Text that is nothing but text in Markdown, on one line."""
    one_line = " ".join(str(text).split())
    safe = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", safe)


def postmortem(incident: Mapping[str, Any], base: str, now: float) -> str:
    """The draft, in Markdown.

    Args:
        incident: as `IncidentOffice.incident` answers it.
        base: address of the pages, for links; may be empty.
        now: seconds since 1970: how long it has lasted, where it is not over.
    """
    alerts: list[dict[str, Any]] = incident["gathered"]
    parts = [
        f"# Post-mortem of incident {incident['id']}: {escaped(incident['title'])}",
        "*A draft: times and numbers are filled in. What is in italics is for you to write.*",
        _facts(incident, alerts, base, now),
        "## Summary\n\n*What happened, to whom, and what ended it, in three sentences.*",
        _impact(alerts),
        _timeline(incident["entries"]),
        _evidence(alerts, base),
        _CAUSES,
        _LESSONS,
        _ACTIONS,
    ]
    return "\n\n".join(parts) + "\n"


def _facts(
    incident: Mapping[str, Any], alerts: Iterable[Mapping[str, Any]], base: str, now: float
) -> str:
    began = min((a["since"] for a in alerts), default=incident["opened_at"])
    # People can open one before, and put alerts into it later.
    began = min(began, incident["opened_at"])
    end, opened = incident["resolved_at"], incident["opened_at"]
    rows = [
        ("Severity", incident["severity"]),
        ("Owner", escaped(incident["owner"]) or "*nobody*"),
        ("Began", _at(began)),
        ("Noticed", f"{_at(opened)}, after {_length(opened - began)}"),
    ]  # fmt: skip
    if taken := incident["acknowledged_at"]:
        by = escaped(incident["acknowledged_by"]) or "somebody"
        rows.append(("Taken", f"{_at(taken)} by {by}, after {_length(taken - began)}"))
    else:
        rows.append(("Taken", "by nobody"))
    if end:
        by = f" by {escaped(incident['resolved_by'])}" if incident["resolved_by"] else ""
        rows.append(("Resolved", f"{_at(end)}{by}, after {_length(end - began)}"))
    else:
        rows.append(("Resolved", f"not yet, after {_length(now - began)}"))
    for name, value in incident["labels"].items():
        if value:
            rows.append((escaped(name), escaped(value)))
    if base:
        rows.append(("Page", f"<{base}/incidents/{incident['id']}>"))
    return _table(("", ""), rows)


def _impact(alerts: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            escaped(a["summary"]), a["severity"], _at(a["fired_at"]),
            _at(a["resolved_at"]) if a["resolved_at"] else "still fires", number(a["value"]),
            number(a["threshold"]), f"{a['count']:,.0f}",
        )
        for a in alerts
    ]  # fmt: skip
    table = _table(("alert", "severity", "fired", "ended", "value", "bound", "rows"), rows)
    ask = "*How many people or requests, and what they saw.*"
    return f"## Impact\n\n{ask}\n\n{table if rows else 'No alerts.'}"


def _timeline(entries: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            _at(e["at"]), _KINDS.get(e["kind"], e["kind"]),
            escaped(": ".join(filter(None, (e["author"], e["text"])))),
        )
        for e in entries
    ]  # fmt: skip
    return f"## Timeline\n\nTimes are UTC.\n\n{_table(('time', '', ''), rows)}"


def _evidence(alerts: Iterable[Mapping[str, Any]], base: str) -> str:
    lines = []
    for alert in alerts:
        evidence = alert["evidence"]
        about = [
            *(escaped(line) for line in explained(evidence)),
            *(escaped(line) for line in changes(evidence)),
        ]
        if at := evidence.get("change_point"):
            about.insert(0, f"changed at {_at(at)}")
        traces = [t["trace_id"] for t in evidence.get("traces", ())]
        if traces:
            links = [f"[{t[:8]}]({base}/traces/{t})" if base else t for t in traces]
            about.append(f"traces {', '.join(links)}")
        if about:
            lines.append(f"- {escaped(alert['rule'])}\n" + "\n".join(f"  - {a}" for a in about))
    found = "\n".join(lines) or "Nothing stood out."
    return f"## What stood out\n\n{found}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _at(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _length(seconds: float) -> str:
    """How long, as people say it."""
    rest = max(0, round(seconds))
    if rest < 60:
        return f"{rest} s"
    minutes = rest // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
