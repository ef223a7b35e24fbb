"""Tools that agents call again with the same arguments."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.loops import ModelCall, ToolUse, Waste, wasted
from spanglass_detectors.savings.monthly import per_month
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, traces_of
from spanglass_store.advice.scope import MOST_ROWS, Scope, numbers
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store

KIND: Final = "agent_loops"
_FEWEST: Final = 20
_TOOL: Final = "operation = 'execute_tool' AND input_key != '' AND NOT redacted"
_TRACE: Final = "cityHash64(project, trace_id)"
_WHAT: Final = "cityHash64(tool_name, input)"


def loops(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """What repeated calls of tools have cost, by segment.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    rows = store.query(
        f"SELECT count() AS n, countIf({_TOOL}) AS told FROM {store.database}.spans FINAL"
        f" WHERE {scope.where()} AND operation = 'execute_tool'"
        f" GROUP BY {scope.first_day} ORDER BY n DESC",
        scope.values(),
    ).rows
    if not rows:
        return []
    if not any(told for _, told in rows):
        return [
            CantSay(
                KIND,
                "calls of tools are recorded without their arguments",
                "Record them: spanglass.span(kind='tool', input=…), or capture_content.",
            )
        ]
    one_in = max(1, math.ceil(1.2 * int(rows[0][0]) / MOST_ROWS))
    waste: list[tuple[int, Waste]] = []
    for day in scope.each_day():
        waste += _of_day(store, day, one_in)
    found: list[Finding | CantSay] = []
    for key, segment in traffic.named().items():
        mine = [each for of, each in waste if of == key]
        if len(mine) >= _FEWEST:
            found += _finding(store, scope, traffic, segment, mine, one_in)
    return found[:MOST_FINDINGS]


def _of_day(store: Store, day: Scope, one_in: int) -> list[tuple[int, Waste]]:
    """Calls of models that read what had been read, with their segments."""
    spans = f"{store.database}.spans"
    repeating = (
        f"{_TRACE} IN (SELECT {_TRACE} FROM {spans} FINAL WHERE {day.where()} AND {_TOOL}"
        f" AND {_TRACE} % {one_in} = 0"
        f" GROUP BY project, trace_id, {_WHAT}, cityHash64(output) HAVING count() > 1)"
    )
    start = ("i", "toUnixTimestamp64Nano(start_time)")
    tools = numbers(
        store,
        {
            "trace": ("u", _TRACE), "key": ("u", _WHAT), "result": ("u", "cityHash64(output)"),
            "start": start, "end": ("i", "toUnixTimestamp64Nano(end_time)"),
        },
        f"{spans} FINAL WHERE {day.where()} AND {_TOOL} AND {repeating}",
        day.values(),
    )  # fmt: skip
    if not tools["trace"].size:
        return []
    calls = numbers(
        store,
        {
            "trace": ("u", _TRACE), "start": start, "segment": ("u", SEGMENT_HASH),
            "usd": ("f", "ifNull(s.cost_usd, 0) * s.sample_weight"),
        },
        f"{day.calls(store.database)} AND {repeating}",
        day.values(),
    )  # fmt: skip
    seconds = calls["start"] / 1e9
    segments = {
        (int(t), float(s)): int(k)
        for t, s, k in zip(calls["trace"], seconds, calls["segment"], strict=True)
    }
    found = wasted(
        (
            ToolUse(int(t), int(k), int(r), s / 1e9, e / 1e9)
            for t, k, r, s, e in zip(*tools.values(), strict=True)
        ),
        (
            ModelCall(int(t), float(s), float(usd))
            for t, s, usd in zip(calls["trace"], seconds, calls["usd"], strict=True)
        ),
    )
    return [(segments[each.trace, each.start], each) for each in found]


def _finding(
    store: Store, scope: Scope, traffic: Traffic, segment: Segment, waste: list[Waste], one_in: int
) -> list[Finding]:
    days = [0.0] * scope.days
    for each in waste:
        days[min(scope.days - 1, int((each.start - scope.first_s) // 86_400))] += each.usd * one_in
    saving = per_month(days)
    if saving is None or not is_material(saving, traffic.usd_month):
        return []
    dearest = sorted(waste, key=lambda each: -each.usd)[: 4 * EXAMPLES]
    return [
        Finding(
            kind=KIND,
            title=f"Agents of {segment.title} call tools again with the same arguments",
            project=segment.project,
            scope=segment.scope,
            saving=saving,
            risk=Level.LOW,
            risk_note="A tool that is asked again on purpose, to see a change, is not counted: its"
            " result would differ.",
            evidence=Evidence(
                {
                    "wasted_calls": len(waste) * one_in,
                    "requests": len({each.trace for each in waste}) * one_in,
                    "usd": sum(days),
                    "one_trace_in": one_in,
                },
                traces_of(
                    store, scope, [each.trace for each in dearest],
                    np.array([each.start for each in dearest]),
                ),
                "SELECT trace_id, tool_name, count() AS times, any(substring(input, 1, 200)) AS"
                f" arguments\nFROM spans WHERE {scope.literal()}\n  AND {_TOOL}\n"
                "GROUP BY trace_id, tool_name, input, output HAVING times > 1\n"
                "ORDER BY times DESC LIMIT 20",
            ),
            method="Cost of the first call of a model behind each call of a tool that had the same"
            " arguments and the same result as an earlier one of its trace.",
            confidence=Level.MEDIUM,
            next_step="Answer a repeated call of a tool from its first result, and tell the model"
            " that it has it; limit the rounds of an agent.",
        )
    ]  # fmt: skip
