"""What prompts are made of, and what their beginnings of long conversations cost."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.monthly import per_month
from spanglass_detectors.savings.tools import TOLERANCE
from spanglass_store.advice.digests import WHOLE
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, segment_sql
from spanglass_store.advice.scope import Scope
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store

KIND: Final = "long_history"
DEFINITIONS: Final = "payload_attributes['gen_ai.tool.definitions']"
_INSTRUCTIONS: Final = "payload_attributes['gen_ai.system_instructions']"
#: What a character of a prompt cost. Where a call read from the provider's cache, its beginning
#: was read from there: at a tenth of the price, or somewhat more.
USD_OF_A_CHARACTER: Final = (
    "s.input_cost_usd * s.sample_weight * if(s.cache_read_tokens > 0, 0.1, 1)"
    f" / (lengthUTF8(input) + lengthUTF8({DEFINITIONS}) + lengthUTF8({_INSTRUCTIONS}))"
)
#: Messages of a history that stay: two exchanges.
KEPT: Final = 4
#: Calls with more than those, below which nothing is said.
_FEWEST: Final = 100
#: Prompts of a day that are read; of more, some.
_MOST: Final = 50_000
_MESSAGES: Final = "JSONExtractArrayRaw(input)"
_ROLE: Final = "JSONExtractString(m, 'role')"
#: The blocks of a prompt, in characters: `told` are its messages; the last question stands at
#: `place`, and what follows it are the steps of its answer.
_BLOCKS: Final = (
    f"{_MESSAGES} AS told, arrayMap(m -> {_ROLE}, told) AS roles,"
    " toUInt32(length(roles) + 1 - indexOf(arrayReverse(roles), 'user')) AS place,"
    " arrayFilter((m, n, role) -> n < place AND role NOT IN ('system', 'developer'), told,"
    " arrayEnumerate(told), roles) AS history,"
    " arraySum(m -> lengthUTF8(m), history) AS of_history,"
    f" lengthUTF8({_INSTRUCTIONS}) + arraySum((m, role) -> if(role IN ('system', 'developer'),"
    " lengthUTF8(m), 0), told, roles) AS of_system,"
    f" lengthUTF8({DEFINITIONS}) AS of_tools,"
    " arraySum(m -> lengthUTF8(m), arraySlice(told, place, 1)) AS of_question,"
    " arraySum(m -> lengthUTF8(m), arraySlice(told, place + 1)) AS of_steps,"
    f" arraySum(m -> lengthUTF8(m), arraySlice(history, 1, -{KEPT})) AS of_old"
)
_SUMMED: Final = ("system", "tools", "history", "question", "steps", "old")


def long_histories(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """What turns of conversations cost that lie far back, by segment.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    if not traffic.with_input:
        return [
            CantSay(
                KIND, "no call has a whole prompt: they are redacted, or not recorded",
                "Send prompts (capture_content in the SDK).",
            )
        ]  # fmt: skip
    one_in = max(1, -(-traffic.busiest // _MOST))
    by_segment: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for number, day in enumerate(scope.each_day()):
        for row in _of_day(store, day, one_in):
            by_segment[int(row["key"])].append({**row, "day": number})
    found: list[Finding | CantSay] = []
    for key, segment in traffic.named().items():
        rows = by_segment.get(key, [])
        if one_in * sum(float(row["long"]) for row in rows) >= _FEWEST:
            found += _finding(scope, traffic, segment, rows, one_in)
    return found[:MOST_FINDINGS]


def _of_day(store: Store, day: Scope, one_in: int) -> list[dict[str, Any]]:
    sums = ", ".join(f"sum(of_{name} * weight) AS {name}" for name in _SUMMED)
    return store.query(
        f"SELECT key, sum(weight) AS calls, sumIf(weight, of_old > 0) AS long, {sums},"
        " sum(usd_of_a_character * of_old) AS usd, sum(usd_of_a_character * of_history) AS usd_all,"
        f" groupArrayIf({EXAMPLES})(trace_id, of_old > 0) AS traces FROM ("
        f"SELECT {SEGMENT_HASH} AS key, trace_id, s.sample_weight AS weight,"
        f" {USD_OF_A_CHARACTER} AS usd_of_a_character, {_BLOCKS}"
        f" FROM {day.calls(store.database)} AND {WHOLE} AND startsWith(input, '[')"
        " AND cityHash64(trace_id) % {one_in:UInt32} = 0)"
        " GROUP BY key ORDER BY usd DESC, key LIMIT 20000",
        {**day.values(), "one_in": one_in},
    ).dicts()


def _finding(
    scope: Scope, traffic: Traffic, segment: Segment, rows: list[dict[str, Any]], one_in: int
) -> list[Finding]:
    days = [0.0] * scope.days
    for row in rows:
        days[int(row["day"])] = one_in * float(row["usd"] or 0)
    saving = per_month(days, TOLERANCE)
    if saving is None or not is_material(saving, traffic.usd_month):
        return []
    total = {name: sum(float(row[name]) for row in rows) for name in (*_SUMMED, "calls", "long")}
    whole = sum(total[name] for name in _SUMMED if name != "old") or 1.0
    shares = {f"{name}_share": total[name] / whole for name in _SUMMED}
    return [
        Finding(
            kind=KIND,
            title=f"{total['old'] / whole:.0%} of what {segment.title} sends are turns before the"
            f" last {KEPT // 2} of a conversation",
            project=segment.project,
            scope=segment.scope,
            saving=saving,
            risk=Level.HIGH,
            risk_note="What was said earlier may be needed: nothing recorded says whether. Keep a"
            " summary of it, and compare before all calls change.",
            evidence=Evidence(
                {
                    "calls": one_in * total["calls"],
                    "calls_with_older_turns": one_in * total["long"],
                    **shares,
                    "usd_of_older_turns": sum(days),
                    "usd_of_history": one_in * sum(float(row["usd_all"] or 0) for row in rows),
                    "one_trace_in": one_in,
                },
                tuple(dict.fromkeys(str(t) for row in rows for t in row["traces"]))[:EXAMPLES],
                f"SELECT length({_MESSAGES}) AS messages, count() AS calls,"
                " sum(input_cost_usd) AS usd\n"
                f"FROM spans WHERE {scope.literal()}\n  AND {segment_sql(segment)}\n"
                "GROUP BY messages ORDER BY messages",
            ),
            method="Characters of the messages before the last question, without instructions and"
            f" without the last {KEPT}, as a part of the prompt's, times what its input cost; where"
            " a call read from a cache, a tenth. Tokens of a character may differ by"
            f" {TOLERANCE:.0%}.",
            confidence=Level.LOW,
            next_step="Make a dataset of its longest conversations (`spanglass datasets`), answer"
            f" them with the last {KEPT} messages and a summary of the others, and compare both by"
            " `spanglass eval run`.",
        )
    ]  # fmt: skip
