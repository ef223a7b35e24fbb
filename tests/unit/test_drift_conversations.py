"""What users do without saying so."""

from datetime import UTC, datetime, timedelta

import pytest

from spanglass_detectors.drift.conversations import SILENCE, Turn, endings, rephrasings

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ASKED = "How do I return the blue jacket?"
AGAIN = "How can I return my blue jacket?"


def turn(minute: float, question: str, answer: str = "Send it back.", **more: bool) -> Turn:
    at = START + timedelta(minutes=minute)
    return Turn(at, at + timedelta(seconds=10), question, answer, **more)


def test_a_question_that_is_asked_again() -> None:
    turns = [turn(0, ASKED), turn(1, AGAIN), turn(3, "What does the parcel cost?"), turn(20, ASKED)]
    # The last one comes too late to be about the one before.
    assert [said for _, said in rephrasings(turns)] == [True, False]
    assert rephrasings(turns)[0][0] == turns[1].at
    assert rephrasings(turns[:1]) == []
    assert rephrasings([turn(0, ""), turn(1, ASKED)]) == []


@pytest.mark.parametrize(
    ("last", "gave_up"),
    [
        (turn(1, "What does the parcel cost?"), False),
        (turn(1, AGAIN), True),
        (turn(1, "That's wrong."), True),
        (turn(1, "Thanks!", ""), False),
        (turn(1, "What does it cost?", "", is_answered=False), True),
        (turn(1, "What does it cost?", failed=True), True),
        (turn(1, "What does it cost?", "I'm sorry, but I can't help with that request."), True),
        (turn(25, AGAIN), False),
    ],
)
def test_how_a_conversation_ends(last: Turn, gave_up: bool) -> None:
    assert endings([turn(0, ASKED), last]) == [(last.end + SILENCE, gave_up)]


def test_a_conversation_that_goes_on_after_a_silence_ended_before_it() -> None:
    first, second = turn(0, ASKED, failed=True), turn(45, ASKED)
    assert endings([first, second]) == [
        (first.end + SILENCE, True), (second.end + SILENCE, False),
    ]  # fmt: skip
    assert endings([]) == []
