"""Hours in which GPUs did nothing and were paid for."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.monthly import MONTH_DAYS, per_month
from spanglass_store.advice.duplicates import MOST_FINDINGS
from spanglass_store.advice.scope import Scope, quote
from spanglass_store.client import Store

KIND: Final = "idle_gpus"
#: A board that was never busier in an hour was idle in it.
IDLE: Final = 0.05
#: Hours of a board in which nothing can be said else.
_FEWEST_HOURS: Final = 48


def idle_boards(store: Store, scope: Scope) -> list[Finding | CantSay]:
    """Idle hours of boards, by node.

    Args:
        store: as a reader.
        scope: which.
    """
    rows = _hours(store, scope)
    hours = sum(int(row["hours"]) for row in rows)
    if not hours:
        return [
            CantSay(
                KIND,
                "no GPU hour is recorded in this range",
                "Run `spanglass agent --endpoint … --gpu-hour-usd …` on the nodes with GPUs.",
            )
        ]
    by_node: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_node[str(row["project"]), str(row["host"])].append(row)
    found: list[Finding | CantSay] = []
    for (project, host), mine in sorted(by_node.items()):
        price = max(float(row["price"]) for row in mine)
        seen = sum(int(row["hours"]) for row in mine)
        idle = sum(int(row["idle"]) for row in mine)
        if seen < _FEWEST_HOURS:
            continue
        if price <= 0:
            if idle / seen >= 0.1:
                found.append(
                    CantSay(
                        KIND,
                        f"boards of {host} idled {idle} of {seen} hours, and nobody said what an"
                        " hour costs",
                        "Start the agent with --gpu-hour-usd.",
                    )
                )
            continue
        found += _finding(scope, project, host, mine, price)
    return found[:MOST_FINDINGS]


def _hours(store: Store, scope: Scope) -> list[dict[str, Any]]:
    return store.query(
        f"SELECT project, host, board, day, count() AS hours, countIf(peak < {IDLE}) AS idle,"
        " max(usd) AS price FROM ("
        "SELECT project, resource['host.name'] AS host, attributes['hw.id'] AS board,"
        " intDiv(toUnixTimestamp64Nano(time) - {first_ns:Int64}, 3600000000000) AS hour,"
        " intDiv(hour, 24) AS day, max(value) AS peak,"
        " max(toFloat64OrZero(resource['spanglass.gpu_hour_usd'])) AS usd"
        f" FROM {store.database}.metrics FINAL WHERE name = 'hw.gpu.utilization'"
        " AND attributes['hw.gpu.task'] IN ('general', '')"
        " AND time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"
        + (" AND project = {project:String}" if scope.project else "")
        + " GROUP BY project, host, board, hour) GROUP BY project, host, board, day"
        " ORDER BY project, host, board, day LIMIT 90000",
        scope.values(),
    ).dicts()


def _finding(
    scope: Scope, project: str, host: str, rows: list[dict[str, Any]], price: float
) -> list[Finding]:
    first = min(int(row["day"]) for row in rows)
    days = [0.0] * (scope.days - first)
    for row in rows:
        days[int(row["day"]) - first] += int(row["idle"]) * price
    hours = sum(int(row["hours"]) for row in rows)
    idle = sum(int(row["idle"]) for row in rows)
    saving = per_month(days)
    rent = hours / len(days) * MONTH_DAYS * price
    if saving is None or not is_material(saving, rent):
        return []
    boards = {str(row["board"]) for row in rows}
    return [
        Finding(
            kind=KIND,
            title=f"GPUs of {host or 'a node'} do nothing in {idle / hours:.0%} of their hours",
            project=project,
            scope={"host": host},
            saving=saving,
            risk=Level.MEDIUM,
            risk_note="Requests wait for a start when a board comes back: some minutes for a large"
            " model.",
            evidence=Evidence(
                {
                    "boards": len(boards), "hours": hours, "idle_hours": idle,
                    "gpu_hour_usd": price, "usd": sum(days),
                },
                (),
                "SELECT toStartOfHour(time) AS hour, attributes['hw.id'] AS board, max(value) AS"
                " peak\nFROM metrics WHERE name = 'hw.gpu.utilization'\n"
                f"  AND {scope.literal().replace('start_time', 'time')}\n"
                f"  AND resource['host.name'] = '{quote(host)}'\n"
                f"GROUP BY hour, board HAVING peak < {IDLE} ORDER BY hour, board LIMIT 500",
            ),
            method=f"Hours in which a board was never busier than {IDLE:.0%}, times the price of an"
            " hour. Hours without a reading do not count.",
            confidence=Level.HIGH,
            next_step="Take boards away in those hours, or put another model on them; `spanglass"
            " advise selfhost` says what an hour has to carry to be worth it.",
        )
    ]  # fmt: skip
