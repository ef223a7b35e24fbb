"""What may leave the process: content on, off or redacted, and the application's mask."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

import spanglass
from spanglass import _setting_values as values
from spanglass import _state
from spanglass._privacy import is_content
from spanglass._settings import resolve
from spanglass.testing import capture

SECRET = "sk-proj-abcdefghijklmnop1234"
SAID = f"I am ana@example.com, key {SECRET}"


@spanglass.observe
def answer(question: str) -> dict[str, Any]:
    spanglass.generation("m", messages=question).start().end()
    return {"card": 4111111111111111, "said": question}


@spanglass.observe(capture_input="redacted", capture_output=False)
def careful(question: str) -> str:
    return question


def test_redacted_by_default() -> None:
    with capture(capture_content="redacted") as spans, spanglass.context(user_id="ana@example.com"):
        answer(SAID)
        span = spanglass.span("bad", note=SAID).start()
        span.event("seen", what=SAID)
        span.error(ValueError(SAID))
        span.end()
    for each in spans:
        kept = {key: value for key, value in each.attributes.items() if key != "user.id"}
        assert "ana@example.com" not in str((kept, each.events, each.status_message))
        assert SECRET not in str(each)
        assert each.attributes["user.id"] == "ana@example.com", "who it was is said on purpose"
    call = spans.one("answer")
    assert call.output == {"card": "<CREDIT_CARD>", "said": "I am <EMAIL_ADDRESS>, key <API_KEY>"}
    assert json.loads(call.attributes["spanglass.redacted"]) == {
        "API_KEY": 2, "CREDIT_CARD": 1, "EMAIL_ADDRESS": 2,
    }  # fmt: skip


def test_redacted_by_call() -> None:
    with capture() as spans:
        careful(SAID)
        answer(SAID)
        with spanglass.span("s", input=SAID, capture_content="redacted") as span:
            span.output(SAID)
        with spanglass.generation("m", messages=SAID, capture_content="redacted") as call:
            call.chunk("reach ana@exam")
            call.chunk("ple.com")
    assert spans.one("careful").input == {"question": "I am <EMAIL_ADDRESS>, key <API_KEY>"}
    assert spans.one("careful").output is None
    assert spans.one("answer").input == {"question": SAID}
    assert spans.one("s").input == spans.one("s").output == "I am <EMAIL_ADDRESS>, key <API_KEY>"
    chat = spans.named("chat m")[-1]
    assert chat.output[0]["parts"][0]["content"] == "reach <EMAIL_ADDRESS>"
    assert "ana@" not in str(chat)


def test_off_by_default_and_on_by_call() -> None:
    with capture(capture_content=False) as spans:
        answer(SAID)
        careful(SAID)
        with spanglass.generation("m", messages="hello", capture_content=True) as call:
            call.chunk("hi")
    assert spans.one("answer").input is spans.one("answer").output is None
    assert spans.one("careful").input == {"question": "I am <EMAIL_ADDRESS>, key <API_KEY>"}
    assert "hi" in str(spans.named("chat m")[-1].output)


def test_off_holds_for_spans_of_other_instrumentations() -> None:
    with capture(capture_content=False) as spans:
        assert _state.runtime is not None
        tracer = _state.runtime.provider.get_tracer("library")
        with tracer.start_as_current_span("chat") as span:
            span.set_attributes({"gen_ai.prompt.0.content": SAID, "input.value": SAID, "n": 1})
    assert spans.one("chat").attributes == {"n": 1}


def test_what_is_split_over_the_pieces_of_a_stream_does_not_pass() -> None:
    @spanglass.observe
    def texts() -> Iterator[str]:
        yield from ("I am ana@exam", "ple.com, ", "key sk-proj-abcdefgh", "ijklmnop1234")

    @spanglass.observe
    def events() -> Iterator[dict[str, str]]:
        for piece in ("I am ana@exam", "ple.com, ", "key sk-proj-abcdefgh", "ijklmnop1234"):
            yield {"delta": piece}

    with capture(capture_content="redacted") as spans:
        assert "".join(texts()) == "".join(each["delta"] for each in events()) == SAID
    assert spans.named("texts")[0].output == "I am <EMAIL_ADDRESS>, key <API_KEY>"
    pieces = [each["delta"] for each in spans.one("events").output]
    assert pieces == ["I am <EMAIL_ADDRESS>", ", ", "key <API_KEY>", ""]


def test_what_is_cut_leaves_no_half_of_a_secret() -> None:
    for size in range(80, 140):
        with capture(capture_content="redacted", max_content_chars=size) as spans:
            spanglass.span("s", input="x " * 30 + SAID + " y" * 200).start().end()
        shown = str(spans.one("s").input)
        assert "ana" not in shown
        assert "sk-proj" not in shown
        assert "characters cut" in shown


def test_a_mask_sees_plain_texts_and_nothing_else_leaves() -> None:
    seen = []

    def mask(text: str) -> str:
        seen.append(text)
        return text.replace("ana", "A")

    with capture(mask=mask) as spans:
        answer("I am\nana")
    assert "I am\nana" in seen, "without the escapes of JSON"
    assert spans.one("answer").input == {"question": "I am\nA"}
    spans.assert_absent("ana")


def raising(text: str) -> str:
    raise RuntimeError(text)


def rubbish(text: str) -> Any:
    return None if "ana" in text else text


def exiting(text: str) -> str:
    raise RecursionError


@pytest.mark.parametrize("mask", [raising, rubbish, exiting, lambda: "x"])
def test_a_mask_that_fails_costs_the_text_and_shows_nothing(
    mask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture(mask=mask) as spans:
        assert answer(SAID)["said"] == SAID
        with pytest.raises(ValueError, match="ana@"), spanglass.span("bad"):
            raise ValueError(SAID)
    spans.assert_absent("ana@", SECRET)
    assert spans.one("answer").attributes["spanglass.content_dropped"] == 2
    assert "ana@" not in caplog.text
    assert caplog.text.count("mask failed") == 1
    assert spans.one("bad").status == "error", "all but the text is there"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("gen_ai.prompt", True), ("gen_ai.prompt.0.content", True), ("gen_ai.prompt.name", False),
        ("gen_ai.input.messages", True), ("gen_ai.request.model", False), ("input.value", True),
        ("llm.input_messages.0.message.content", True), ("user.id", False),
    ],
)  # fmt: skip
def test_content_by_name(key: str, expected: bool) -> None:
    assert is_content(key) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("redacted", "redacted"),
        ("false", False),
        (True, True),
        ("Redacted", "redacted"),
        ("x", False),
    ],
)
def test_the_setting(given: Any, expected: Any) -> None:
    assert resolve({}, {"SPANGLASS_CAPTURE_CONTENT": str(given)}).capture_content == expected
    assert resolve({"capture_content": given}, {}).capture_content == expected


def test_what_cannot_be_used_lets_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    not_callable: Any = "drop the names"
    with capture(mask=not_callable, capture_content="redacted") as spans:
        assert answer(SAID)["said"] == SAID
    assert spans.one("answer").input is None
    assert "content is left out until mask can be used" in caplog.text
    caplog.clear()
    environ = {"SPANGLASS_CAPTURE_CONTENT": "redacted"}
    assert resolve({"capture_content": "redact"}, environ).capture_content == "redacted"
    assert "left out" not in caplog.text, "the environment says what holds"


def test_what_a_mask_makes_itself_is_not_recorded() -> None:
    def mask(text: str) -> str:
        careful(text)
        spanglass.score("masked", 1, trace_id="a" * 32, comment=text)
        outcomes.append(spanglass.score("nothing", 1))
        with spanglass.generation("m", messages=text) as call:
            call.output("A")
        return text.replace("ana", "A")

    outcomes: list[str | None] = []
    with capture(mask=mask) as spans:
        answer(SAID)
        careful("after it")
    assert outcomes
    assert spans.tree() == ["answer", ["chat m"], "careful"]
    assert not spans.scores
    spans.assert_absent("ana@")


def test_presidio_is_asked_as_well_where_that_is_wanted() -> None:
    coin = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    with capture(capture_content="presidio") as spans:
        answer(f"ana@example.com pays {coin}, key {SECRET}")
    said = str([each.attributes for each in spans])
    assert "<EMAIL_ADDRESS> pays <CRYPTO>, key <API_KEY>" in said
    assert coin not in said


def test_without_presidio_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install"):
        values.capture("presidio")
    assert resolve({"capture_content": "presidio"}, {}).capture_content is False
