"""What came shortly before an alert: releases, prompts and models not seen before, moved labels."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.evaluate.measure import moment
from spanglass_alerts.rules import model, vocabulary
from spanglass_store.client import Store
from spanglass_store.otlp.literal import quoted

#: How far back is looked, and how new something has to be, in seconds.
_BACK_S: Final = 86400.0
_NEW_S: Final = 6 * 3600.0
#: What was there so soon after the first span of all is as old as the traffic, in seconds.
_START_S: Final = 60.0
_MOST: Final = 5
#: Project, and two moments: prompt, label, version and moment of each move of a label.
Moves = Callable[[str, datetime, datetime], list[tuple[str, str, int, datetime]]]
_SOURCES: Final = frozenset({"calls", "spans", "scores"})


def deployed(
    store: Store,
    rule: model.Rule,
    alert: Alert,
    now: float,
    settings: Mapping[str, Any] | None = None,
    moves: Moves | None = None,
) -> list[dict[str, Any]]:
    """Values that are new to the service and environment of an alert, the latest first.

    Labels count that were moved of prompts in use there.

    Args:
        store: as the collector.
        rule: whose alert.
        alert: which.
        now: seconds since 1970.
        settings: ClickHouse's, of the query.
        moves: says which labels of prompts were moved between two moments.

    Returns:
        Of each: `what` (release, prompt, model, label), `value`, and `at`, when it was first seen
        or moved.
    """
    if not _SOURCES & set(rule.sources):
        return []
    known = vocabulary.DIMENSIONS["spans"]
    where = [f"start_time >= {moment(now - _BACK_S)}", f"start_time < {moment(now)}"]
    if rule.project or alert.project:
        where.append(f"project = {quoted(rule.project or alert.project)}")
    where += [
        f"{known[name]} = {quoted(alert.labels[name])}"
        for name in ("service", "environment")
        if alert.labels.get(name)
    ]
    rows = store.query(
        f"SELECT project, release, prompt_name, prompt_version, {known['model']} AS model,"
        " toUnixTimestamp64Micro(toDateTime64(min(start_time), 6, 'UTC')) / 1e6 AS first"
        f" FROM {store.database}.spans WHERE {' AND '.join(where)}"
        " GROUP BY project, release, prompt_name, prompt_version, model ORDER BY first LIMIT 5000",
        settings=settings,
    ).rows
    first: dict[tuple[str, str], float] = {}
    begun: dict[str, float] = {}
    used: dict[str, set[str]] = {}
    for project, release, prompt, version, called, at in rows:
        if prompt:
            used.setdefault(str(project), set()).add(str(prompt))
        for what, value in (
            ("release", str(release)),
            ("prompt", f"{prompt} {version}".strip()),
            ("model", str(called)),
        ):
            if value:
                first.setdefault((what, value), float(at))
                begun.setdefault(what, float(at))
    new = [
        (at, what, value)
        for (what, value), at in first.items()
        if at - begun[what] > _START_S and at >= now - _NEW_S
    ]
    if moves is not None:
        new += _moved(moves, used, now)
    new.sort(reverse=True)
    return [{"what": what, "value": value[:300], "at": at} for at, what, value in new[:_MOST]]


def _moved(
    moves: Moves, used: Mapping[str, set[str]], now: float
) -> Iterable[tuple[float, str, str]]:
    start, end = (datetime.fromtimestamp(at, UTC) for at in (now - _NEW_S, now))
    for project, prompts in used.items():
        for prompt, label, version, at in moves(project, start, end):
            if prompt in prompts:
                went = f"moved to version {version}" if version else "taken away"
                yield at.timestamp(), "label", f"{label} of prompt {prompt} {went}"
