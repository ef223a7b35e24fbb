"""What the SDK gives to the tests of applications."""

import pytest

import spanglass
from spanglass import _state
from spanglass.testing import CapturedSpans, capture, spanglass_spans

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
