"""Calls that failed and were paid for."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.monthly import per_month
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, segment_sql
from spanglass_store.advice.scope import Scope
from spanglass_store.advice.traffic import SEGMENT_HASH, Traffic
from spanglass_store.client import Store

KIND: Final = "failed_calls"
_FEWEST: Final = 20


def failures(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """What failed calls have cost, by segment.

    Args:
        store: as a reader.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    by_segment: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for number, day in enumerate(scope.each_day()):
        for row in _of_day(store, day):
            by_segment[int(row["key"])].append({**row, "day": number})
    found: list[Finding | CantSay] = []
    for key, segment in traffic.named().items():
        mine = by_segment.get(key, [])
        failed = sum(float(row["failed"]) for row in mine)
        if failed < _FEWEST:
            continue
        days = [0.0] * scope.days
        for row in mine:
            days[int(row["day"])] = float(row["usd"] or 0)
        saving = per_month(days)
        if saving is None or not is_material(saving, traffic.usd_month):
            continue
        calls = sum(float(row["calls"]) for row in mine)
        errors = [str(error) for row in mine for error in row["errors"]]
        commonest = max(sorted(set(errors)), key=errors.count, default="error")
        found.append(
            Finding(
                kind=KIND,
                title=f"{failed / calls:.1%} of the calls of {segment.title} fail and are paid for",
                project=segment.project,
                scope=segment.scope,
                saving=saving,
                risk=Level.LOW,
                risk_note="None: nobody gets these answers.",
                evidence=Evidence(
                    {
                        "failed_calls": failed,
                        "calls": calls,
                        "usd": sum(days),
                        "commonest_error": commonest,
                    },
                    tuple(dict.fromkeys(str(t) for row in mine for t in row["traces"]))[:EXAMPLES],
                    f"SELECT error_type, status_message, count() AS calls, sum(cost_usd) AS usd\n"
                    f"FROM spans WHERE {scope.literal()}\n  AND {segment_sql(segment)}\n"
                    "  AND status = 'error' AND cost_usd > 0\n"
                    "GROUP BY error_type, status_message ORDER BY usd DESC LIMIT 20",
                ),
                method="Cost of calls whose span ended with an error and that have a cost.",
                confidence=Level.HIGH,
                next_step=f"Begin with {commonest}: give up sooner (a shorter limit of output, a"
                " check before the call), and do not try again what can't succeed.",
            )
        )
    return found[:MOST_FINDINGS]


def _of_day(store: Store, day: Scope) -> list[dict[str, Any]]:
    return store.query(
        f"SELECT {SEGMENT_HASH} AS key,"
        " sumIf(s.cost_usd * s.sample_weight, status = 'error') AS usd,"
        " sumIf(s.sample_weight, status = 'error' AND s.cost_usd > 0) AS failed,"
        " sum(s.sample_weight) AS calls,"
        f" groupArrayIf({EXAMPLES})(trace_id, status = 'error' AND s.cost_usd > 0) AS traces,"
        " topKIf(1)(if(error_type = '', 'error', error_type), status = 'error') AS errors"
        f" FROM {day.calls(store.database)} GROUP BY key ORDER BY usd DESC, key LIMIT 20000",
        day.values(),
    ).dicts()
