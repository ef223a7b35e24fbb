"""What texts are about: topics with their shares of the last day, beside the week before."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spanglass_store.client import Store

_METRICS: Final = "('topic', 'answer_topic')"
_WEEK_H: Final = 168
_DAY_H: Final = 24
_STEP_H: Final = 6
#: Topics and hours that are read.
_MOST: Final = 2_000
_HOURS: Final = 20_000


def topics_now(store: Store, project: str = "", service: str = "") -> list[dict[str, Any]]:
    """Topics of services, by service, the largest of the last day first.

    The last day is the one that ends with the last hour that has texts, of each project: where
    nothing comes any more, what came last is shown.

    Args:
        store: as a reader.
        project: of this one alone.
        service: the same.
    """
    values = {"project": project, "service": service}
    where = " AND ".join(
        [
            f"metric IN {_METRICS}",
            *(f"{name} = {{{name}:String}}" for name in values if values[name]),
        ]
    )
    samples = f"{store.database}.drift_samples FINAL WHERE {where}"
    hours = store.query(
        "SELECT project, service, metric, toUnixTimestamp(hour), categories, last FROM"
        f" (SELECT project, service, metric, hour, categories, max(toUnixTimestamp(hour)) OVER"
        f" (PARTITION BY project) AS last FROM {samples})"
        f" WHERE toUnixTimestamp(hour) > last - {_WEEK_H * 3600}"
        f" ORDER BY hour DESC LIMIT {_HOURS}",
        values,
    ).rows
    known = store.query(
        f"SELECT project, service, metric, name, terms, is_new, learned_at FROM"
        f" {store.database}.drift_topics FINAL WHERE {where}"
        f" ORDER BY project, service, metric, place LIMIT {_MOST}",
        values,
    ).dicts()
    about = {(row["project"], row["service"], row["metric"], row["name"]): row for row in known}
    groups: dict[tuple[str, str, str], list[Counter[str]]] = {}
    days: dict[tuple[str, str, str], tuple[Counter[str], Counter[str]]] = {}
    for of, at, metric, hour, categories, last in hours:
        key = (str(of), str(at), str(metric))
        back = (int(last) - int(hour)) // 3600
        steps = groups.setdefault(key, [Counter() for _ in range(_WEEK_H // _STEP_H)])
        steps[-1 - back // _STEP_H].update(categories)
        days.setdefault(key, (Counter(), Counter()))[back < _DAY_H].update(categories)
    found = []
    order = sorted(groups, key=lambda each: (each[0], each[1], each[2] != "topic"))
    for key in order:
        before, now = days[key]
        own = {name for *place, name in about if tuple(place) == key}
        every = own | set(before) | set(now)
        largest = sorted(every, key=lambda each: (-now[each], -before[each], each))
        found += [
            _shown(key, name, about.get((*key, name)), before, now, groups[key]) for name in largest
        ]
    return found


def _shown(
    key: tuple[str, str, str], name: str, row: dict[str, Any] | None, before: Counter[str],
    now: Counter[str], steps: list[Counter[str]],
) -> dict[str, Any]:  # fmt: skip
    totals = before.total(), now.total()
    since = row["learned_at"].replace(tzinfo=UTC) if row else None
    is_recent = since is not None and since > datetime.now(UTC) - timedelta(days=7)
    return {
        "project": key[0], "service": key[1], "metric": key[2], "name": name,
        "terms": list(row["terms"]) if row else [],
        "is_new": bool(row and row["is_new"] and is_recent),
        "learned_at": since, "count": now[name],
        "share_before": before[name] / totals[0] if totals[0] else None,
        "share_now": now[name] / totals[1] if totals[1] else 0.0,
        "steps": [each[name] / each.total() if each else None for each in steps],
    }  # fmt: skip
