"""What is said of alerts: titles, lines and numbers, filled in. Nothing here can raise."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.notify.plan import Message

#: Alerts that one message shows; how many more there are is said.
MOST_SHOWN: Final = 20
#: Characters of a label, a summary and a title.
MOST_CHARS: Final = 1000
_PLACE: Final = re.compile(r"\{([A-Za-z_][\w.:/-]*)(%?)\}")
_BARS: Final = "▁▂▃▄▅▆▇█"


def cut(text: str) -> str:
    """A text no longer than `MOST_CHARS`."""
    return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"


def number(value: float | None) -> str:
    """A number as people read it."""
    if value is None:
        return "no data"
    if value and abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share as a percentage: 0.0523 is "5.23 %"."""
    return "no data" if value is None else f"{number(value * 100)} %"


def summary(alert: Alert) -> str:
    """One sentence about an alert. A name in braces that is not known stays as it is."""
    numbers: dict[str, float | None] = {
        **alert.detail, "value": alert.value, "threshold": alert.threshold, "count": alert.count,
    }  # fmt: skip

    def filled(found: re.Match[str]) -> str:
        name, is_share = found[1], found[2]
        if name in numbers:
            return share(numbers[name]) if is_share else number(numbers[name])
        return found[0] if is_share else alert.labels.get(name, found[0])

    if alert.summary:
        return _PLACE.sub(filled, alert.summary)
    of = ", ".join(f"{k}={v}" for k, v in alert.labels.items() if k not in ("rule", "severity"))
    told = (
        "no data" if alert.no_data else f"{number(alert.value)} (bound {number(alert.threshold)})"
    )
    return f"{alert.rule}{f' ({of})' if of else ''}: {told}"


def sparkline(values: Sequence[float | None]) -> str:
    """Numbers as a line of bars; what is not known is a blank."""
    known = [v for v in values if v is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    width = (high - low) or 1
    return "".join(" " if v is None else _BARS[min(7, int((v - low) / width * 8))] for v in values)


def explained(evidence: Mapping[str, Any]) -> list[str]:
    """What explains an alert, a line each."""
    return [
        f"{each['dimension']}={each['value'] or '(none)'}: {each['share']:.0%} of it,"
        f" {each['usual']:.0%} of all"
        for each in evidence.get("explained", ())
    ]


def changes(evidence: Mapping[str, Any]) -> list[str]:
    """Releases, prompts and models that came shortly before, and moved labels, a line each."""
    return [
        f"{each['what']} {each['value']} {'at' if each['what'] == 'label' else 'is new since'}"
        f" {_time(each['at'])}"
        for each in evidence.get("changes", ())
    ]


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def document(message: Message, base: str) -> dict[str, Any]:
    """A message as channels get it and the state database keeps it.

    Args:
        message: what is to be told.
        base: the address of the pages, without a path.
    """
    first = message.active[0] if message.active else None
    count = len(message.active)
    if first is None:
        what = message.thread.labels.get("rule") or ", ".join(message.thread.labels.values())
        title = f"Resolved: {what or 'alerts'}"
    else:
        word = {"firing": "Firing", "acknowledged": "Acknowledged", "resolved": "Resolved"}
        more = f" and {count - 1:,} more" if count > 1 else ""
        title = f"{word[message.event]}: {summary(first)}{more}"
    if message.thread.step:
        title = f"Escalated. {title}"
    return {
        "version": 1,
        "id": f"{message.thread.key}-{int(message.thread.sent_at)}-{message.thread.count}",
        "channel": message.thread.channel,
        "group": message.thread.key,
        "group_labels": {name: cut(value) for name, value in message.thread.labels.items()},
        "event": message.event,
        "reason": message.reason,
        "number": message.thread.count,
        "at": message.thread.sent_at,
        "title": cut(title),
        "severity": first.severity if first else "info",
        "firing": count,
        "alerts": [_shown(alert, base) for alert in message.active[:MOST_SHOWN]],
        "resolved": len(message.resolved),
        "resolved_ids": list(message.resolved[:MOST_SHOWN]),
        "link": _page(first, base),
    }


def _page(alert: Alert | None, base: str) -> str:
    """Where to look first: the incident that has gathered the alert, or all that fires."""
    if not base:
        return ""
    return f"{base}/incidents/{alert.incident}" if alert and alert.incident else f"{base}/alerts"


def _shown(alert: Alert, base: str) -> dict[str, Any]:
    link = str(alert.evidence.get("link", ""))
    evidence = dict(alert.evidence) | {"link": f"{base}{link}" if link else ""}
    if base and evidence.get("traces"):
        evidence["traces"] = [t | {"link": f"{base}{t['link']}"} for t in evidence["traces"]]
    return {
        "id": alert.id, "rule": alert.rule, "severity": alert.severity, "state": alert.state,
        "labels": {name: cut(value) for name, value in alert.labels.items()},
        "summary": cut(summary(alert)), "value": alert.value,
        "threshold": alert.threshold, "count": alert.count, "since": alert.since,
        "fired_at": alert.fired_at, "acknowledged_by": alert.acknowledged_by,
        "incident": alert.incident, "playbook": alert.playbook, "flapping": alert.flapping,
        "no_data": alert.no_data,
        "evidence": evidence, "link": f"{base}{link}" if link else "",
    }  # fmt: skip
