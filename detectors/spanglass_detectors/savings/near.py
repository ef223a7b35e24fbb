"""A cache of answers that also gives one to a prompt that is nearly the same, replayed.

Of calls whose context is the same (instructions, tools, model, parameters, the messages before),
the last message is compared, as a vector. A call hits the nearest kept prompt if their cosine is at
least a threshold, the tokens with a digit in them are the same (an order's number is no detail),
and the kept answer was there before the call began and no longer than the time-to-live. A miss is
kept from its end on; a hit prolongs nothing. Prompts that are the same word by word are one: the
second one is no near hit, a cache by the whole prompt has it.

A hit is right if the two answers are equivalent: their cosine is at least `SAME_ANSWER`, they have
the same tokens with digits, and both or neither of them deny. So what is wrong is counted from what
was really answered, as far as vectors of words can see it.

Sources: F. Bang, "GPTCache: An Open-Source Semantic Cache for LLM Applications" (2023), for the
cache; Tulkens and van Dongen, "Model2Vec" (2024), for the vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.savings.monthly import share_interval
from spanglass_detectors.text.sameness import SAME_ANSWER

#: Cosines of prompts that are tried, from the strictest on.
THRESHOLDS: Final = (0.98, 0.95, 0.92, 0.89, 0.86, 0.83, 0.8)
#: A threshold counts if surely no more of its hits are wrong, and there are so many hits at least.
MOST_WRONG: Final = 0.1
FEWEST: Final = 40
#: Pairs of prompts that are kept, at most; beyond, nearly everything is alike.
_MOST_PAIRS: Final = 4_000_000
_BLOCK: Final = 512


@dataclass(frozen=True)
class Prompts:
    """Different prompts in the order in which they were asked, one place in each array.

    Attributes:
        context: what is the same where two may be compared.
        prompt: a row of unit length each: of the last message.
        answer: the same of what was answered.
        prompt_digits: a number that is the same where the prompt's tokens with digits are.
        answer_sense: the same of the answer's, and of whether it denies.
        start: seconds.
        end: seconds.
        usd: what the call cost.
    """

    context: NDArray[np.uint64]
    prompt: NDArray[np.float32]
    answer: NDArray[np.float32]
    prompt_digits: NDArray[np.int64]
    answer_sense: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    usd: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.context.size)


@dataclass(frozen=True)
class NearReplay:
    """What such a cache would have done.

    Attributes:
        threshold: cosine.
        ttl: seconds.
        hits: places of the calls that would have been answered from it.
        fills: of each hit, the place of the call whose answer it would have been given.
        right: of each hit, whether that answer was equivalent to its own.
    """

    threshold: float
    ttl: float
    hits: NDArray[np.int64]
    fills: NDArray[np.int64]
    right: NDArray[np.bool_]

    @property
    def wrong_rate(self) -> tuple[float, float, float]:
        """The share of hits that are wrong, with its 95 % interval (Wilson)."""
        wrong = int((~self.right).sum())
        low, high = share_interval(wrong, self.hits.size)
        return (wrong / self.hits.size if self.hits.size else 0.0), low, high


@dataclass(frozen=True)
class _Pairs:
    """Pairs of prompts, by the later one: which, the earlier one, and how alike."""

    later: NDArray[np.int64]
    earlier: NDArray[np.int64]
    cosine: NDArray[np.float32]


def replays(
    prompts: Prompts, ttls: Sequence[float], thresholds: Sequence[float] = THRESHOLDS
) -> list[NearReplay]:
    """Every threshold with every time-to-live.

    Args:
        prompts: see `Prompts`; sorted by their start.
        ttls: seconds.
        thresholds: cosines.
    """
    found = _pairs(prompts, min(thresholds))
    # Of each prompt, the nearest first.
    order = np.lexsort((-found.cosine, found.later))
    pairs = _Pairs(found.later[order], found.earlier[order], found.cosine[order])
    return [_replay(prompts, pairs, each, ttl) for each in thresholds for ttl in ttls]


def best(made: Sequence[NearReplay], usd: NDArray[np.float64]) -> NearReplay | None:
    """The one whose right hits cost most, of those that are surely seldom wrong.

    Args:
        made: replays.
        usd: what each call cost.

    Returns:
        Of those that save as much, the strictest with the shortest time-to-live; None where none
        is safe.
    """
    safe = [each for each in made if each.hits.size >= FEWEST and each.wrong_rate[2] <= MOST_WRONG]
    if not safe:
        return None
    saved = {id(each): float(usd[each.hits[each.right]].sum()) for each in safe}
    most = max(saved.values())
    enough = [each for each in safe if saved[id(each)] >= 0.9 * most]
    return min(enough, key=lambda each: (-each.threshold, each.ttl))


def _replay(prompts: Prompts, pairs: _Pairs, threshold: float, ttl: float) -> NearReplay:
    near = pairs.cosine >= threshold
    later, earlier = pairs.later[near], pairs.earlier[near]
    age = prompts.start[later] - prompts.end[earlier]
    there = (age >= 0) & (age <= ttl)
    later, earlier = later[there], earlier[there]
    is_kept = np.ones(len(prompts), bool)
    hits: list[int] = []
    fills: list[int] = []
    begins = np.flatnonzero(np.diff(later, prepend=-1))
    ends = np.append(begins[1:], later.size)[: begins.size]
    # In the order of time: what hit is not kept itself.
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        kept = earlier[begin:end][is_kept[earlier[begin:end]]]
        if kept.size:
            call = int(later[begin])
            is_kept[call] = False
            hits.append(call)
            fills.append(int(kept[0]))
    places, sources = np.array(hits, np.int64), np.array(fills, np.int64)
    return NearReplay(threshold, ttl, places, sources, equivalent(prompts, places, sources))


def equivalent(
    prompts: Prompts, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether answers are the same in other words, pair by pair."""
    cosines = np.einsum("ij,ij->i", prompts.answer[first], prompts.answer[second])
    same = prompts.answer_sense[first] == prompts.answer_sense[second]
    return np.asarray((cosines >= SAME_ANSWER) & same)


def _pairs(prompts: Prompts, threshold: float) -> _Pairs:
    later: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    earlier: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    cosines: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
    room = _MOST_PAIRS
    for members in groups(prompts.context, prompts.prompt_digits):
        rows = prompts.prompt[members]
        for at in range(0, members.size, _BLOCK):
            if room <= 0:
                break
            block = rows[at : at + _BLOCK] @ rows[: at + _BLOCK].T
            a, b = np.nonzero(block >= threshold)
            before = b < a + at
            a, b = a[before], b[before]
            later.append(members[a + at])
            earlier.append(members[b])
            cosines.append(block[a, b].astype(np.float32))
            room -= a.size
    return _Pairs(np.concatenate(later), np.concatenate(earlier), np.concatenate(cosines))


def groups(
    context: NDArray[np.uint64], prompt_digits: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Places of prompts that may be compared with another, each in the order of time.

    Args:
        context: see `Prompts`.
        prompt_digits: likewise.
    """
    order = np.lexsort((np.arange(context.size), prompt_digits, context))
    differs = (np.diff(context[order]) != 0) | (np.diff(prompt_digits[order]) != 0)
    for members in np.split(order, np.flatnonzero(differs) + 1):
        if members.size > 1:
            yield members
