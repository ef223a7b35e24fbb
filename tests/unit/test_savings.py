"""Methods of savings: each against what can be worked out by hand, or by another way."""

import random
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_dashboards.advising import Advising
from spanglass_detectors.savings import autoscale, prefix, replay, routing, selfhost, usage
from spanglass_detectors.savings.autoscale import Policy
from spanglass_detectors.savings.decompose import FACTORS, Sums, decompose
from spanglass_detectors.savings.findings import Level, Saving, is_material
from spanglass_detectors.savings.forecast import month_end
from spanglass_detectors.savings.loops import ModelCall, ToolUse, wasted
from spanglass_detectors.savings.monthly import MONTH_DAYS, per_month, share_interval
from spanglass_detectors.savings.prefix import Followed, Rates
from spanglass_detectors.savings.selfhost import Assumptions, Hour
from spanglass_detectors.savings.tools import definitions
from spanglass_store.errors import StoreUnavailable


def calls(*rows: tuple[int, int, float, float, float, int]) -> replay.Calls:
    """Calls of (key, trace, start, end, usd, answer)."""
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    kinds = (np.uint64, np.uint64, float, float, float, np.uint64)
    return replay.Calls(*(np.array(c, k) for c, k in zip(columns, kinds, strict=True)))


def test_a_month_of_equal_days_is_exact_and_of_two_days_unknown() -> None:
    assert per_month([2.0] * 5) == Saving(*[2 * MONTH_DAYS] * 3)
    assert per_month([2.0, 2.0]) is None
    wide = per_month([1.0, 2.0, 3.0], tolerance=0.1)
    narrow = per_month([1.0, 2.0, 3.0])
    assert wide is not None
    assert narrow is not None
    assert wide.high == pytest.approx(1.1 * narrow.high)
    assert wide.low <= narrow.low <= narrow.usd_month <= narrow.high
    # t with two degrees of freedom: 4.303.
    assert narrow.high == pytest.approx((2 + 4.303 / 3**0.5) * MONTH_DAYS, rel=1e-3)


def test_what_is_not_surely_there_is_not_material() -> None:
    assert not is_material(None, 100)
    assert not is_material(Saving(50, 0, 100), 100)
    assert not is_material(Saving(0.5, 0.4, 0.6), 100)
    assert is_material(Saving(2, 1, 3), 100)
    assert share_interval(0, 0) == (0.0, 1.0)
    assert Level.HIGH == "high"


def test_a_cache_hits_what_was_answered_before_and_is_not_too_old() -> None:
    made = calls(
        (1, 1, 0, 10, 1.0, 7),
        (1, 2, 5, 15, 2.0, 7),  # asked while the first was being answered
        (1, 3, 60, 70, 4.0, 7),  # hit
        (1, 4, 100, 110, 8.0, 9),  # hit, though its answer had changed
        (1, 5, 111, 112, 16.0, 7),  # too old: the hit before did not prolong it
        (2, 6, 20, 30, 32.0, 7),
    )
    found = replay.replay(made, ttl=100)
    assert sorted(made.trace[found.hits].tolist()) == [3, 4]
    assert (found.usd, found.seconds, found.same) == (12.0, 20.0, 0.5)
    assert found.peak == 2
    assert replay.replay(made, ttl=0.5).hits.size == 0
    assert replay.replay(made, ttl=1_000).usd == 4 + 8 + 16


@given(st.integers(0, 10_000))
def test_a_replay_is_what_a_cache_does(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for n in range(60):
        start = rng.uniform(0, 1_000)
        rows.append((rng.randrange(5), n, start, start + rng.uniform(0, 50), 1.0, 0))
    ttl = rng.uniform(1, 400)
    kept: dict[int, float] = {}
    hits = set()
    for key, trace, start, end, _, _ in sorted(rows, key=lambda row: (row[0], row[2])):
        if key not in kept or start > kept[key] + ttl:
            kept[key] = end
        elif start >= kept[key]:
            hits.add(trace)
    made = calls(*rows)
    assert set(made.trace[replay.replay(made, ttl).hits].tolist()) == hits


def test_repeats_of_one_request_are_no_hits() -> None:
    made = calls((1, 1, 0, 1, 1.0, 0), (1, 1, 5, 6, 2.0, 0), (1, 2, 9, 10, 4.0, 0))
    first, repeats = replay.split_repeats(made)
    assert (first.usd.tolist(), repeats.usd.tolist()) == ([1.0, 4.0], [2.0])
    assert replay.by_day(made, np.arange(3), -86_400.0, 2) == [0.0, 7.0]


def test_the_call_behind_a_repeated_tool_is_wasted_once() -> None:
    tools = [
        ToolUse(1, 5, 9, 0, 1), ToolUse(1, 5, 9, 10, 11), ToolUse(1, 5, 9, 12, 13),
        ToolUse(1, 5, 8, 20, 21), ToolUse(2, 5, 9, 0, 1),
    ]  # fmt: skip
    made = [ModelCall(1, 2, 1.0), ModelCall(1, 14, 2.0), ModelCall(1, 22, 4.0), ModelCall(2, 3, 8)]
    # Both repeats were read by the call at 14; another result was news.
    assert [each.usd for each in wasted(tools, made)] == [2.0]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('[{"type":"function","function":{"name":"a","description":"x"}}]', {"a": 61}),
        ('[{"name":"b","input_schema":{}}]', {"b": 30}),
        ('["{\\"name\\":\\"c\\"}"]', {"c": 12}),
        ("no JSON", {}), ("[1, {}]", {}), ("{}", {}),
    ],
)  # fmt: skip
def test_definitions_of_tools(value: str, names: dict[str, int]) -> None:
    assert definitions(value).keys() == names.keys()
    assert list(definitions(value).values()) == pytest.approx(list(names.values()), abs=3)


def graded(rng: np.random.Generator, n: int, mean: float, usd: float) -> routing.Graded:
    length = rng.uniform(100, 1_000, n)
    return routing.Graded(length, usd * length, {"judge.x": rng.normal(mean, 0.2, n)})


@pytest.mark.parametrize(
    ("mean", "n", "no_worse", "reason"),
    [
        (0.8, 4_000, True, ""), (0.6, 4_000, False, "worse by judge.x"),
        # As good, and too few to know.
        (0.8, 55, False, "worse by"), (0.8, 20, False, "no score"),
    ],
)  # fmt: skip
def test_a_cheaper_model_has_to_be_shown_to_be_as_good(
    mean: float, n: int, no_worse: bool, reason: str
) -> None:
    rng = np.random.default_rng(4)
    verdict = routing.compare(graded(rng, 4_000, 0.8, 1e-5), graded(rng, n, mean, 1e-6))
    assert verdict.no_worse is no_worse
    assert reason in verdict.reason


def test_a_model_that_got_the_easy_prompts_is_not_better_for_it() -> None:
    rng = np.random.default_rng(1)

    def made(length: Any, usd: float) -> routing.Graded:
        # Everybody is worse at long prompts.
        score = 0.9 - 0.5 * (length > 400) + rng.normal(0, 0.03, length.size)
        return routing.Graded(length, usd * length, {"relevance": score})

    dearer = made(rng.uniform(0, 1_000, 2_000), 1e-5)
    easy = np.concatenate([rng.uniform(0, 500, 900), rng.uniform(500, 1_000, 100)])
    gap = routing.compare(dearer, made(easy, 1e-6)).scores["relevance"]
    assert abs(gap.difference) < 0.02
    assert gap.low < 0 < gap.high
    assert routing.direction("toxicity") == -1
    assert routing.direction("language") == 0


counts = st.integers(0, 10**6).map(float)
dollars = st.integers(0, 10**6).map(lambda cents: cents / 100)
sums = st.builds(Sums, counts, counts, counts, dollars, dollars, dollars)


@given(st.dictionaries(st.sampled_from("abc"), sums), st.dictionaries(st.sampled_from("abc"), sums))
def test_the_parts_of_a_change_add_up_to_the_cent(
    before: dict[str, Sums], after: dict[str, Sums]
) -> None:
    # Without calls there is no spend.
    before, after = ({k: v for k, v in t.items() if v.calls >= 1} for t in (before, after))
    found = decompose(before, after)
    change = sum(s.usd for s in after.values()) - sum(s.usd for s in before.values())
    assert sum(found.cents().values()) == round(100 * found.total.change)
    assert found.total.change == pytest.approx(change, abs=1e-6)
    for part in (found.total, *found.groups.values()):
        scale = 1e-9 * max(1.0, *(abs(getattr(part, name)) for name in FACTORS))
        assert sum(getattr(part, n) for n in FACTORS) == pytest.approx(part.change, abs=scale)


def test_each_factor_alone_is_all_of_the_change() -> None:
    base = {"a": Sums(100, 1_000, 100, 3.0, 2.0, 1.0), "b": Sums(100, 1_000, 100, 6.0, 4.0, 2.0)}
    cases = {
        "volume": {k: Sums(*(2 * v for v in vars(s).values())) for k, s in base.items()},
        "mix": {
            "a": Sums(*(0.5 * v for v in vars(base["a"]).values())),
            "b": Sums(*(1.5 * v for v in vars(base["b"]).values())),
        },
        "length": {
            k: Sums(s.calls, *(3 * v for v in list(vars(s).values())[1:])) for k, s in base.items()
        },
        "price": {
            k: Sums(s.calls, s.input_tokens, s.output_tokens, s.usd / 2, s.input_usd / 2,
                    s.output_usd / 2)
            for k, s in base.items()
        },
    }  # fmt: skip
    for name, after in cases.items():
        total = decompose(base, after).total
        assert getattr(total, name) == pytest.approx(total.change), name
        assert total.change != 0
        assert all(abs(getattr(total, other)) < 1e-9 for other in FACTORS if other != name)


def test_a_forecast_covers_what_comes_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    rhythm = np.array([1.2, 1.2, 1.1, 1.1, 1.0, 0.4, 0.3])
    covered, today = 0, date(2026, 9, 10)
    for _ in range(100):
        days = [date(2026, 8, 10) + timedelta(days=n) for n in range(52)]
        usd = {d: 100 * rhythm[d.weekday()] * rng.lognormal(0, 0.25) for d in days}
        history = [(d, usd[d]) for d in days if d < today]
        spent = sum(usd[d] for d in days if date(2026, 9, 1) <= d < today)
        found = month_end(history, spent, today, 0.0)
        assert found is not None
        covered += found.low <= sum(v for d, v in usd.items() if d.month == 9) <= found.high
    assert 88 <= covered <= 100
    assert month_end(history[:5], 1.0, today, 0.0) is None
    flat = month_end([(today - timedelta(days=n), 2.0) for n in range(1, 29)], 18.0, today, 0.5)
    assert flat is not None
    assert flat.expected == pytest.approx(18 + 2 * 20.5)
    assert flat.low == pytest.approx(flat.high)


def test_a_usage_file_beside_ours() -> None:
    columns = usage.mapping("date=Day, model=Model,cost=Cost,input=In,output=Out")
    text = (
        "Day,Model,In,Out,Cost\n2026-11-01,m,1000,0,$2.00\n2026-11-01T10:00:00,m,500,500,2\n"
        '2026-11-02,n,1,1,"1,000.50"\n'
    )
    theirs = usage.read(text.splitlines(), columns)
    day = date(2026, 11, 1)
    assert theirs[day, "m"] == usage.Usage(2_000, 4.0)
    # Half of the calls are not here, and what is cost a dollar a thousand tokens.
    lines = usage.compare(theirs, {(day, "m"): usage.Usage(1_000, 1.0)})
    assert [(x.model, x.difference, x.missing, x.price) for x in lines] == [
        ("n", 1000.5, 1000.5, 0.0), ("m", 3.0, 1.0, 2.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "text", "said"),
    [
        ("date=Day", "", "which column is model and cost"),
        ("day=Day", "", "NAME=COLUMN"),
        ("date=D,model=M,cost=X", "D,M,C\n", "no column 'X'"),
        ("date=D,model=M,cost=C", "D,M,C\nyesterday,m,1\n", "line 2: 'yesterday' is no day"),
        ("date=D,model=M,cost=C", 'D,M,C\n2026-01-01,m,"1.234,50"\n', "is no number"),
        ("date=D,model=M,cost=C,currency=Y", "D,M,C,Y\n2026-01-01,m,1,EUR\n", "in EUR"),
    ],
)
def test_what_is_wrong_with_a_usage_file(columns: str, text: str, said: str) -> None:
    with pytest.raises(usage.UsageFileError, match=said):
        usage.read(text.splitlines(), usage.mapping(columns))


def test_advice_is_made_once_and_what_waits_has_a_bound() -> None:
    now = 0.0
    advising = Advising(lambda: now)
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert advising.ask("a", make).result(10) == 1
    assert advising.ask("a", make).result(10) == 1
    advising.ask("b", make).result(10)
    now = 601.0
    advising.ask("b", make)
    now = 1_300.0
    assert advising.ask("a", make).result(10) == 3
    advising.forget("a")
    assert advising.ask("a", make).result(10) == 4
    from threading import Event

    held = Event()
    for n in range(8):
        advising.ask(n, held.wait)
    with pytest.raises(StoreUnavailable, match="others wait"):
        advising.ask("one more", make)
    held.set()
    advising.close()


def day_of(output: float, usd: float) -> list[Hour]:
    """Eight busy hours of a day, and sixteen without a call."""
    return [Hour(0, output if 9 <= n < 17 else 0, usd if 9 <= n < 17 else 0) for n in range(24)]


def test_gpus_of_ones_own_beside_an_api() -> None:
    # Half an hour of a GPU's work in each of eight hours, at most half busy: one replica all day.
    hours = day_of(1_800 * 100, 10.0)
    fixed = selfhost.compare(hours, Assumptions(2.0, 100, most_busy=0.5, start_hours=0))
    assert (fixed.replicas, fixed.gpu_hours_month) == (1, 24 * MONTH_DAYS)
    assert fixed.own_usd_month == pytest.approx(48 * MONTH_DAYS)
    assert fixed.api_usd_month == pytest.approx(80 * MONTH_DAYS)
    assert fixed.busy_share == pytest.approx(4 / 24)
    assert fixed.usd_per_million_tokens == pytest.approx(48 / (8 * 180_000) * 1e6)
    # One replica does for less traffic, down to where it costs what the calls did.
    assert fixed.break_even_factor == pytest.approx(48 / 80, rel=1e-6)
    scaled = selfhost.compare(
        hours,
        Assumptions(2.0, 100, most_busy=0.5, fewest_replicas=0, start_hours=0.5, is_scaled=True),
    )
    assert scaled.gpu_hours_month == pytest.approx(8.5 * MONTH_DAYS)
    spot = selfhost.compare(
        hours, Assumptions(2.0, 100, 0.1, 0.5, interruptions_per_hour=1, hours_lost=0.2)
    )
    assert spot.own_usd_month == pytest.approx(48 / 0.8 * MONTH_DAYS)


def test_what_decides_is_said() -> None:
    close = selfhost.compare(day_of(180_000, 7.0), Assumptions(2.0, 100, most_busy=0.5))
    assert "gpu_hour_usd" in close.decides
    far = selfhost.compare(day_of(180_000, 1.0), Assumptions(2.0, 100, most_busy=0.5))
    assert far.decides == ()
    assert far.influence["gpu_hour_usd"] == pytest.approx(0.2 * far.own_usd_month)
    hopeless = selfhost.compare(day_of(180_000, 0.001), Assumptions(2.0, 100))
    assert hopeless.break_even_factor is None
    for wrong in ({"gpu_hour_usd": 0}, {"most_busy": 2}, {"interruptions_per_hour": 20}):
        with pytest.raises(ValueError, match=r"has to|leave no time"):
            Assumptions(**{"gpu_hour_usd": 1, "tokens_per_second": 1, **wrong})
    with pytest.raises(ValueError, match="no tokens"):
        selfhost.compare(day_of(0, 0), Assumptions(1, 1))


def test_a_policy_on_recorded_arrivals() -> None:
    # One request a minute that takes 30 s: one replica of one place is enough and never waits.
    steady = [(60.0 * n, 30.0) for n in range(60)]
    kept = autoscale.simulate(steady, Policy(places=1, fewest=1, most=1))
    assert (kept.waited, kept.most, kept.starts) == (0.0, 1, 0)
    assert kept.replica_hours == pytest.approx(59.5 / 60, abs=0.01)
    # From none, the first waits for the next look and a start; then it goes on.
    none = autoscale.simulate(steady, Policy(places=1, fewest=0, start_s=120, idle_s=300))
    assert none.starts >= 1
    assert none.wait_p95_s >= 30
    # Two bursts an hour apart: scaled to none, the hour between costs little and the burst waits.
    bursts = [(n / 10, 10.0) for n in range(200)] + [(3_600 + n / 10, 10.0) for n in range(200)]
    few = autoscale.simulate(bursts, Policy(places=20, fewest=0, idle_s=60, start_s=60))
    always = autoscale.simulate(bursts, Policy(places=20, fewest=5, most=5))
    assert few.replica_hours < always.replica_hours / 4
    assert always.waited == 0
    assert few.wait_p50_s > 30
    with pytest.raises(ValueError, match="no requests"):
        autoscale.simulate([], Policy(1))
    with pytest.raises(ValueError, match="fewest lies"):
        Policy(0)


def followed(prompt: str, before: str, gap: float = 10, read: float = 0) -> Followed:
    """A call of four characters a token."""
    return Followed(prompt, before, len(prompt), gap, len(prompt) / 4, read)


def test_what_a_providers_cache_would_save() -> None:
    rates = Rates(input=2.0, read=0.2, write=2.5)
    same, first, second = "s" * 8_000, "a" * 4_000, "b" * 4_000
    found = prefix.potential([followed(same + first, same + second)], rates)
    assert (found.prefix, found.in_time) == (2_000, 1.0)
    assert found.usd == pytest.approx(2_000 * 1.8e-6)
    read = prefix.potential([followed(same + first, same + second, read=1_500)], rates)
    assert read.usd == pytest.approx(500 * 1.8e-6)
    late = prefix.potential([followed(same + first, same + second, gap=900)], rates)
    assert late.usd == pytest.approx(-2_000 * 0.5e-6)
    short = prefix.potential([followed("s" * 4_000 + "a", "s" * 4_000 + "b")], rates)
    assert short.usd == 0
    # The same behind what differs is nothing as it stands, and all of it if it stood first.
    moved = prefix.potential([followed(f"{first}\\n\\n{same}", f"{second}\\n\\n{same}")], rates)
    assert moved.usd == 0
    assert moved.usd_ordered == pytest.approx(2_000 * 1.8e-6, rel=0.01)
    assert prefix.common_prefix("abcd", "abxd") == 2
    assert prefix.common_prefix("", "x") == 0
