"""Calls that ask what was asked before: a cache of answers, and requests that ask twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.savings import replay as cache
from spanglass_detectors.savings.findings import (
    CantSay,
    Evidence,
    Finding,
    Level,
    Number,
    is_material,
)
from spanglass_detectors.savings.monthly import per_month, share_interval
from spanglass_store.advice.digests import KEY, WHOLE, Digests, digests
from spanglass_store.advice.scope import Scope, quote
from spanglass_store.advice.traffic import Segment, Traffic
from spanglass_store.client import Store

CACHE: Final = "answer_cache"
REPEATS: Final = "repeated_calls"
#: Segments that are told apart, the dearest first; findings of a kind; traces that are shown.
_MOST_SEGMENTS: Final = 200
MOST_FINDINGS: Final = 5
EXAMPLES: Final = 3
#: Hits that are looked at again before anything is said of a cache.
_FEWEST: Final = 20
#: Share of repeated prompts that have to have had the same answer, word by word.
_SAME: Final = 0.5
_METHOD_CACHE: Final = (
    "Recorded calls replayed through a cache with this time-to-live (key: whole prompt, tools,"
    " model, parameters); the saving is what hits cost whose own answer was the kept one, word by"
    " word."
)
_METHOD_REPEATS: Final = (
    "Cost of the second and later calls with the same prompt, tools, model and parameters within"
    " one trace."
)


def duplicates(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Answers that a cache would have given, and requests that ask the same twice.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    found = digests(store, scope, traffic)
    if not len(found.calls):
        reason = "no call has a whole prompt: they are redacted, or not recorded"
        turn_on = (
            "Send prompts and answers (capture_content in the SDK), or keep a keyed hash in their"
            " place: docs/privacy.md."
        )
        return [CantSay(kind, reason, turn_on) for kind in (CACHE, REPEATS)]
    first, repeats = cache.split_repeats(found.calls)
    # Places in the arrays as they came, to find examples by.
    of_segment = _by_key(found)
    findings: list[Finding | CantSay] = []
    for number, (key, segment) in enumerate(traffic.named().items()):
        if number >= _MOST_SEGMENTS:
            break
        keys = of_segment.get(key)
        if keys is None:
            continue
        mine = first.at(np.isin(first.key, keys))
        if not traffic.one_user:
            findings += _cached(store, scope, traffic, segment, mine, found.one_in)
        findings += _repeated(
            store, scope, traffic, segment, repeats.at(np.isin(repeats.key, keys)), found.one_in
        )
    if traffic.one_user:
        findings.append(one_user(CACHE, traffic))
    return findings


def one_user(kind: str, traffic: Traffic) -> CantSay:
    """What is said where nearly all calls are one user's."""
    return CantSay(
        kind,
        f"one user makes {traffic.user_share:.0%} of the calls, and what one asks says nothing of"
        " others",
        "Look at a range with more users, or at another project (--project).",
    )


def _by_key(found: Digests) -> dict[int, NDArray[np.uint64]]:
    order = np.argsort(found.segment, kind="stable")
    segments, starts = np.unique(found.segment[order], return_index=True)
    parts = np.split(found.calls.key[order], starts[1:])
    return {int(s): np.unique(keys) for s, keys in zip(segments, parts, strict=True)}


def _cached(
    store: Store, scope: Scope, traffic: Traffic, segment: Segment, calls: cache.Calls, one_in: int
) -> Iterator[Finding]:
    if len(calls) < _FEWEST:
        return
    longest = scope.days * 86_400
    replays = [cache.replay(calls, ttl) for ttl in cache.TTLS if ttl <= longest]
    best = cache.best(replays)
    if best.hits.size < _FEWEST:
        return
    same = calls.answer[best.hits] == calls.answer[best.fills]
    low, high = share_interval(int(same.sum()), same.size)
    if high < _SAME:
        return
    good = best.hits[same]
    days = [each * one_in for each in cache.by_day(calls, good, scope.first_s, scope.days)]
    saving = per_month(days)
    if saving is None or not is_material(saving, traffic.usd_month):
        return
    took = calls.end[good] - calls.start[good]
    numbers: dict[str, Number] = {
        "calls": len(calls) * one_in,
        "hits": int(best.hits.size) * one_in,
        "hit_rate": best.hit_rate,
        "ttl_s": best.ttl,
        "same_answer_share": float(same.mean()),
        "same_answer_low": low,
        "entries_at_once": best.peak * one_in,
        "median_seconds_saved": float(np.median(took)),
        "usd_of_good_hits": sum(days),
        "one_prompt_in": one_in,
    }
    for each in replays:
        numbers[f"hit_rate_at_{words_of(each.ttl)}"] = each.hit_rate
    yield Finding(
        kind=CACHE,
        title=f"Keep answers of {segment.title} for {words_of(best.ttl)}: {best.hit_rate:.0%} of"
        " its calls ask what was answered before",
        project=segment.project,
        scope=segment.scope,
        saving=saving,
        risk=Level.LOW if low >= 0.9 else Level.MEDIUM,
        risk_note=f"{1 - same.mean():.0%} of the hits had got another answer; they are not in the"
        " saving. Answers that depend on the hour or the user must not be kept.",
        evidence=Evidence(
            numbers, examples(store, scope, calls, best.hits), repeated_sql(scope, segment, "")
        ),
        method=_METHOD_CACHE,
        confidence=Level.HIGH if low >= 0.9 else Level.MEDIUM,
        next_step=f"Cache answers by the whole prompt for {words_of(best.ttl)} in front of this"
        " feature, and compare scores of hits with those of misses.",
    )  # fmt: skip


def _repeated(
    store: Store, scope: Scope, traffic: Traffic, segment: Segment, calls: cache.Calls, one_in: int
) -> Iterator[Finding]:
    if len(calls) < _FEWEST:
        return
    everywhere = np.arange(len(calls))
    days = [each * one_in for each in cache.by_day(calls, everywhere, scope.first_s, scope.days)]
    saving = per_month(days)
    if saving is None or not is_material(saving, traffic.usd_month):
        return
    traces = int(np.unique(calls.trace).size)
    yield Finding(
        kind=REPEATS,
        title=f"{segment.title} asks the same again within a request, {len(calls) / traces:.1f}"
        " times where it does",
        project=segment.project,
        scope=segment.scope,
        saving=saving,
        risk=Level.LOW,
        risk_note="None where the repeats are retries; several answers to choose from are wanted"
        " where the application votes on them.",
        evidence=Evidence(
            {
                "repeated_calls": len(calls) * one_in,
                "requests": traces * one_in,
                "usd": sum(days),
                "one_prompt_in": one_in,
            },
            examples(store, scope, calls, everywhere),
            repeated_sql(scope, segment, "trace_id, "),
        ),
        method=_METHOD_REPEATS,
        confidence=Level.HIGH,
        next_step="Look at an example: retry only what failed, with a limit and a pause, and give"
        " an answer that was refused by a check another prompt instead of the same.",
    )  # fmt: skip


def examples(
    store: Store, scope: Scope, calls: cache.Calls, places: NDArray[np.int64]
) -> tuple[str, ...]:
    """Ids of the traces of the dearest calls of some."""
    dearest = places[np.argsort(-calls.usd[places], kind="stable")[: 4 * EXAMPLES]]
    return traces_of(store, scope, [int(each) for each in calls.trace[dearest]],
                     calls.start[dearest])  # fmt: skip


def traces_of(
    store: Store, scope: Scope, hashes: list[int], starts: NDArray[np.float64]
) -> tuple[str, ...]:
    """Ids of traces, from their digests and about when they were.

    Args:
        store: as a reader.
        scope: of the calls.
        hashes: `cityHash64(project, trace_id)`.
        starts: of spans of them, in seconds.
    """
    if not hashes:
        return ()
    rows = store.query(
        f"SELECT DISTINCT trace_id FROM {store.database}.spans WHERE {scope.where()}"
        " AND cityHash64(project, trace_id) IN {hashes:Array(UInt64)}"
        # The table is sorted by minute: so only those are read.
        " AND toStartOfMinute(start_time) IN {minutes:Array(DateTime('UTC'))}"
        " ORDER BY trace_id LIMIT {most:UInt32}",
        {
            **scope.values(),
            "hashes": hashes,
            "minutes": sorted({int(each // 60) * 60 for each in starts}),
            "most": EXAMPLES,
        },
    ).rows
    return tuple(str(row[0]) for row in rows)


def words_of(seconds: float) -> str:
    """A time-to-live in words: `5m`, `6h`, `7d`."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:g}{name}"
    return f"{seconds:g}s"


def repeated_sql(scope: Scope, segment: Segment, by: str) -> str:
    """A query that shows what was asked several times."""
    return (
        f"SELECT {by}any(substring(input_text, 1, 200)) AS prompt, count() AS calls,"
        " sum(cost_usd) AS usd, uniqExact(output) AS answers\n"
        f"FROM spans WHERE {scope.literal()}\n"
        f"  AND {segment_sql(segment)}\n"
        f"  AND {WHOLE}\n"
        f"GROUP BY {by}{KEY} HAVING calls > 1 ORDER BY usd DESC LIMIT 20"
    )


def segment_sql(segment: Segment) -> str:
    """A condition that is true for the calls of a segment."""
    values: dict[str, Any] = {
        "project": segment.project, "service": segment.service, "feature": segment.feature,
        "prompt_name": segment.prompt_name,
    }  # fmt: skip
    return " AND ".join(f"{name} = '{quote(value)}'" for name, value in values.items()) + (
        " AND operation IN ('chat', 'text_completion', 'generate_content', 'embeddings')"
    )
