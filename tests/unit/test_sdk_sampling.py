"""Sampling: whole traces, what failed or was scored beside, and weights that add up."""

import threading
from typing import Any

import pytest

import spanglass
from spanglass import _sampling, _state
from spanglass._settings import resolve
from spanglass.testing import CapturedSpans, capture

WEIGHT = "spanglass.sample_weight"


def visit(number: int, *, fails: bool = False, scored: bool = False) -> None:
    try:
        outer = spanglass.span("visit", n=number)
        with outer, spanglass.span("step"), spanglass.span("deep") as deep:
            if scored:
                deep.event("gen_ai.evaluation.result")
            if fails:
                raise ValueError("no")
    except ValueError:
        pass


def traces(spans: CapturedSpans) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for span in spans:
        found.setdefault(span.trace_id, []).append(span)
    return found


def random_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that a coin can be made of, and that are the same in every run."""
    import random

    from opentelemetry.sdk.trace.id_generator import IdGenerator

    chance = random.Random(11)

    class Ids(IdGenerator):
        def generate_trace_id(self) -> int:
            return chance.getrandbits(128) or 1

        def generate_span_id(self) -> int:
            return chance.getrandbits(64) or 1

    monkeypatch.setattr("spanglass.testing._CountingIds", Ids)


def test_whole_traces_stay_and_weights_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    random_ids(monkeypatch)
    with capture(sample_rate=0.25) as spans:
        for number in range(2_000):
            visit(number, fails=number % 20 == 0, scored=number % 20 == 1)
        out = spanglass.stats().sampled_out
    kept = traces(spans)
    assert all(len(trace) == 3 for trace in kept.values())
    assert out == 3 * (2_000 - len(kept))
    weights = {}
    for trace in kept.values():
        [weight] = {span.attributes[WEIGHT] for span in trace}
        number = next(span.attributes["n"] for span in trace if span.name == "visit")
        weights[number] = weight
    special = {n: w for n, w in weights.items() if n % 20 < 2}
    assert special == {n: 1.0 for n in range(2_000) if n % 20 < 2}, "kept, and for themselves"
    assert {w for n, w in weights.items() if n % 20 >= 2} == {4.0}
    # 1,800 coins at a quarter: four standard deviations are 294 of weight.
    assert abs(sum(weights.values()) - 2_000) < 294


def test_rates_by_name_and_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    random_ids(monkeypatch)
    with capture(sample_rates={"healthz": 0.0, "embeddings": 0.0, "execute_tool": 1.0}) as spans:
        with spanglass.span("healthz"), spanglass.span("inside"):
            pass
        spanglass.generation("m", operation="embeddings").start().end()
        with spanglass.span("other"), spanglass.generation("m", operation="embeddings"):
            pass
    assert sorted(span.name for span in spans) == ["embeddings m", "other"]
    assert {span.attributes[WEIGHT] for span in spans} == {1.0}


def test_a_span_that_ends_after_its_trace_shares_its_fate() -> None:
    with capture(sample_rate=0.0) as spans:
        with spanglass.span("kept"):
            late = spanglass.span("late").start()
            with pytest.raises(ValueError), spanglass.span("bad"):
                raise ValueError
        assert len(spans) == 0, "one of it is still open"
        late.end()
        with spanglass.span("left out"):
            pass
    assert [span.name for span in spans] == ["bad", "kept", "late"]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sampling, "_MAX_TRACE_SPANS", 50)
    with capture(sample_rate=0.5) as spans:
        assert _state.runtime is not None
        sampler = _state.runtime.sampler
        assert sampler is not None
        with spanglass.span("long"):
            for _ in range(500):
                with spanglass.span("step"):
                    pass
                assert sampler._held <= 50
        opened = []
        for _ in range(300):
            with spanglass.span("root") as root:
                opened.append(spanglass.span("open").start())
            assert root.trace_id
        for each in opened:
            each.end()
        assert sampler._traces == {}
        assert sampler._held == 0
        total = len(spans) + spanglass.stats().sampled_out
    assert total == 501 + 600


def test_many_threads_lose_nothing() -> None:
    with capture(sample_rate=0.5) as spans:
        threads = [
            threading.Thread(target=lambda: [visit(n) for n in range(200)]) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(spans) + spanglass.stats().sampled_out == 6 * 200 * 3
    assert all(len(trace) == 3 for trace in traces(spans).values())


def test_without_sampling_nothing_waits_and_nothing_is_weighed() -> None:
    with capture() as spans, spanglass.span("outer"):
        with spanglass.span("inner"):
            pass
        assert len(spans) == 1
    assert WEIGHT not in spans.one("outer").attributes


def test_settings() -> None:
    environ = {"SPANGLASS_SAMPLE_RATE": "0.1", "SPANGLASS_SAMPLE_RATES": "chat=0.5, healthz=0"}
    found = resolve({}, environ)
    assert (found.sample_rate, found.sample_rates) == (0.1, {"chat": 0.5, "healthz": 0.0})
    assert found.samples
    assert not resolve({}, {}).samples
    assert resolve({"sample_rate": 7}, {}).sample_rate == 1.0, "ignored, with a warning"
