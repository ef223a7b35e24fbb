"""Scores and feedback: what is recorded of them, and what is said about those that are not."""

import json
import logging
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

import spanglass
from spanglass import _scores, _state
from spanglass.feedback_token import verify
from spanglass.testing import CapturedScore, CapturedSpans, Clock, capture

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[CapturedSpans]:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    monkeypatch.setattr(_scores, "_said", set())
    with capture() as captured:
        yield captured


def only(spans: CapturedSpans) -> CapturedScore:
    [score] = spans.scores
    return score


def test_a_score_is_about_the_span_that_is_current(spans: CapturedSpans) -> None:
    with (
        spanglass.context(session_id="s-17"),
        spanglass.span("outer"),
        spanglass.generation("m", provider="openai") as call,
    ):
        call.response(id="resp-1")
        identity = spanglass.score(
            "groundedness", 0.9, comment="one sentence", evaluator="overlap-v2", metadata={"k": [1]}
        )
    score, span = only(spans), spans.one("chat m")
    assert (score.name, score.value, score.label, score.source) == ("groundedness", 0.9, "", "code")
    assert (score.trace_id, score.span_id) == (span.trace_id, span.span_id)
    assert score.attributes == {
        "gen_ai.evaluation.name": "groundedness",
        "gen_ai.evaluation.score.value": 0.9,
        "gen_ai.evaluation.explanation": "one sentence",
        "gen_ai.response.id": "resp-1",
        "session.id": "s-17",
        "spanglass.score.id": identity,
        "spanglass.score.source": "code",
        "spanglass.score.evaluator": "overlap-v2",
        "spanglass.score.metadata": '{"k": [1]}',
    }
    assert identity is not None
    assert uuid.UUID(identity).version == 4


@pytest.mark.parametrize(
    ("given", "value", "label"),
    [
        (1, 1.0, ""), (-2.5, -2.5, ""), (Decimal("0.5"), 0.5, ""), (True, 1.0, "true"),
        (False, 0.0, "false"), ("en", None, "en"),
    ],
)  # fmt: skip
def test_numbers_truths_and_categories(
    spans: CapturedSpans, given: Any, value: float | None, label: str
) -> None:
    with spanglass.span("s"):
        spanglass.score("x", given)
    score = only(spans)
    assert (score.value, score.label) == (value, label)
    assert score.value is None or type(score.value) is float


def test_by_id_later_and_again(spans: CapturedSpans) -> None:
    with spanglass.context(session_id="s-1"), spanglass.span("answer"):
        ids = spanglass.current_ids()
    span = spans.one("answer")
    assert ids == (span.trace_id, span.span_id, "s-1")
    assert spanglass.current_ids() == (None, None, None)
    first = spanglass.score("x", 1, trace_id=ids.trace_id, span_id=ids.span_id)
    again = spanglass.score("x", 0, trace_id=ids.trace_id, score_id=first)
    session = spanglass.score("x", 1, session_id="s-1")
    assert first == again != session
    assert [(s.trace_id, s.span_id, s.session_id) for s in spans.scores] == [
        (ids.trace_id, ids.span_id, ""),
        (ids.trace_id, "", ""),
        ("", "", "s-1"),
    ]
    with spanglass.context(session_id="s-2"):
        spanglass.score("x", 1)
    assert spans.scores[-1].session_id == "s-2"
    spanglass.score("x", 1, trace_id=TRACE.upper())
    assert spans.scores[-1].trace_id == TRACE


def test_thumbs_ratings_and_corrections(spans: CapturedSpans) -> None:
    spanglass.feedback(thumbs="up", trace_id=TRACE, span_id=SPAN)
    spanglass.feedback(thumbs=False, comment="too long", trace_id=TRACE)
    spanglass.feedback(rating=4, trace_id=TRACE, metadata={"form": 7})
    spanglass.feedback(rating=1, rating_scale=(6, 1), trace_id=TRACE, source="human")
    spanglass.feedback(correction="60 days.", trace_id=TRACE)
    spanglass.feedback(comment="hm", trace_id=TRACE)
    assert {score.name for score in spans.scores} == {"user_feedback"}
    assert [(s.value, s.label, s.source) for s in spans.scores] == [
        (1.0, "up", "user"), (0.0, "down", "user"), (0.75, "", "user"), (1.0, "", "human"),
        (None, "correction", "user"), (None, "comment", "user"),
    ]  # fmt: skip
    assert [score.comment for score in spans.scores] == ["", "too long", "", "", "", "hm"]
    assert spans.scores[4].correction == "60 days."
    assert json.loads(spans.scores[2].attributes["spanglass.score.metadata"]) == {
        "rating": 4, "rating_scale": [1, 5], "form": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: spanglass.score("x", math.nan, trace_id=TRACE), "finite number"),
        (lambda: spanglass.score("x", object(), trace_id=TRACE), "finite number"),  # type: ignore[arg-type]
        (lambda: spanglass.score("x", 10**400, trace_id=TRACE), "finite number"),
        (lambda: spanglass.score(" ", 1, trace_id=TRACE), "needs a name"),
        (lambda: spanglass.score("x", 1, source="me", trace_id=TRACE), "source is one of"),  # type: ignore[arg-type]
        (lambda: spanglass.score("x", 1, trace_id="12"), "32 hexadecimal digits"),
        (lambda: spanglass.score("x", 1, trace_id="0" * 32), "32 hexadecimal digits"),
        (lambda: spanglass.score("x", 1, trace_id="1_" * 16), "32 hexadecimal digits"),
        (lambda: spanglass.score("x", 1, trace_id=TRACE, span_id=TRACE), "16 hexadecimal digits"),
        (lambda: spanglass.score("x", 1, span_id=SPAN), "needs its trace_id"),
        (lambda: spanglass.feedback(trace_id=TRACE), "feedback needs"),
        (lambda: spanglass.feedback(thumbs="sideways", trace_id=TRACE), "up or down"),  # type: ignore[arg-type]
        (lambda: spanglass.feedback(rating=9, trace_id=TRACE), "not on the rating_scale"),
        (lambda: spanglass.feedback(rating="x", trace_id=TRACE), "not on the rating_scale"),  # type: ignore[arg-type]
        (lambda: spanglass.feedback(rating=1, rating_scale=(1, 1), trace_id=TRACE), "not on"),
    ],
)
def test_what_cannot_be_recorded_is_said_and_counted(
    spans: CapturedSpans, call: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert call() is None
    assert call() is None
    assert spans.scores == []
    assert spanglass.stats().scores.dropped == {"invalid": 2}
    assert [says in record.message for record in caplog.records] == [True], "once"


def test_a_score_of_nothing(spans: CapturedSpans, caplog: pytest.LogCaptureFixture) -> None:
    assert spanglass.score("x", 1) is None
    assert spanglass.stats().scores.dropped == {"no_target": 1}
    assert "needs a trace_id or session_id" in caplog.text
    assert "scores are lost: 1 no_target" in str(spanglass.status())


def test_without_init(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(_state, "runtime", None)
    monkeypatch.setattr(_state, "absence", "not_initialised")
    monkeypatch.setattr(_state, "missed", {})
    monkeypatch.setattr(_state, "missed_scores", {})
    caplog.set_level(logging.WARNING, "spanglass")
    assert spanglass.score("x", 1, trace_id=TRACE) is None
    assert spanglass.feedback(thumbs=True, trace_id=TRACE) is None
    assert spanglass.feedback(trace_id=TRACE) is None
    assert spanglass.feedback_link(trace_id=TRACE) is None
    stats = spanglass.stats()
    assert (stats.dropped, stats.scores.dropped) == ({}, {"not_initialised": 4})
    assert caplog.text.count("init() has not been called") == 1


@pytest.mark.parametrize("content", [False, "redacted", True])
def test_comments_and_corrections_are_content(content: bool | str) -> None:
    with capture(capture_content=content) as spans:
        spanglass.score(
            "x", 1, comment="from ana@example.com", trace_id=TRACE, metadata={"by": "ana@example.com"}
        )  # fmt: skip
        spanglass.feedback(correction="ask ana@example.com", trace_id=TRACE)
    score, feedback = spans.scores
    found = (score.comment, feedback.correction)
    assert (
        found
        == {
            False: ("", ""),
            "redacted": ("from <EMAIL_ADDRESS>", "ask <EMAIL_ADDRESS>"),
            True: ("from ana@example.com", "ask ana@example.com"),
        }[content]
    )
    if content == "redacted":
        assert score.attributes["spanglass.score.metadata"] == '{"by": "<EMAIL_ADDRESS>"}'


def test_a_long_comment_is_cut() -> None:
    with capture(max_content_chars=100) as spans:
        spanglass.score("x", "c" * 5_000, comment="x" * 5_000, trace_id=TRACE)
    assert "cut]" in only(spans).comment
    assert len(only(spans).comment) < 200
    assert len(only(spans).label) < 300


def test_a_score_keeps_its_trace_from_being_sampled_out() -> None:
    with capture(sample_rate=0) as spans:
        for number in range(4):
            with spanglass.span(f"outer{number}"):
                if number == 1:
                    with spanglass.span("inner"):
                        spanglass.score("x", 1)
                if number == 2:
                    spanglass.feedback(thumbs=True, trace_id=spanglass.current_trace_id())
    assert [span.name for span in spans] == ["inner", "outer1", "outer2"]
    assert all(span.attributes["spanglass.sample_weight"] == 1 for span in spans)
    assert spans.stats().sampled_out == 2


def test_an_empty_text_is_no_score(spans: CapturedSpans, caplog: pytest.LogCaptureFixture) -> None:
    assert spanglass.score("language", "", trace_id=TRACE) is None
    assert spans.scores == []
    assert "the score 'language' is an empty text" in caplog.text


def test_a_score_costs_the_application_nothing_where_it_breaks(
    spans: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a bug of ours")

    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr(spans, "offer_score", fail)
    assert spanglass.score("x", 1, trace_id=TRACE) is None
    assert spanglass.feedback(thumbs=True, trace_id=TRACE) is None


SECRET = "a secret of many characters"


@pytest.mark.parametrize("seconds", [0, -5, float("nan"), float("inf"), "soon"])
def test_a_link_that_nobody_could_use_is_none(
    seconds: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with capture(feedback_secret=SECRET), spanglass.span("s"):
        assert spanglass.feedback_link(expires_in_s=seconds) is None
    assert "expires_in_s is seconds from now" in caplog.text


def test_a_link() -> None:
    settings = {"feedback_secret": SECRET, "web_url": "https://traces.example/", "project": "shop"}
    with capture(clock=Clock(), **settings), spanglass.span("s"):
        ids = spanglass.current_ids()
        own, trace = (
            spanglass.feedback_link(expires_in_s=60, name="tone"),
            spanglass.feedback_link(trace_id=ids.trace_id),
        )
    assert own is not None
    assert trace is not None
    parts = urlsplit(own)
    folder, _, token = parts.path.rpartition("/")
    assert (parts.netloc, folder) == ("traces.example", "/feedback")
    target = verify(token, [SECRET], 0)
    assert target[:4] == ("shop", ids.trace_id, ids.span_id, "tone")
    assert verify(trace.rpartition("/")[2], [SECRET], 0).span_id == ""


@pytest.mark.parametrize(
    ("settings", "options", "says"),
    [
        ({}, {"trace_id": TRACE}, "without a secret"),
        ({"feedback_secret": "short"}, {"trace_id": TRACE}, "16 characters"),
        ({"feedback_secret": SECRET}, {}, "needs a trace_id"),
        ({"feedback_secret": SECRET}, {"trace_id": "12"}, "32"),
        ({"feedback_secret": SECRET}, {"trace_id": TRACE, "name": "x" * 4000}, "too long"),
    ],
)
def test_there_is_no_link_without_what_it_needs(
    settings: dict[str, Any], options: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture(**settings):
        assert spanglass.feedback_link(**options) is None
    assert says in caplog.text


def test_secrets_are_in_no_representation() -> None:
    with capture(feedback_secret=SECRET, api_key="key-1", headers={"x": "header-1"}):
        assert _state.runtime is not None
        written = repr(_state.runtime.settings)
        assert not any(secret in written for secret in (SECRET, "key-1", "header-1"))


def test_a_score_given_earlier_has_its_time(spans: CapturedSpans) -> None:
    spanglass.feedback(thumbs="up", trace_id=TRACE, time_ns=1_700_000_000_000_000_001)
    assert only(spans).time_ns == 1_700_000_000_000_000_001


@pytest.mark.parametrize("time_ns", [0, -1, 1 << 63, True, 1.7e18, "now"])
def test_a_time_that_is_none_is_refused(
    spans: CapturedSpans, caplog: pytest.LogCaptureFixture, time_ns: Any
) -> None:
    assert spanglass.score("a", 1, trace_id=TRACE, time_ns=time_ns) is None
    assert "time_ns is nanoseconds since 1970" in caplog.text
