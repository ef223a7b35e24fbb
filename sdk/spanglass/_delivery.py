"""Batches as OTLP requests, sent until they are taken or given up.

Imported on the exporter's thread with the first batch: HTTP takes a tenth of a second that no
application should wait for.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from spanglass import _answers as answers
from spanglass._backlog import Backlog
from spanglass._exporter import Exporter, jittered
from spanglass._guard import log
from spanglass._logs import Event
from spanglass._privacy import Privacy
from spanglass._reports import Reports
from spanglass._requests import RequestWriter, Written, parts_of
from spanglass._settings import ASKING
from spanglass._transport import Answer, Transport

if TYPE_CHECKING:
    from spanglass._queue import Ended, Item

#: Seconds of the first wait, how it grows, and where it ends.
_FIRST_WAIT_S: Final = 0.5
_GROWTH: Final = 1.6
_LONGEST_WAIT_S: Final = 30.0
#: The same while somebody waits for a flush or for the process to end.
_LONGEST_HURRIED_WAIT_S: Final = 0.5
#: How often nobody may be listening before an ending process stops asking.
_REFUSALS_AT_EXIT: Final = 2


class _Fate(Enum):
    """What became of a request."""

    DONE = "done"
    TOO_LARGE = "too large"


class Delivery:
    """Sends batches for an exporter, one request at a time.

    Attributes:
        retries: requests that were sent again.
        last_error: why the last request failed; empty where it did not.
        last_success: when the last request was taken, in seconds since 1970; 0 for never.
        privacy: what spans and scores go through before they leave.
    """

    def __init__(self, exporter: Exporter) -> None:
        settings = exporter.settings
        self._exporter = exporter
        self._transport = Transport(settings, exporter.endpoint)
        self._writer = RequestWriter(exporter.identity)
        self.privacy = Privacy(settings.capture_content, settings.mask)
        self._backlog = (
            Backlog(exporter.spill, exporter.account, self._post) if exporter.spill else None
        )
        self._reports = (
            Reports(exporter, exporter.ledger, self._writer) if exporter.ledger else None
        )
        self._failing = False
        # With a spill, nobody waits for an endpoint that is gone: until then it is not asked.
        self._down_until = 0.0
        self._down_wait = _FIRST_WAIT_S
        self.retries = 0
        self.last_error = ""
        self.last_success = 0.0

    def deliver(self, batch: list[Ended]) -> None:
        """Sends a batch; every item of it is settled when this returns. Never raises."""
        settle = self._exporter.account.settle
        parts = parts_of(self._write(batch), self._exporter.settings.max_batch_bytes)[::-1]
        while parts:
            part = parts.pop()
            try:
                fate = self._send(self._writer.request(part), len(part))
            except Exception as error:
                # A setting that makes no request, such as a key with a line break in it.
                log.warning("spanglass: no request can be made: %s", error)
                self.last_error = str(error)
                settle(0, len(part), "refused")
                continue
            if fate is _Fate.TOO_LARGE:
                if len(part) > 1:
                    parts += _halves(part)
                else:
                    settle(0, 1, "too_large")

    def _write(self, batch: list[Ended]) -> list[Written]:
        """The batch as OTLP; what can't be written is settled."""
        written = []
        for item, sequence in batch:
            try:
                written.append(self._written(item, sequence))
            except Exception as error:
                log.debug("spanglass: something cannot be encoded", exc_info=True)
                self.last_error = f"something cannot be encoded: {error}"
                self._exporter.account.settle(0, 1, "encoding")
        return written

    def _written(self, item: Item, sequence: int) -> Written:
        if isinstance(item, Event):
            return self._writer.write_event(item, self.privacy.shown_attributes(item.attributes))
        shown = self.privacy.shown(item)
        return self._writer.write(shown, shown.attributes or {}, sequence)

    def idle(self) -> bool:
        """What there is to do beside batches; whether there is more of it."""
        self.report()
        return self._resend()

    def next_s(self) -> float | None:
        """Seconds until there is something to do beside batches; None where nothing is."""
        found = []
        if self._backlog is not None and (seconds := self._backlog.next_s()) is not None:
            found.append(max(seconds, self._down_until - time.monotonic()))
        if self._reports is not None and (seconds := self._reports.next_s()) is not None:
            found.append(seconds)
        return min(found, default=None)

    def report(self, final: bool = False) -> None:
        """Sends the account of losses, where it is due.

        Args:
            final: whether the process ends.
        """
        if self._reports is not None:
            self._reports.send(final, failing=self._failing)

    def _resend(self) -> bool:
        """Sends the oldest request that is on disk; whether to go on with the next."""
        backlog = self._backlog
        if backlog is None or time.monotonic() < self._down_until:
            return False
        if self._exporter.seconds_left() <= 0:
            return False
        try:
            answer = backlog.send_oldest()
        except (OSError, http.client.HTTPException) as error:
            self._note_failure(answers.no_answer(error))
            self._step_back(0.0)
            return False
        if answer is None:
            return False
        if answers.is_taken(answer):
            self._note_success()
        else:
            self._note_failure(answers.explanation(answer))
            if backlog.is_outage(answer):
                self._step_back(answers.retry_after_s(answer))
                return False
        return True

    def _post(self, body: bytes) -> Answer:
        left = self._exporter.seconds_left()
        return self._transport.post(body, min(self._exporter.settings.timeout_s, left))

    def _step_back(self, retry_after: float) -> None:
        """The endpoint is gone: it is asked again after a while, which grows."""
        self._down_wait = min(self._down_wait * _GROWTH, _LONGEST_WAIT_S)
        self._down_until = time.monotonic() + max(retry_after, jittered(self._down_wait))

    def _give_up(self, body: bytes, count: int, reason: str) -> None:
        """A request is not sent: it goes to disk where there is a place for it, or is lost."""
        spill = self._exporter.spill
        try:
            if spill is not None and spill.write(body, count):
                self._exporter.account.settle_spilled(count)
                return
        except OSError as error:
            self.last_error = f"nothing can be spilled to disk: {error}"
        self._exporter.account.settle(0, count, reason)

    def interrupt(self) -> None:
        """Ends the request under way, called on another thread; no other is sent after it."""
        self._transport.interrupt()

    def close(self) -> None:
        """Gives the connections back."""
        self._transport.close()
        if self._reports is not None:
            self._reports.close()

    def _send(self, body: bytes, count: int) -> _Fate:
        """Sends one request until what is in it is settled, or it turns out to be too large."""
        exporter = self._exporter
        began = time.monotonic()
        wait = _FIRST_WAIT_S
        refusals = 0
        if exporter.spill is not None and began < self._down_until:
            self._give_up(body, count, "retries_exhausted")
            return _Fate.DONE
        while True:
            retry_after = 0.0
            left = exporter.seconds_left()
            if left <= 0:
                self._give_up(body, count, exporter.close_reason)
                return _Fate.DONE
            if exporter.spill is not None:
                left *= ASKING
            try:
                answer = self._transport.post(body, min(exporter.settings.timeout_s, left))
            except (OSError, http.client.HTTPException) as error:
                refusals += isinstance(error, ConnectionRefusedError)
                self._note_failure(answers.no_answer(error))
                if refusals >= _REFUSALS_AT_EXIT and exporter.seconds_left() < float("inf"):
                    self._give_up(body, count, exporter.close_reason)
                    return _Fate.DONE
            else:
                if answers.is_taken(answer):
                    self._note_success()
                    self._settle_taken(answer, count)
                    return _Fate.DONE
                if answer.status == 413:
                    self.last_error = "413: the request is too large"
                    return _Fate.TOO_LARGE
                self._note_failure(answers.explanation(answer))
                if not answers.is_retryable(answer):
                    denied = answer.status in (401, 403)
                    exporter.account.settle(0, count, "unauthorized" if denied else "refused")
                    return _Fate.DONE
                retry_after = answers.retry_after_s(answer)
            if exporter.spill is not None:
                # The disk is patient: the queue goes on, and stays free for what comes.
                self._step_back(retry_after)
                self._give_up(body, count, "retries_exhausted")
                return _Fate.DONE
            if time.monotonic() - began > exporter.settings.retry_s:
                self._give_up(body, count, "retries_exhausted")
                return _Fate.DONE
            exporter.report_losses()
            longest = _LONGEST_HURRIED_WAIT_S if exporter.hurried() else _LONGEST_WAIT_S
            exporter.pause(
                max(retry_after, jittered(min(wait, longest))), interruptible=not retry_after
            )
            wait *= _GROWTH
            self.retries += 1

    def _settle_taken(self, answer: Answer, count: int) -> None:
        rejected, message = answers.rejected(answer) if answer.body else (0, "")
        rejected = min(rejected, count)
        if rejected:
            self.last_error = message
            noun = self._exporter.signal.noun
            log.warning("spanglass: the endpoint rejected %d %s: %s", rejected, noun, message)
        self._exporter.account.settle(count - rejected, rejected, "rejected")

    def _note_failure(self, reason: str) -> None:
        """Logs when sending begins to fail, and not again until it has worked."""
        self.last_error = reason
        if not self._failing:
            self._failing = True
            log.warning(
                "spanglass: %s cannot be sent to %s: %s. The application is not affected.",
                self._exporter.signal.noun,
                self._exporter.endpoint,
                reason,
            )

    def _note_success(self) -> None:
        self.last_error = ""
        self.last_success = time.time()
        self._down_until, self._down_wait = 0.0, _FIRST_WAIT_S
        if self._backlog is not None:
            self._backlog.taken()
        if self._failing:
            self._failing = False
            noun, endpoint = self._exporter.signal.noun, self._exporter.endpoint
            log.info("spanglass: %s are sent to %s again", noun, endpoint)


def _halves(part: Sequence[Written]) -> list[list[Written]]:
    """Two halves, the first one last: parts are taken from the end."""
    middle = len(part) // 2
    return [list(part[middle:]), list(part[:middle])]
