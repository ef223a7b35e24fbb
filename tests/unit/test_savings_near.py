"""A cache that answers what is nearly the same: against what can be worked out by hand."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_detectors.savings import near
from spanglass_detectors.text.sameness import digits, sense


def unit(*degrees: float) -> Any:
    """Vectors in the plane, whose cosine is that of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def prompts(*rows: tuple[float, float, float, int, int, int]) -> near.Prompts:
    """Of (start, degrees of the prompt, of the answer, context, digits, sense); a second long."""
    start, asked, answered, context, digits, sense = (list(c) for c in zip(*rows, strict=True))
    begun = np.array(start, float)
    return near.Prompts(
        np.array(context, np.uint64), unit(*asked), unit(*answered), np.array(digits, np.int64),
        np.array(sense, np.int64), begun, begun + 1, np.ones(len(rows)),
    )  # fmt: skip


def test_what_is_near_enough_hits_and_is_not_kept() -> None:
    made = prompts(
        (0, 0, 0, 1, 0, 0),
        (10, 10, 10, 1, 0, 0),  # cosine 0.985 with the first: a hit
        (20, 20, 0, 1, 0, 0),  # 0.94 with the first; the one before was not kept
        (30, 5, 90, 1, 0, 0),  # a hit whose own answer was another
        (40, 5, 5, 2, 0, 0),  # another context
        (50, 5, 5, 1, 7, 0),  # another number in it
        (60, 1, 1, 1, 0, 3),  # a hit, but its answer denies
    )
    (strict, loose) = near.replays(made, [100], [0.98, 0.93])
    assert strict.hits.tolist() == [1, 3, 6]
    assert strict.fills.tolist() == [0, 0, 0]
    assert strict.right.tolist() == [True, False, False]
    assert loose.hits.tolist() == [1, 2, 3, 6]
    assert strict.wrong_rate[0] == pytest.approx(2 / 3)
    (never,) = near.replays(made, [0.5], [0.98])
    assert never.hits.size == 0
    assert never.wrong_rate == (0.0, 0.0, 1.0)
    # The nearest counts: with the strict one, the third was kept.
    (short,) = near.replays(made, [12], [0.98])
    assert short.hits.tolist() == [1]


@given(st.integers(0, 10_000))
def test_a_replay_is_what_such_a_cache_does(seed: int) -> None:
    rng = random.Random(seed)
    made = prompts(
        *(
            (n + rng.random(), rng.uniform(0, 60), rng.uniform(0, 60), rng.randrange(2),
             rng.randrange(2), rng.randrange(2))
            for n in range(50)
        )
    )  # fmt: skip
    ttl, threshold = rng.uniform(1, 40), rng.uniform(0.9, 0.999)
    (found,) = near.replays(made, [ttl], [threshold])
    kept: list[int] = []
    hits = {}
    for n in range(len(made)):
        there = [
            k
            for k in kept
            if made.context[k] == made.context[n]
            and made.prompt_digits[k] == made.prompt_digits[n]
            and made.end[k] <= made.start[n] <= made.end[k] + ttl
            and made.prompt[k] @ made.prompt[n] >= threshold
        ]
        if there:
            hits[n] = max(made.prompt[k] @ made.prompt[n] for k in there)
        else:
            kept.append(n)
    assert found.hits.tolist() == list(hits)
    for hit, fill in zip(found.hits.tolist(), found.fills.tolist(), strict=True):
        assert made.prompt[fill] @ made.prompt[hit] == pytest.approx(hits[hit], abs=1e-6)


def test_only_what_is_surely_seldom_wrong_is_proposed() -> None:
    usd = np.ones(1_000)

    def replay(threshold: float, ttl: float, right: int, wrong: int) -> near.NearReplay:
        hits = np.arange(right + wrong)
        return near.NearReplay(threshold, ttl, hits, hits, hits < right)

    assert near.best([replay(0.9, 60, 100, 20), replay(0.95, 60, 30, 0)], usd) is None
    found = near.best(
        [replay(0.9, 60, 400, 8), replay(0.95, 60, 395, 0), replay(0.95, 3600, 396, 0)], usd
    )
    assert found is not None
    assert (found.threshold, found.ttl) == (0.95, 60)


def test_numbers_and_denials_are_seen_where_vectors_see_none() -> None:
    assert digits("Order HO-10482 of 3/4.") == digits("3/4 of order HO-10482")
    assert digits("order 17") != digits("order 18")
    assert sense("It can't be returned.") != sense("It can be returned.")
    assert sense("Within 60 days.") == sense("60 days it is.")
