"""What providers' caches of prompts could save, and what they cost where they are not read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from spanglass_detectors.savings.findings import (
    CantSay,
    Evidence,
    Finding,
    Level,
    Number,
    is_material,
)
from spanglass_detectors.savings.monthly import per_month
from spanglass_detectors.savings.prefix import (
    KEPT_S,
    SHORTEST,
    TOLERANCE,
    Followed,
    Potential,
    Rates,
    potential,
)
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, segment_sql
from spanglass_store.advice.rates import Book
from spanglass_store.advice.scope import Scope, quote
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL

PREFIX: Final = "prompt_cache"
ORDER: Final = "prompt_order"
WRITES: Final = "cache_writes"
#: Segments that are looked at, calls of a day of each, and characters of a prompt.
_MOST_SEGMENTS: Final = 10
_OF_A_DAY: Final = 40
_MOST_CHARACTERS: Final = 40_000
_FEWEST: Final = 60
_START: Final = "toUnixTimestamp64Nano(start_time)"
#: In the order in which providers put them together.
_PROMPT: Final = (
    "concat(payload_attributes['gen_ai.tool.definitions'],"
    " payload_attributes['gen_ai.system_instructions'], input)"
)
_OF_MODEL: Final = (
    f"{SEGMENT_HASH} = {{key:UInt64}} AND {PRICED_MODEL} = {{model:String}}"
    " AND provider = {provider:String} AND status != 'error'"
)


def _rates(book: Book, segment: Segment) -> Rates | None:
    usual = book.usual(segment)
    if usual is None:
        return None
    return Rates(*(float(usual[name]) for name in ("input", "cache_read", "cache_write")))


def provider_caches(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Prompts whose beginning could be read from a provider's cache.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    book = Book(store, scope)
    found: list[Finding | CantSay] = []
    for segment in [each for each in traffic.segments if _is_long(each)][:_MOST_SEGMENTS]:
        rates = _rates(book, segment)
        if rates is None or rates.read >= rates.input:
            continue
        calls, counts = _sample(store, scope, segment)
        if len(calls) < _FEWEST:
            continue
        about = potential(calls, rates)
        finding = _finding(scope, traffic, segment, about, counts, PREFIX)
        if finding is None and about.usd_ordered > about.usd:
            finding = _finding(scope, traffic, segment, about, counts, ORDER)
        if finding is not None:
            found.append(finding)
    return found[:MOST_FINDINGS]


def _is_long(segment: Segment) -> bool:
    return segment.input_usd > 0 and segment.input_tokens >= SHORTEST * segment.calls


def _sample(
    store: Store, scope: Scope, segment: Segment
) -> tuple[list[Followed], list[float]]:  # fmt: skip
    """Calls drawn by chance with those before them, and how many calls each day has."""
    found: list[Followed] = []
    counts: list[float] = []
    for day in scope.each_day():
        values: dict[str, Any] = {
            **day.values(), "key": segment.key, "model": segment.model,
            "provider": segment.provider, "most": _OF_A_DAY,
        }  # fmt: skip
        source = f"{day.calls(store.database)} AND {_OF_MODEL}"
        row = store.row(f"SELECT sum(s.sample_weight) FROM {source}", values)
        counts.append(float(row[0] or 0))
        pairs = store.query(
            f"SELECT cur, prev FROM (SELECT {_START} AS cur, lagInFrame(cur) OVER (ORDER BY cur"
            f" ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS prev FROM {source})"
            " WHERE prev > 0 ORDER BY cityHash64(cur) LIMIT {most:UInt32}",
            values,
        ).rows
        starts = sorted({int(each) for pair in pairs for each in pair})
        if not starts:
            continue
        texts = {
            int(start): (str(text), int(characters), float(tokens or 0), float(read or 0))
            for start, text, characters, tokens, read in store.query(
                f"SELECT {_START} AS start, substringUTF8({_PROMPT}, 1, {_MOST_CHARACTERS}),"
                f" lengthUTF8({_PROMPT}), s.input_tokens, s.cache_read_tokens FROM {source}"
                " AND toStartOfMinute(start_time) IN {minutes:Array(DateTime('UTC'))}"
                " AND has({starts:Array(Int64)}, start)",
                {
                    **values,
                    "starts": starts,
                    "minutes": sorted({each // 60_000_000_000 * 60 for each in starts}),
                },
            ).rows
        }
        for current, previous in pairs:
            now, before = texts.get(int(current)), texts.get(int(previous))
            if now is not None and before is not None and now[0]:
                gap = (int(current) - int(previous)) / 1e9
                found.append(Followed(now[0], before[0], now[1], gap, now[2], now[3]))
    return found, counts


def _finding(
    scope: Scope, traffic: Traffic, segment: Segment, about: Potential, counts: list[float],
    kind: str,
) -> Finding | None:  # fmt: skip
    is_order = kind == ORDER
    usd = about.usd_ordered if is_order else about.usd
    error = about.usd_ordered_error if is_order else about.usd_error
    saving = per_month([n * usd for n in counts], TOLERANCE, float(np.mean(counts)) * error)
    if saving is None or not is_material(saving, traffic.usd_month):
        return None
    told: dict[str, Number] = {
        "calls": sum(counts),
        "calls_looked_at": about.calls,
        "tokens_a_call": segment.input_tokens / segment.calls,
        "tokens_of_common_beginning": about.prefix,
        "tokens_that_are_the_same": about.shared,
        "hit_rate_now": segment.cache_read / segment.input_tokens,
        "calls_in_time_share": about.in_time,
    }
    kept = about.shared if is_order else about.prefix
    title = (
        f"{kept:,.0f} tokens of {segment.title} are the same in each call, behind what varies"
        if is_order
        else f"{kept:,.0f} tokens at the beginning of {segment.title} are paid for anew each time"
    )
    return Finding(
        kind=kind,
        title=title,
        project=segment.project,
        scope={**segment.scope, "model": segment.model},
        saving=saving,
        risk=Level.MEDIUM if is_order else Level.LOW,
        risk_note="A prompt in another order is another prompt: compare the versions."
        if is_order
        else "None: the same prompt gives the same answers.",
        evidence=Evidence(told, (), _sql(scope, segment)),
        method=f"Common parts of {about.calls} calls drawn by chance with the call before each, at"
        f" the prices of cached tokens, from {SHORTEST:,} tokens on and within {KEPT_S / 60:g}"
        " minutes; less what writing costs where a call comes later. Tokens by characters, to"
        f" {TOLERANCE:.0%}.",
        confidence=Level.MEDIUM,
        next_step="Put what never changes first (tools, instructions, examples), what varies last,"
        " and watch cache_read_tokens."
        if is_order
        else "Turn the provider's cache on for the beginning (cache_control, prompt_cache_key), and"
        " watch cache_read_tokens.",
    )


def _sql(scope: Scope, segment: Segment) -> str:
    return (
        "SELECT toDate(start_time) AS day, count() AS calls, avg(input_tokens) AS tokens,\n"
        "  sum(cache_read_tokens) / sum(input_tokens) AS hit_rate,\n"
        "  sum(cache_write_tokens) AS written, sum(cache_read_tokens) AS read\n"
        f"FROM spans WHERE {scope.literal()}\n  AND {segment_sql(segment)}\n"
        f"  AND {PRICED_MODEL} = '{quote(segment.model)}'\nGROUP BY day ORDER BY day"
    )


def wasted_writes(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Caches that cost more to write than their reading saves.

    Args:
        store: as a reader.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    book = Book(store, scope)
    found: list[Finding | CantSay] = []
    written = [each for each in traffic.segments if each.cache_write > 0]
    for segment in written[:_MOST_SEGMENTS]:
        rates = _rates(book, segment)
        if rates is None or rates.write <= rates.input:
            continue
        days = [0.0] * scope.days
        read = wrote = 0.0
        examples: list[str] = []
        for number, day in enumerate(scope.each_day()):
            row = store.named_row(
                "SELECT sum(s.cache_write_tokens * s.sample_weight) AS wrote,"
                " sum(s.cache_read_tokens * s.sample_weight) AS seen,"
                f" groupArrayIf({EXAMPLES})(trace_id, s.cache_write_tokens > 0) AS traces"
                f" FROM {day.calls(store.database)} AND {_OF_MODEL}",
                {
                    **day.values(), "key": segment.key, "model": segment.model,
                    "provider": segment.provider,
                },
            )  # fmt: skip
            w, r = float(row["wrote"] or 0), float(row["seen"] or 0)
            days[number] = (w * (rates.write - rates.input) - r * (rates.input - rates.read)) / 1e6
            wrote, read = wrote + w, read + r
            examples += row["traces"]
        saving = per_month(days)
        if saving is None or not is_material(saving, traffic.usd_month):
            continue
        found.append(
            Finding(
                kind=WRITES,
                title=f"{segment.title} writes prompts to the provider's cache and seldom reads"
                " them",
                project=segment.project,
                scope={**segment.scope, "model": segment.model},
                saving=saving,
                risk=Level.LOW,
                risk_note="None: the same prompts give the same answers.",
                evidence=Evidence(
                    {
                        "tokens_written": wrote, "tokens_read": read, "usd": sum(days),
                        "usd_million_written": rates.write, "usd_million_input": rates.input,
                        "usd_million_read": rates.read,
                    },
                    tuple(examples[:EXAMPLES]),
                    _sql(scope, segment),
                ),
                method="Tokens written times what a write costs above the input, less tokens read"
                " times what reading costs below it, by the book of prices.",
                confidence=Level.HIGH,
                next_step="Take cache_control away from what varies, or keep it for calls that"
                " follow each other within minutes.",
            )
        )  # fmt: skip
    return found[:MOST_FINDINGS]
