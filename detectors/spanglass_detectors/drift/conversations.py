"""What users do without saying so: they ask again, and leave without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.quality.task_success import follow_up

#: A question that comes later is a new one; after so long without any, the conversation is over.
FOLLOWS: Final = timedelta(minutes=10)
SILENCE: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Turn:
    """A question in a conversation, with what came of it.

    Attributes:
        at: when it was asked.
        end: when the answer was there.
        failed: whether the call that was to answer it ended in error.
        answer: as plain text.
        is_answered: whether there is an answer of any kind: a text, a picture, a call of a tool.
    """

    at: datetime
    end: datetime
    question: str
    answer: str
    failed: bool = False
    is_answered: bool = True


def rephrasings(turns: Sequence[Turn]) -> list[tuple[datetime, bool]]:
    """Of each question that follows another within ten minutes: when, and whether it says the same.

    Two questions say the same when half of their words are the same, as `task_success` has it.

    Args:
        turns: of one conversation, in the order of time.
    """
    return [
        (now.at, follow_up(before.question, now.question)[0] == "rephrased")
        for before, now in pairwise(turns)
        if now.at - before.end <= FOLLOWS and before.question.strip() and now.question.strip()
    ]


def endings(turns: Sequence[Turn]) -> list[tuple[datetime, bool]]:
    """Of each silence of half an hour: when it had lasted so long, and whether the user gave up.

    A user gave up who left behind an answer that failed, is empty or a refusal, or right after
    asking the same again or complaining. Who leaves without a word after an answer that looks
    like one is not seen.

    Args:
        turns: of one conversation, in the order of time. What comes after them is not known: the
            last one counts as the end.
    """
    found = []
    for n, turn in enumerate(turns):
        if n + 1 < len(turns) and turns[n + 1].at - turn.end < SILENCE:
            continue
        said = ""
        if n and turn.at - turns[n - 1].end <= FOLLOWS:
            said = follow_up(turns[n - 1].question, turn.question)[0]
        gave_up = (
            turn.failed
            or not turn.is_answered
            or said in ("rephrased", "complained")
            or refusal(turn.answer).is_refusal
        )
        found.append((turn.end + SILENCE, gave_up))
    return found
