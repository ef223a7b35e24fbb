"""Prompts that mean the same in other words: a cache of answers by vectors, replayed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.savings import near
from spanglass_detectors.savings.findings import (
    CantSay,
    Evidence,
    Finding,
    Level,
    Number,
    is_material,
)
from spanglass_detectors.savings.monthly import per_month
from spanglass_detectors.savings.replay import TTLS
from spanglass_detectors.text.sameness import digits, sense
from spanglass_store.advice.digests import KEY, WHOLE
from spanglass_store.advice.duplicates import (
    EXAMPLES,
    MOST_FINDINGS,
    one_user,
    segment_sql,
    words_of,
)
from spanglass_store.advice.scope import Scope
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store
from spanglass_store.errors import StoreError

KIND: Final = "near_duplicates"
#: Makes vectors of texts: rows of unit length.
Embed = Callable[[Sequence[str]], Any]
#: Different prompts that are compared at most; of more, some of each day, drawn by a digest.
MOST_PROMPTS: Final = 12_000
#: Characters of a message and an answer beyond which a call is left out: what is so long is read.
_MOST_CHARS: Final = 2_000
#: The last message of a prompt, and all before it.
_LAST: Final = "if(startsWith(input, '['), JSONExtractArrayRaw(input)[-1], '')"
_ASKED: Final = (
    f"if({_LAST} = '', input, arrayStringConcat(arrayMap(p -> JSONExtractString(p, 'content'),"
    f" JSONExtractArrayRaw({_LAST}, 'parts')), '\\n'))"
)
_CONTEXT: Final = KEY.replace(
    " input,", " if(startsWith(input, '['), substring(input, 1, length(input) - length("
    f"{_LAST}) - 1), ''),",
)  # fmt: skip
_OF_USER: Final = f"({_LAST} = '' OR JSONExtractString({_LAST}, 'role') = 'user')"
_METHOD: Final = (
    "Recorded prompts replayed through a cache that answers what is nearly the same: same context,"
    " same numbers, cosine of the last messages' vectors at least the threshold. A hit is right if"
    " the kept answer is equivalent to the own one: cosine 0.9, same numbers, both or neither deny."
    " The saving is what right hits cost; prompts that are the same word by word are left to"
    " `answer_cache`."
)


@dataclass(frozen=True)
class _Asked:
    """Prompts with their texts, one place in each array."""

    prompts: near.Prompts
    segment: NDArray[np.uint64]
    trace: list[str]
    texts: list[str]
    one_in: int


def near_duplicates(
    store: Store, scope: Scope, traffic: Traffic, embed: Embed | None
) -> list[Finding | CantSay]:
    """What a cache would save that answers prompts which are nearly the same.

    Args:
        store: as a reader of payload.
        scope: which; from the first day with a call.
        traffic: of the same range.
        embed: makes vectors; None where nothing can.
    """
    if traffic.one_user:
        return [one_user(KIND, traffic)]
    if embed is None:
        return [_no_vectors("nothing here makes vectors of texts")]
    one_in = max(1, -(-traffic.rows // (2 * MOST_PROMPTS)))
    rows = [row for day in scope.each_day() for row in _asked(store, day, one_in)]
    if not rows:
        return [
            CantSay(
                KIND, "no call has a whole prompt: they are redacted, or not recorded",
                "Send prompts and answers (capture_content in the SDK).",
            )
        ]  # fmt: skip
    try:
        asked = _with_vectors(rows, embed, one_in)
    except StoreError as error:
        return [_no_vectors(str(error))]
    found: list[Finding | CantSay] = []
    for key, segment in traffic.named().items():
        mine = np.flatnonzero(asked.segment == key)
        if mine.size > near.FEWEST:
            found += _finding(scope, traffic, segment, asked, mine)
    return found[:MOST_FINDINGS]


def _no_vectors(because: str) -> CantSay:
    return CantSay(
        KIND, because, "Install what compares texts: pip install 'spanglass[detectors]'."
    )


def _asked(store: Store, day: Scope, one_in: int) -> list[dict[str, Any]]:
    """The first call of each prompt of a day."""
    return store.query(
        f"SELECT {KEY} AS key, {SEGMENT_HASH} AS segment, {_CONTEXT} AS context, trace_id,"
        " toUnixTimestamp64Nano(start_time) / 1e9 AS start, duration_ns / 1e9 AS seconds,"
        " ifNull(s.cost_usd, 0) * s.sample_weight AS usd,"
        f" {_ASKED} AS asked, s.output_text AS answer"
        f" FROM {day.calls(store.database)} AND {WHOLE} AND {KEY} % {{one_in:UInt32}} = 0"
        f" AND {_OF_USER} AND asked != '' AND answer != '' AND length(asked) <= {{chars:UInt32}}"
        " AND length(answer) <= {chars:UInt32}"
        " ORDER BY start, trace_id LIMIT 1 BY key LIMIT {most:UInt32}",
        {**day.values(), "one_in": one_in, "chars": _MOST_CHARS, "most": MOST_PROMPTS},
    ).dicts()


def _with_vectors(rows: list[dict[str, Any]], embed: Embed, one_in: int) -> _Asked:
    """The prompts that may be like another, with vectors."""
    first: dict[int, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(int(row["key"]), row)
    rows = sorted(first.values(), key=lambda row: float(row["start"]))[:MOST_PROMPTS]
    context = np.array([row["context"] for row in rows], np.uint64)
    same_digits = _numbers(digits(row["asked"]) for row in rows)
    alike = [place for each in near.groups(context, same_digits) for place in each.tolist()]
    rows = [rows[place] for place in sorted(alike)]
    vectors = np.asarray(embed([row[name] for name in ("asked", "answer") for row in rows]))
    start = np.array([float(row["start"]) for row in rows])
    prompts = near.Prompts(
        context=np.array([row["context"] for row in rows], np.uint64),
        prompt=vectors[: len(rows)],
        answer=vectors[len(rows) :],
        prompt_digits=_numbers(digits(row["asked"]) for row in rows),
        answer_sense=_numbers(sense(row["answer"]) for row in rows),
        start=start,
        end=start + np.array([float(row["seconds"]) for row in rows]),
        usd=np.array([float(row["usd"]) for row in rows]),
    )
    return _Asked(
        prompts,
        np.array([row["segment"] for row in rows], np.uint64),
        [str(row["trace_id"]) for row in rows],
        [str(row["asked"]) for row in rows],
        one_in,
    )


def _numbers(values: Iterable[Hashable]) -> NDArray[np.int64]:
    """A number for each value, the same for the same."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(each, len(known)) for each in values], np.int64)


def _at(prompts: near.Prompts, places: NDArray[np.int64]) -> near.Prompts:
    return replace(prompts, **{name: getattr(prompts, name)[places] for name in vars(prompts)})


def _finding(
    scope: Scope, traffic: Traffic, segment: Segment, asked: _Asked, mine: NDArray[np.int64]
) -> Iterator[Finding]:
    prompts = _at(asked.prompts, mine)
    longest = scope.days * 86_400
    made = near.replays(prompts, [ttl for ttl in TTLS if ttl <= longest])
    best = near.best(made, prompts.usd)
    if best is None:
        return
    good = best.hits[best.right]
    day = ((prompts.start[good] - scope.first_s) // 86_400).astype(int)
    days = np.bincount(day, prompts.usd[good] * asked.one_in, minlength=scope.days)[: scope.days]
    saving = per_month([float(each) for each in days])
    if saving is None or not is_material(saving, traffic.usd_month):
        return
    wrong, low, high = best.wrong_rate
    took = prompts.end[good] - prompts.start[good]
    numbers: dict[str, Number] = {
        "hits": int(best.hits.size) * asked.one_in,
        "right_hits": int(good.size) * asked.one_in,
        "threshold": best.threshold,
        "ttl_s": best.ttl,
        "wrong_hit_rate": wrong,
        "wrong_hit_rate_low": low,
        "wrong_hit_rate_high": high,
        "median_seconds_saved": float(np.median(took)),
        "usd_of_right_hits": float(days.sum()),
        "one_prompt_in": asked.one_in,
    }
    for each in made:
        if each.ttl == best.ttl:
            numbers[f"hits_at_{each.threshold:g}"] = int(each.hits.size) * asked.one_in
            numbers[f"wrong_hit_rate_at_{each.threshold:g}"] = each.wrong_rate[0]
        if each.threshold == best.threshold:
            numbers[f"hits_in_{words_of(each.ttl)}"] = int(each.hits.size) * asked.one_in
    numbers |= _shown("right", asked, mine, best, best.right)
    numbers |= _shown("wrong", asked, mine, best, ~best.right)
    # Wrong hits are what to look at first.
    order = np.argsort(best.right, kind="stable")[:EXAMPLES]
    yield Finding(
        kind=KIND,
        title=f"{segment.title} is asked the same in other words: {good.size * asked.one_in:,}"
        f" answers were there already (cosine {best.threshold:g}, kept for {words_of(best.ttl)})",
        project=segment.project,
        scope=segment.scope,
        saving=saving,
        risk=Level.MEDIUM,
        risk_note=f"{wrong:.1%} of the hits (95 %: {low:.1%} to {high:.1%}) would have been given"
        " an answer that is not equivalent to their own; vectors of words see neither order nor all"
        " meaning.",
        evidence=Evidence(
            numbers,
            tuple(dict.fromkeys(asked.trace[mine[best.hits[each]]] for each in order)),
            "SELECT start_time, trace_id, input_text AS prompt, output_text AS answer, cost_usd\n"
            f"FROM spans WHERE {scope.literal()}\n  AND {segment_sql(segment)}\n"
            "ORDER BY start_time DESC LIMIT 100",
        ),
        method=_METHOD,
        confidence=Level.MEDIUM,
        next_step=f"Answer a tenth of {segment.title} from a cache by vectors with this threshold"
        " and time-to-live, and compare the scores of its hits with those of the others.",
    )  # fmt: skip


def _shown(
    name: str, asked: _Asked, mine: NDArray[np.int64], best: near.NearReplay, which: Any
) -> dict[str, Number]:
    """A few pairs: what was asked, and what had been asked when the answer was made."""
    pairs = zip(best.hits[which][:EXAMPLES], best.fills[which][:EXAMPLES], strict=True)
    return {
        f"{name}_hit_{number}": f"{asked.texts[mine[hit]][:150]} ← {asked.texts[mine[fill]][:150]}"
        for number, (hit, fill) in enumerate(pairs, 1)
    }
