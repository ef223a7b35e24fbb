"""Tools that prompts describe and no answer calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.monthly import per_month
from spanglass_detectors.savings.tools import TOLERANCE, definitions
from spanglass_store.advice.blocks import DEFINITIONS, USD_OF_A_CHARACTER
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, segment_sql
from spanglass_store.advice.scope import Scope, quote
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store

KIND: Final = "unused_tools"
#: Calls that have to have had a tool before it is called unused.
_FEWEST: Final = 200
#: Sets of tools of a day that are looked at, the dearest first; names that are searched for.
_MOST_SETS: Final = 300
_MOST_NAMES: Final = 250


@dataclass
class _Tools:
    """What is known of the tools of a segment."""

    calls: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    days: dict[str, list[float]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    examples: dict[str, str] = field(default_factory=dict)


def unused_tools(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Tools that could be left out, by segment.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    segments: dict[int, _Tools] = defaultdict(_Tools)
    for number, day in enumerate(scope.each_day()):
        for row in _sets(store, day):
            about = segments[int(row["key"])]
            for name, characters in definitions(row["definitions"]).items():
                about.calls[name] += float(row["calls"])
                days = about.days.setdefault(name, [0.0] * scope.days)
                days[number] += float(row["usd_of_a_character"] or 0) * characters
                about.examples.setdefault(name, row["trace"])
    if not segments:
        return [
            CantSay(
                KIND,
                "no call says which tools it was given",
                "Record them: tools= of spanglass.generation, or an instrumentation that sends"
                " gen_ai.tool.definitions.",
            )
        ]
    names = sorted({name for about in segments.values() for name in about.calls})[:_MOST_NAMES]
    for day in scope.each_day():
        _mark_used(store, day, segments, names)
    _mark_run(store, scope, traffic, segments)
    found: list[Finding | CantSay] = []
    for key, segment in traffic.named().items():
        if key in segments:
            found += _finding(scope, traffic, segment, segments[key], set(names))
    return found[:MOST_FINDINGS]


def _sets(store: Store, day: Scope) -> list[dict[str, Any]]:
    return store.query(
        f"SELECT {SEGMENT_HASH} AS key, any({DEFINITIONS}) AS definitions,"
        " sum(s.sample_weight) AS calls, any(trace_id) AS trace,"
        f" sum({USD_OF_A_CHARACTER}) AS usd_of_a_character"
        f" FROM {day.calls(store.database)} AND {DEFINITIONS} != ''"
        f" GROUP BY key, cityHash64({DEFINITIONS})"
        " ORDER BY usd_of_a_character DESC, calls DESC LIMIT {most:UInt32}",
        {**day.values(), "most": _MOST_SETS},
    ).dicts()


def _mark_used(store: Store, day: Scope, segments: dict[int, _Tools], names: list[str]) -> None:
    """Whatever an answer so much as names is used."""
    rows = store.query(
        f"SELECT {SEGMENT_HASH} AS key, groupUniqArrayArray(arrayFilter((name, place) -> place > 0,"
        " {names:Array(String)}, multiSearchAllPositions(output, {names:Array(String)}))) AS used"
        f" FROM {day.calls(store.database)} AND {DEFINITIONS} != '' GROUP BY key",
        {**day.values(), "names": names},
    ).rows
    for key, used in rows:
        segments[int(key)].used.update(map(str, used))


def _mark_run(
    store: Store, scope: Scope, traffic: Traffic, segments: dict[int, _Tools]
) -> None:  # fmt: skip
    rows = store.query(
        f"SELECT DISTINCT project, tool_name FROM {store.database}.spans"
        f" WHERE {scope.where()} AND tool_name != '' LIMIT 10000",
        scope.values(),
    ).rows
    run = {(str(project), str(name)) for project, name in rows}
    for key, segment in traffic.named().items():
        if key in segments:
            segments[key].used |= {name for project, name in run if project == segment.project}


def _finding(
    scope: Scope, traffic: Traffic, segment: Segment, about: _Tools, searched: set[str]
) -> list[Finding]:
    unused = sorted(
        name
        for name, calls in about.calls.items()
        if calls >= _FEWEST and name in searched and name not in about.used
    )
    if not unused:
        return []
    days = [sum(about.days[name][day] for name in unused) for day in range(scope.days)]
    saving = per_month(days, TOLERANCE)
    if saving is None or not is_material(saving, traffic.usd_month):
        return []
    calls = min(about.calls[name] for name in unused)
    shown = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if len(unused) > 5 else "")
    examples = tuple(dict.fromkeys(about.examples[name] for name in unused))[:EXAMPLES]
    return [
        Finding(
            kind=KIND,
            title=f"{segment.title} describes tools that no answer calls: {shown}",
            project=segment.project,
            scope=segment.scope,
            saving=saving,
            risk=Level.LOW,
            risk_note=f"None of {calls:,.0f} calls used them, so fewer than {3 / calls:.2%} need"
            " one (95 %).",
            evidence=Evidence(
                {
                    "unused_tools": ", ".join(unused),
                    "tools": len(about.calls),
                    "calls": calls,
                    "usd": sum(days),
                },
                examples,
                "SELECT tool, countIf(position(output, tool) > 0) AS answers_with_it, count() AS"
                " calls\nFROM spans ARRAY JOIN "
                 "[" + ", ".join(f"'{name}'" for name in map(quote, unused[:20])) + "] AS tool\n"
                f"WHERE {scope.literal()}\n  AND {segment_sql(segment)}\n"
                f"  AND {DEFINITIONS} != ''\nGROUP BY tool ORDER BY tool",
            ),
            method="A definition's part of the prompt's characters times what the input cost, over"
            " all calls that carried it; where a call read from a cache, a tenth. Tokens of a"
            f" character may differ by {TOLERANCE:.0%}.",
            confidence=Level.HIGH,
            next_step=f"Leave them out of the calls of {segment.title}, or offer them only where"
            " the question is about them; compare the versions of the prompt.",
        )
    ]  # fmt: skip
