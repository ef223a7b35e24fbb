"""Tests on live traffic by users: less noise, guardrails, changed splits, how many it takes."""

import numpy as np
import pytest

from spanglass_detectors.live_split import (
    adjusted,
    changed,
    compared_users,
    confidence_of,
    guardrail,
    is_changed,
    needed,
)

Users = dict[str, float]


def users(rng: np.random.Generator, count: int, effect: float, side: str) -> tuple[Users, Users]:
    """Values in a test, and before it, of users who differ much from each other."""
    like = rng.normal(0, 1, count)
    now = like + rng.normal(effect, 0.5, count)
    past = like + rng.normal(0, 0.5, count)
    names = [f"{side}{n}" for n in range(count)]
    return dict(zip(names, now, strict=True)), dict(zip(names, past, strict=True))


def test_what_users_were_like_makes_intervals_narrower_and_stays_true() -> None:
    rng = np.random.default_rng(5)
    covered, found, plain = 0, 0, 0
    for _ in range(120):
        before, was = users(rng, 150, 0.0, "a")
        after, were = users(rng, 150, 0.2, "b")
        one = compared_users(before, after, was | were).difference
        other = compared_users(before, after, {}).difference
        assert one is not None
        assert other is not None
        covered += one.low <= 0.2 <= one.high
        found += one.is_clear
        plain += other.is_clear
    print(f"of 120: covered {covered}, found {found}, without the time before {plain}")
    assert covered >= 107
    assert found > 1.5 * plain
    made = adjusted(before, after, was | were)
    # The correlation is 0.8, so 0.64 of the variance goes.
    assert made.saved == pytest.approx(0.64, abs=0.12)


def test_looking_whenever_one_likes_keeps_the_promise_with_the_time_before_taken_out() -> None:
    rng = np.random.default_rng(6)
    false = broken = 0
    rule = guardrail("x=+0")
    for _ in range(120):
        before, was = users(rng, 600, 0.0, "a")
        after, were = users(rng, 600, 0.0, "b")
        looks = [
            compared_users(_first(before, n), _first(after, n), was | were, confidence_of(1)).looks
            for n in range(30, 601, 95)
        ]
        false += any(each is not None and each.is_clear for each in looks)
        broken += any(rule.is_broken(each) for each in looks)
    print(f"false finds of 120: {false}; guardrails broken: {broken}")
    assert false <= 6
    assert broken <= 6


def _first(values: Users, count: int) -> Users:
    return dict(list(values.items())[:count])


def test_too_little_from_before_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    before, was = users(rng, 40, 0, "a")
    after, _ = users(rng, 40, 0, "b")
    for earlier in ({}, _first(was, 20), was, dict.fromkeys([*before, *after], 1.0)):
        assert adjusted(before, after, earlier).saved == 0
    nobody = compared_users({}, {"a": 1.0}, {})
    assert (nobody.difference, nobody.looks, nobody.saved) == (None, None, 0)


def test_a_guardrail_breaks_when_harm_is_beyond_doubt() -> None:
    rng = np.random.default_rng(8)
    before = {f"a{n}": x for n, x in enumerate(rng.binomial(1, 0.05, 1500))}
    after = {f"b{n}": x for n, x in enumerate(rng.binomial(1, 0.2, 1500))}
    looks = compared_users(before, after, {}).looks
    assert guardrail("error_rate=+0.02").is_broken(looks)
    assert not guardrail("error_rate=+0.3").is_broken(looks)
    assert not guardrail("error_rate=-0").is_broken(looks)
    assert guardrail("score.relevance=-0.05").is_broken(compared_users(after, before, {}).looks)
    assert not guardrail("error_rate=+0").is_broken(None)
    for text in ("error_rate", "error_rate=0.02", "=+1", "a=+x", "a=+1;b"):
        with pytest.raises(ValueError, match="is no guardrail"):
            guardrail(text)
    assert confidence_of(5) == pytest.approx(0.99)


def test_a_split_that_changes_is_seen_and_one_that_stays_is_not() -> None:
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(200):
        days = [(1000 - n, n) for n in rng.binomial(1000, 0.1, 10)]
        alarms += is_changed(changed([(int(a), int(b)) for a, b in days]))
    assert alarms <= 2
    assert is_changed(changed([(900, 100)] * 5 + [(500, 500)] * 2))
    assert changed([]) == changed([(5, 0)]) == changed([(3, 1), (2, 1)]) == 1.0


def test_as_many_users_as_are_needed_find_it() -> None:
    rng = np.random.default_rng(10)
    took = needed(sd=1.0, effect=0.4, share=0.5)
    # Two sides of 2 (1.96 + 0.84)^2 / 0.4^2 users.
    assert took.at_the_end == pytest.approx(196, abs=2)
    assert took.however_often > 1.5 * took.at_the_end
    found = {"end": 0, "often": 0}
    for _ in range(150):
        for name, total in (("end", took.at_the_end), ("often", took.however_often)):
            a, b = (dict(enumerate(rng.normal(m, 1, total // 2))) for m in (0, 0.4))
            one = compared_users(*({str(k): v for k, v in each.items()} for each in (a, b)), {})
            clear = one.difference if name == "end" else one.looks
            found[name] += clear is not None and clear.is_clear
    print(f"of 150: {found}")
    assert 105 <= found["end"] <= 136
    assert found["often"] >= 105
    assert needed(1.0, 0.4, 0.1).at_the_end > 2 * took.at_the_end
    for wrong in ((0, 1, 0.5), (1, 0, 0.5), (1, 1, 0), (1, 1, 1)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            needed(*wrong)
    for effect in (1e-300, 1e-4):
        with pytest.raises(ValueError, match="too small"):
            needed(1.0, effect, 0.01)
