"""Sends the reports of a ledger, beside the spans and on their thread."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Final

from spanglass import _answers as answers
from spanglass._guard import log
from spanglass._signals import SCORES
from spanglass._spill import Spill
from spanglass._transport import Transport

if TYPE_CHECKING:
    from spanglass._exporter import Exporter
    from spanglass._ledger import Ledger
    from spanglass._requests import RequestWriter

#: Seconds that a request may take: the spans wait for it.
_TIMEOUT_S: Final = 2.0
#: Seconds until a report that was not taken is sent again; doubled each time, up to the longest.
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 120.0


class Reports:
    """Sends reports until they are taken.

    Args:
        exporter: the exporter of the spans.
        ledger: makes the reports.
        writer: writes requests.
    """

    def __init__(self, exporter: Exporter, ledger: Ledger, writer: RequestWriter) -> None:
        self._exporter = exporter
        self._ledger = ledger
        self._writer = writer
        self._transport = Transport(exporter.settings, exporter.settings.logs)
        self._again_at = 0.0
        self._wait = _FIRST_WAIT_S

    def next_s(self) -> float | None:
        """Seconds until there is something to do; None where nothing is."""
        if self._ledger.pending:
            return max(0.0, self._again_at - time.monotonic())
        return self._ledger.next_s()

    def send(self, final: bool, failing: bool) -> None:
        """Cuts a report where one is due, and sends what is not taken yet.

        Args:
            final: whether the process ends.
            failing: whether the spans are not taken either: nobody is asked then.
        """
        self._ledger.cut(final)
        pending = self._ledger.pending
        left = self._exporter.seconds_left()
        if not pending or left <= 0 or (time.monotonic() < self._again_at and not final):
            return
        written = [self._writer.write_event(each, each.attributes) for each in pending]
        body = self._writer.request(written)
        if not failing and self._is_settled(body, min(_TIMEOUT_S, left)):
            pending.clear()
            self._again_at, self._wait = 0.0, _FIRST_WAIT_S
            return
        self._again_at = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, _LONGEST_WAIT_S)
        if final and self._exporter.settings.spill_dir:
            try:
                if Spill(self._exporter.settings, SCORES).write(body, 0):
                    pending.clear()
            except OSError as error:
                log.debug("spanglass: the account of losses is lost: %s", error)

    def close(self) -> None:
        """Gives the connection back."""
        self._transport.close()

    def _is_settled(self, body: bytes, timeout_s: float) -> bool:
        """Whether the reports need not be sent again: taken, or refused for ever."""
        try:
            answer = self._transport.post(body, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            log.debug("spanglass: the account of losses is not sent: %s", error)
            return False
        if answers.knows_no_such_path(answer):
            self._ledger.quiet()
        elif not answers.is_taken(answer):
            log.debug("spanglass: the account is not taken: %s", answers.explanation(answer))
            return not answers.is_retryable(answer)
        return True
