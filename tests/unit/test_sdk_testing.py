"""What the SDK gives to the tests of applications."""

import subprocess
import sys
from pathlib import Path

import pytest

import spanglass
from spanglass import _state
from spanglass.pytest_plugin import spanglass_spans
from spanglass.testing import CapturedSpans, Clock, Usage, capture
from support.running import environment

__all__ = ["spanglass_spans"]


@spanglass.observe
def answer(question: str) -> str:
    with spanglass.generation("m", provider="openai", messages=question) as call:
        call.output("42", finish_reason="stop")
        call.usage(input_tokens=3, output_tokens=1)
    return "42"


def test_the_fixture(spanglass_spans: CapturedSpans) -> None:
    assert answer("why?") == "42"
    assert spanglass_spans.tree() == ["answer", ["chat m"]]
    call = spanglass_spans.one("chat m")
    assert call.attributes["gen_ai.usage.input_tokens"] == 3
    assert call.input[0]["parts"] == [{"type": "text", "content": "why?"}]
    assert call.output[0]["parts"][0]["content"] == "42"
    assert call.resource["service.name"] == "test"
    assert spanglass_spans.one("answer").output == 42, "what reads as JSON is decoded"
    assert len(spanglass_spans) == len(list(spanglass_spans)) == 2
    spanglass_spans.clear()
    assert spanglass_spans.tree() == []


def test_ids_are_the_same_in_every_run() -> None:
    runs = []
    for _ in range(2):
        with capture() as spans:
            answer("why?")
        runs.append([(s.name, s.trace_id, s.span_id, s.parent_id) for s in spans])
    assert runs[0] == runs[1]
    assert runs[0][1][1:] == (f"{1:032x}", f"{1:016x}", None)


def test_captures_nest_and_give_back_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANGLASS_CAPTURE_CONTENT", "false")
    before = _state.runtime
    with capture() as outer:
        with capture(capture_content=False) as inner:
            answer("a")
        answer("b")
        assert spanglass.flush()
        assert spanglass.stats().sent == 2
    assert _state.runtime is before
    assert len(inner) == len(outer) == 2
    assert inner.one("answer").input is None
    assert outer.one("answer").input == {"question": "b"}, "the environment does not apply"


def test_a_span_that_is_not_there_is_said_with_those_that_are() -> None:
    with capture() as spans:
        answer("a")
        answer("b")
    with pytest.raises(AssertionError, match="0 spans are named 'x'; there are: answer, chat m"):
        spans.one("x")
    with pytest.raises(AssertionError, match="2 spans are named 'answer'"):
        spans.one("answer")


def test_the_clock_is_the_same_in_every_run() -> None:
    runs = []
    for _ in range(2):
        clock = Clock(start=100.0, step_s=0.001)
        with capture(clock=clock) as spans, spanglass.span("work"):
            clock.advance(2.5)
        runs.append([(s.start_ns, s.end_ns) for s in spans])
    assert runs[0] == runs[1]
    [(start, end)] = runs[0]
    assert 100e9 < start < 100.1e9
    assert 2.5e9 <= end - start < 2.6e9
    with capture() as later, spanglass.span("now"):
        pass
    assert later.one("now").start_ns > 1_600_000_000 * 10**9, "the system's clock is back"


def test_what_calls_cost() -> None:
    with capture() as spans:
        answer("a")
        answer("b")
    assert spans.usage() == Usage(6, 2)
    assert len(spans.calls("m")) == 2
    assert spans.calls("other") == []
    prices = {"m": (1.0, 10.0)}
    assert spans.cost_usd(prices) == pytest.approx(26e-6)
    spans.assert_cost_below(1.0, prices)
    with pytest.raises(AssertionError, match="not below"):
        spans.assert_cost_below(1e-9, prices)
    with pytest.raises(AssertionError, match="no price for 'm'"):
        spans.cost_usd({})


def test_assertions_say_what_is_there() -> None:
    with capture() as spans:
        answer("the word")
        with pytest.raises(ValueError), spanglass.span("bad"):
            raise ValueError("no")
    with pytest.raises(AssertionError, match=r"the spans are \['answer', \['chat m'\], 'bad'\]"):
        spans.assert_tree("answer")
    spans.assert_tree("answer", ["chat m"], "bad")
    with pytest.raises(AssertionError, match="1 span failed: bad: ValueError: no"):
        spans.assert_ok()
    with pytest.raises(AssertionError, match="text 2 is in 'gen_ai.input.messages' of 'chat m'"):
        spans.assert_absent("nowhere", "the word")
    spans.assert_absent("nowhere")


@pytest.mark.spanglass(capture_content="redacted")
def test_the_fixture_takes_settings(spanglass_spans: CapturedSpans) -> None:
    answer("I am ana@example.com")
    spanglass_spans.assert_absent("ana@example.com")
    assert spanglass_spans.one("answer").input == {"question": "I am <EMAIL_ADDRESS>"}


def test_the_plugin_in_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(
        "import spanglass, pytest\n"
        "@spanglass.observe\n"
        "def work(): return 1\n"
        "@pytest.mark.spanglass(service='shop')\n"
        "def test_work(spanglass_spans):\n"
        "    work()\n"
        "    spanglass_spans.assert_tree('work')\n"
        "    assert spanglass_spans.one('work').resource['service.name'] == 'shop'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider",
         "-p", "spanglass.pytest_plugin", "-p", "no:spanglass", str(tmp_path)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_application_that_calls_init_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    before = _state.runtime
    with capture() as spans:
        for run in ("one", "two"):
            spanglass.init("http://127.0.0.1:1", service="app")
            with spanglass.span(run):
                pass
            spanglass.shutdown()
    assert [span.name for span in spans] == ["one", "two"]
    assert _state.runtime is before


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="capture_contnt"), capture(capture_contnt=False):
        pass
