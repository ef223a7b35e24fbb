"""Boards, as their metrics last said, and over a range of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.deployments import RANGE

#: Attributes by which readings of one metric differ on one board.
_PARTS: Final = (
    "hw.gpu.task", "hw.sensor_location", "hw.gpu.clock.part", "hw.state", "hw.gpu.throttle.reason",
    "error.type", "hw.gpu.link", "network.io.direction", "hw.gpu.xid",
)  # fmt: skip
#: Keys of the answer: metric and part, and which statistic of it.
_VALUES: Final[Mapping[str, tuple[str, str, str]]] = {
    "utilization": ("hw.gpu.utilization", "general", "last"),
    "utilization_mean": ("hw.gpu.utilization", "general", "mean"),
    "utilization_max": ("hw.gpu.utilization", "general", "peak"),
    "memory_used_bytes": ("hw.gpu.memory.usage", "", "last"),
    "memory_max_bytes": ("hw.gpu.memory.usage", "", "peak"),
    "memory_limit_bytes": ("hw.gpu.memory.limit", "", "last"),
    "power_w": ("hw.power", "", "last"),
    "power_mean_w": ("hw.power", "", "mean"),
    "power_limit_w": ("hw.power.limit", "", "last"),
    "temperature_c": ("hw.temperature", "gpu", "last"),
    "memory_temperature_c": ("hw.temperature", "memory", "last"),
    "sm_clock_mhz": ("hw.gpu.clock", "sm", "last"),
    "sm_clock_mean_mhz": ("hw.gpu.clock", "sm", "mean"),
    "tensor_active_mean": ("hw.gpu.tensor_active", "", "mean"),
    "bandwidth_mean": ("hw.gpu.memory_bandwidth.utilization", "", "mean"),
    "energy_j": ("hw.energy", "", "increase"),
}
_NAMES: Final = (
    *sorted({name for name, _, _ in _VALUES.values()}), "hw.status", "hw.gpu.throttled",
    "hw.errors", "hw.gpu.xid", "hw.gpu.memory.usage.max",
)  # fmt: skip


def boards(store: Store, start: datetime, end: datetime, project: str = "") -> list[dict[str, Any]]:
    """Boards and instances of boards that were read in a range of time.

    Args:
        store: as a reader.
        start: inclusive.
        end: exclusive.
        project: whose; all where empty.
    """
    part = "concat(" + ", ".join(f"attributes['{key}']" for key in _PARTS) + ")"
    of_project = "AND project = {project:String}" if project else ""
    rows = store.query(
        # A counter that has begun anew counts from there.
        "SELECT project, id, name, part, argMax(last, seen) AS last, sum(total) / sum(n) AS mean,"
        " max(peak) AS peak, sum(grown) AS increase, max(seen) AS seen_at,"
        " argMax(about, seen) AS about, argMax(host, seen) AS host, argMax(why, seen) AS why FROM ("
        f"SELECT project, attributes['hw.id'] AS id, name, {part} AS part, series, start_time,"
        " argMax(value, time) AS last, sum(value) AS total, count() AS n, max(value) AS peak,"
        " max(value) - if(start_time >= {start:DateTime64(6, 'UTC')}, 0, min(value)) AS grown,"
        " max(time) AS seen, any(attributes) AS about,"
        " any(resource['host.name']) AS host,"
        " argMax(attributes['spanglass.reason'], time) AS why"
        f" FROM {store.database}.metrics FINAL WHERE name IN {{names:Array(String)}} AND {RANGE}"
        f" {of_project} AND id != '' GROUP BY project, id, name, part, series, start_time)"
        " GROUP BY project, id, name, part ORDER BY project, host, id, name, part",
        {"names": list(_NAMES), "start": start, "end": end, "project": project},
    ).dicts()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["project"], row["id"]), []).append(row)
    return [_board(rows_of) for rows_of in found.values()]


def _board(rows: list[dict[str, Any]]) -> dict[str, Any]:
    newest = max(rows, key=lambda row: row["seen_at"])
    about: Mapping[str, str] = newest["about"]
    by_key = {(row["name"], row["part"]): row for row in rows}
    out: dict[str, Any] = {
        "project": newest["project"],
        "id": newest["id"],
        "host": newest["host"],
        "name": about.get("hw.name") or about.get("hw.model", ""),
        "index": int(about["hw.gpu.index"]) if about.get("hw.gpu.index", "").isdigit() else None,
        "parent": about.get("hw.parent", ""),
        "driver": about.get("hw.driver_version", ""),
        "seen_at": newest["seen_at"],
    }
    for key, (name, part, statistic) in _VALUES.items():
        row = by_key.get((name, part))
        out[key] = None if row is None else row[statistic]
    peak = by_key.get(("hw.gpu.memory.usage.max", ""))
    if peak is not None:
        out["memory_max_bytes"] = max(peak["peak"], out["memory_max_bytes"] or 0)
    states = [
        row
        for row in rows
        if row["name"] == "hw.status" and row["last"]
    ]  # fmt: skip
    state = max(states, key=lambda row: row["seen_at"], default=None)
    out["state"] = state["part"] if state else "unknown"
    out["reason"] = state["why"] if state else ""
    out["throttled"] = {
        row["part"]: row["mean"]
        for row in rows
        if row["name"] == "hw.gpu.throttled" and row["mean"]
    }
    out["errors"] = {row["part"]: int(row["last"]) for row in rows if row["name"] == "hw.errors"}
    out["xids"] = {row["part"]: int(row["last"]) for row in rows if row["name"] == "hw.gpu.xid"}
    return out


def processes(
    store: Store, start: datetime, end: datetime, project: str = ""
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Processes on boards, by project and board: as they were last seen, the largest first."""
    of_project = "AND project = {project:String}" if project else ""
    rows = store.query(
        "SELECT project, attributes['hw.id'] AS board, attributes['process.pid'] AS pid,"
        " argMax(value, time) AS memory_bytes, max(time) AS seen_at,"
        " argMax(attributes['process.executable.name'], time) AS name,"
        " argMax(attributes['process.command'], time) AS command,"
        " argMax(attributes['container.id'], time) AS container,"
        " argMax(attributes['k8s.pod.uid'], time) AS pod"
        f" FROM {store.database}.metrics AS m FINAL"
        f" WHERE m.name = 'process.gpu.memory.usage' AND {RANGE}"
        f" {of_project} GROUP BY project, board, pid ORDER BY memory_bytes DESC LIMIT 1000",
        {"start": start, "end": end, "project": project},
    ).dicts()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row.pop("project"), row.pop("board")), []).append(row)
    return found
