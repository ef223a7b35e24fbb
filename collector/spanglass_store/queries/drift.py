"""Findings of drift: what changed at a service, since when, and why; and every comparison."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.drift.metrics import CANARY, FINGERPRINT
from spanglass_store.errors import Unknown

#: A finding is over when a day of windows has not shown it any more.
_OVER_H: Final = 24
_ROW: Final = (
    "project, metric, service, model, toString(kind) AS kind, window_start, window_end, test,"
    " statistic, p, p_corrected, effect, effect_name, low, high, threshold, usual_effect,"
    " design_effect, n_reference, n_current, reference_start, reference_end, reference_value,"
    " current_value, verdict, reason, explanation, finding_id, state, changed_at, changed_from,"
    " changed_until, segments, distribution"
)


@dataclass(frozen=True)
class DriftFilter:
    """Which findings; everything that is given has to hold.

    Attributes:
        start: earliest end of a window.
        end: latest end of a window.
    """

    start: datetime
    end: datetime
    project: str = ""
    service: str = ""
    metric: str = ""

    def condition(self) -> tuple[str, dict[str, Any]]:
        where = [
            "window_end >= {start:DateTime64(6, 'UTC')}",
            "window_end <= {end:DateTime64(6, 'UTC')}",
        ]
        values: dict[str, Any] = {"start": self.start, "end": self.end}
        for name in ("project", "service", "metric"):
            if value := getattr(self, name):
                where.append(f"{name} = {{{name}:String}}")
                values[name] = value
        return " AND ".join(where), values


def findings(store: Store, which: DriftFilter, limit: int = 100) -> list[dict[str, Any]]:
    """Findings, the latest first, each with the clearest row of every metric that changed.

    Args:
        store: as a reader.
        which: conditions.
        limit: most findings.
    """
    where, values = which.condition()
    rows = store.query(
        f"SELECT {_ROW} FROM {store.database}.drift_results FINAL"
        f" WHERE {where} AND finding_id != '' AND verdict = 'drift'"
        " ORDER BY window_end DESC, p_corrected LIMIT 20000",
        values,
    ).dicts()
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault((row["project"], row["finding_id"]), []).append(_shaped(row))
    latest = _latest(store, which)
    found = [_finding(own, latest.get(own[0]["project"])) for own in grouped.values()]
    found.sort(key=lambda each: (each["last"], each["first"]), reverse=True)
    return found[:limit]


def finding(store: Store, project: str, name: str) -> dict[str, Any]:
    """One finding, with every row of it and both distributions.

    Raises:
        Unknown: if there is none of this name.
    """
    of_project = "project = {project:String} AND " if project else ""
    rows = store.query(
        f"SELECT {_ROW} FROM {store.database}.drift_results FINAL"
        f" WHERE {of_project}finding_id = {{name:String}} ORDER BY window_end DESC, p_corrected"
        " LIMIT 5000",
        {"project": project, "name": name},
    ).dicts()
    if not rows:
        raise Unknown(f"There is no finding {name!r}. `GET /api/v1/drift` lists them.")
    shaped = [_shaped(row, whole=True) for row in rows]
    first = min(row["window_start"] for row in shaped)
    which = DriftFilter(first, datetime.now(UTC) + timedelta(days=1), shaped[0]["project"])
    latest = _latest(store, which)
    return {**_finding(shaped, latest.get(shaped[0]["project"])), "rows": shaped}


def series(
    store: Store,
    project: str,
    service: str,
    metric: str,
    model: str,
    start: datetime,
    end: datetime,
) -> list[dict[str, Any]]:
    """A metric hour by hour, from its samples: how many, the middle half, the share of truths.

    Args:
        store: as a reader.
        project: whose.
        service: whose.
        metric: by name.
        model: one of them; all of the service's unless given.
        start: earliest hour.
        end: latest hour, exclusive.
    """
    of_model = " AND model = {model:String}" if model else ""
    is_provider = metric.startswith(FINGERPRINT)
    of_service = "" if is_provider else " AND service = {service:String}"
    rows = store.query(
        "SELECT hour, toString(any(kind)) AS kind, sum(count) AS n,"
        " arrayMap(q -> if(isNaN(q), NULL, q), quantilesArray(0.25, 0.5, 0.75)(sample)) AS middle,"
        " sumMap(categories) AS counts"
        f" FROM {store.database}.drift_samples FINAL WHERE project = {{project:String}}"
        f"{of_service} AND metric = {{metric:String}}"
        " AND hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}"
        f"{of_model} GROUP BY hour ORDER BY hour LIMIT 2000",
        {
            "project": project, "service": service, "model": model,
            "metric": metric.removeprefix(FINGERPRINT),
            "start": start, "end": end,
        },
    ).dicts()  # fmt: skip
    found = []
    for row in rows:
        numeric = row["kind"] == "numeric"
        total = sum(row["counts"].values()) if not numeric else 0
        low, middle, high = row["middle"] if numeric else (None, None, None)
        found.append(
            {
                "time": row["hour"].replace(tzinfo=UTC), "count": row["n"], "low": low,
                "middle": middle, "high": high,
                "shares": {name: n / total for name, n in row["counts"].items()} if total else {},
            }
        )  # fmt: skip
    return found


def watched(store: Store, which: DriftFilter) -> dict[str, int]:
    """How many comparisons there were, by verdict."""
    where, values = which.condition()
    rows = store.query(
        f"SELECT verdict, count() FROM {store.database}.drift_results FINAL WHERE {where}"
        " GROUP BY verdict",
        values,
    ).rows
    return {str(verdict): int(count) for verdict, count in rows}


def _latest(store: Store, which: DriftFilter) -> dict[str, datetime]:
    """The end of the last window that was looked at, by project."""
    rows = store.query(
        f"SELECT project, max(window_end) FROM {store.database}.drift_results"
        " WHERE window_end >= {start:DateTime64(6, 'UTC')} GROUP BY project",
        {"start": which.start},
    ).rows
    return {str(project): moment.replace(tzinfo=UTC) for project, moment in rows}


def _finding(rows: Sequence[dict[str, Any]], latest: datetime | None) -> dict[str, Any]:
    drifts = [row for row in rows if row["verdict"] == "drift"]
    clearest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in drifts:
        key = (row["metric"], row["model"])
        if key not in clearest or _clarity(row) > _clarity(clearest[key]):
            clearest[key] = row
    shown = sorted(clearest.values(), key=_clarity, reverse=True)
    main = shown[0]
    is_canary = main["service"].startswith(CANARY)
    is_provider = main["metric"].startswith(FINGERPRINT) or is_canary
    # Nothing of ours is new, and what is asked is what was asked.
    said = f"The model {main['model']} answers otherwise under its name. " if is_provider else ""
    if is_canary:
        said = f"The same questions of the {main['service']} are answered otherwise. "
    last = max(row["window_end"] for row in drifts)
    dated = [row for row in shown if row["changed_at"] is not None]
    narrow = min(dated, key=lambda row: row["changed_until"] - row["changed_from"], default=main)
    return {
        "id": main["finding_id"], "project": main["project"], "service": main["service"],
        "kind": "provider" if is_provider else "traffic",
        "model": main["model"] if is_provider else "",
        "first": min(row["window_start"] for row in drifts), "last": last,
        "is_open": latest is None or last > latest - timedelta(hours=_OVER_H),
        "summary": f"{said}{main['metric'].removeprefix(FINGERPRINT)}: {main['explanation']}",
        "changed_at": narrow["changed_at"], "changed_from": narrow["changed_from"],
        "changed_until": narrow["changed_until"],
        "segments": next((row["segments"] for row in shown if row["segments"]), []),
        "new": sorted({new for row in shown for new in row["new"]}),
        "near": next((row["near"] for row in shown if row["near"]), []),
        "metrics": [_short(row) for row in shown],
    }  # fmt: skip


def _clarity(row: dict[str, Any]) -> tuple[bool, float]:
    """How well a row shows a change: a whole service before its models, then the largest effect."""
    return row["model"] == "", abs(row["effect"] or 0.0) / (row["threshold"] or 1.0)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "distribution"}


def _shaped(row: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    found = dict(row)
    for name, value in row.items():
        if isinstance(value, datetime):
            found[name] = value.replace(tzinfo=UTC)
    told = json.loads(row["segments"]) if row["segments"] else {}
    for name in ("segments", "new", "near"):
        found[name] = told.get(name, [])
    found["distribution"] = (
        json.loads(row["distribution"]) if whole and row["distribution"] else None
    )
    return found
