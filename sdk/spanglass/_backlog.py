"""What is on disk, sent again: the oldest first, and without one that is refused in the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from spanglass import _answers as answers
from spanglass._guard import log

if TYPE_CHECKING:
    from spanglass._account import Account
    from spanglass._spill import Spill, Spilled
    from spanglass._transport import Answer

#: Seconds that a request which failed is left alone, while others are sent.
_LEAVE_S: Final = 5.0
#: How often a request may fail though others are taken right after it.
_FAILURES: Final = 3


class Backlog:
    """Sends the requests of a folder.

    Args:
        spill: the folder.
        account: where they are counted.
        post: sends a body; raises as `Transport.post` does.
    """

    def __init__(self, spill: Spill, account: Account, post: Callable[[bytes], Answer]) -> None:
        self._spill = spill
        self._account = account
        self._post = post
        # By name: how often one failed and others were taken after it, and since when it failed.
        self._failures: dict[str, int] = {}
        self._left_at: dict[str, float] = {}
        self._unanswered: set[str] = set()

    def next_s(self) -> float | None:
        """Seconds until something is tried; None where nothing is there."""
        # What another process is sending is looked for again, should it fail.
        return 1.0 if self._spill.waiting() else None

    def send_oldest(self) -> Answer | None:
        """Sends the oldest request.

        Returns:
            The answer; None where nothing is there to be sent.

        Raises:
            OSError: the endpoint can't be reached.
            http.client.HTTPException: what answers does not speak HTTP.
        """
        now = time.monotonic()
        left = {name for name, at in self._left_at.items() if now - at < _LEAVE_S}
        while True:
            with self._spill.oldest(left) as spilled:
                if spilled is None:
                    return None
                if not self._spill.is_old(spilled):
                    return self._send(spilled)
                self._spill.remove(spilled)
                self._gone(spilled, lost=True)

    def _send(self, spilled: Spilled) -> Answer:
        answer = self._post(spilled.body)
        if answers.is_taken(answer):
            self._spill.remove(spilled)
            self._gone(spilled)
            self.taken()
        elif answers.knows_no_such_path(answer) and not spilled.items:
            # An account of losses, for an endpoint that takes none.
            self._spill.remove(spilled)
            self._gone(spilled)
        elif not answers.is_retryable(answer) or self._fails_alone(spilled, answer):
            log.warning(
                "spanglass: %s is not taken and was set aside: %s",
                spilled.path,
                answers.explanation(answer),
            )
            self._spill.set_aside(spilled)
            self._gone(spilled, lost=True)
        return answer

    def is_outage(self, answer: Answer) -> bool:
        """Whether a refusal is about the endpoint, not about one request."""
        return answers.is_overload(answer) or len(self._unanswered) > 1

    def taken(self) -> None:
        """The endpoint has taken a request: what failed before it failed by itself."""
        for name in self._unanswered:
            self._failures[name] = self._failures.get(name, 0) + 1
        self._unanswered.clear()

    def _fails_alone(self, spilled: Spilled, answer: Answer) -> bool:
        """Notes a failure; whether others are taken each time that this one is not."""
        if answers.is_overload(answer):
            return False
        name = spilled.path.name
        self._left_at[name] = time.monotonic()
        self._unanswered.add(name)
        return self._failures.get(name, 0) >= _FAILURES

    def _gone(self, spilled: Spilled, lost: bool = False) -> None:
        name = spilled.path.name
        self._failures.pop(name, None)
        self._left_at.pop(name, None)
        self._unanswered.discard(name)
        self._account.settle_resent(0 if lost else spilled.items, spilled.items if lost else 0)
