"""What became of a message, and what an answer means for it."""

import contextlib
import email.utils
import time
from dataclasses import dataclass
from typing import Final

from spanglass_alerts.delivery.outgoing import Answer

#: Statuses that a later try can get past.
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_WAIT_S: Final = 3600.0


@dataclass(frozen=True)
class Result:
    """What became of a message.

    Attributes:
        sent: whether the receiver has it.
        retry: whether a later try can get through.
        after_s: how long the receiver wants to be left alone, in seconds.
        reason: for the log; never a secret.
    """

    sent: bool
    retry: bool = False
    after_s: float = 0
    reason: str = ""


def judged(answer: Answer, is_expected: bool) -> Result:
    """What a status means; `is_expected` says whether the body is what it should be."""
    if 200 <= answer.status < 300:
        if is_expected:
            return Result(True, reason=f"{answer.status}")
        return Result(False, True, reason="The receiver said 200, and nothing that it should say.")
    text = answer.body[:300].decode("utf-8", "replace")
    # Read in a terminal, too: nothing that moves its cursor.
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    reason = f"The receiver answered {answer.status}{f': {said}' if said else ''}."
    if 300 <= answer.status < 400:
        return Result(False, False, reason=reason + " Redirects are not followed.")
    retry = answer.status in _LATER or answer.status > 504
    return Result(False, retry, wait_of(answer.headers.get("retry-after", "")), reason)


def wait_of(text: str) -> float:
    """Seconds that a `Retry-After` asks for: a number, or a date."""
    if text.strip().isdigit():
        return min(float(text), _MOST_WAIT_S)
    with contextlib.suppress(ValueError, TypeError):
        return min(
            max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()),
            _MOST_WAIT_S,
        )
    return 0.0
