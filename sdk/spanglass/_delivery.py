"""Batches of spans as OTLP requests, sent until they are taken or given up.

Imported on the exporter's thread with the first batch: HTTP takes a tenth of a second that no
application should wait for.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

from spanglass import _names as names
from spanglass import _wire as wire
from spanglass._exporter import Exporter, jittered
from spanglass._guard import log
from spanglass._privacy import Privacy
from spanglass._requests import RequestWriter, Written, parts_of
from spanglass._transport import Answer, Transport
from spanglass._version import __version__
from spanglass._wire import read_fields

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from spanglass._queue import Ended

#: Seconds of the first wait, how it grows, and where it ends.
_FIRST_WAIT_S: Final = 0.5
_GROWTH: Final = 1.6
_LONGEST_WAIT_S: Final = 30.0
#: The same while somebody waits for a flush or for the process to end.
_LONGEST_HURRIED_WAIT_S: Final = 0.5
#: Longest wait that an endpoint can ask for, in seconds.
_LONGEST_RETRY_AFTER_S: Final = 120.0
#: How often nobody may be listening before an ending process stops asking.
_REFUSALS_AT_EXIT: Final = 2
#: Seconds after which the account is sent again, though nothing new is lost.
_REPORT_EVERY_S: Final = 30.0

_RETRYABLE: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


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
        privacy: what spans go through before they leave.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._transport = Transport(exporter.settings)
        self._writer = RequestWriter(exporter.identity)
        self.privacy = Privacy(exporter.settings.capture_content, exporter.settings.mask)
        self._failing = False
        # With a spill, nobody waits for an endpoint that is gone: until then it is not asked.
        self._down_until = 0.0
        self._down_wait = _FIRST_WAIT_S
        self._last_resource: Resource | None = None
        self._reported: dict[str, int] = {}
        self._reported_at = time.monotonic()
        self._failing = False
        self.retries = 0
        self.last_error = ""
        self.last_success = 0.0

    def deliver(self, spans: list[Ended]) -> None:
        """Sends a batch; every span of it is settled when this returns. Never raises."""
        settle = self._exporter.settle
        written = self._write(spans)
        parts = parts_of(written, self._exporter.settings.max_batch_bytes)[::-1]
        while parts:
            part = parts.pop()
            try:
                fate = self._send(self._writer.request(part, *self._ledger()), len(part))
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

    def _write(self, spans: list[Ended]) -> list[Written]:
        """The spans as OTLP; those that can't be written are settled."""
        written = []
        for span, sequence in spans:
            try:
                shown = self.privacy.shown(span)
                written.append(self._writer.write(shown, shown.attributes or {}, sequence))
                self._last_resource = span.resource
            except Exception as error:
                log.debug("spanglass: a span cannot be encoded", exc_info=True)
                self.last_error = f"a span cannot be encoded: {error}"
                self._exporter.settle(0, 1, "encoding")
        return written

    def resend(self) -> bool:
        """Sends the oldest request that is on disk; whether there was one that went."""
        spill = self._exporter.spill
        if spill is None or time.monotonic() < self._down_until:
            return False
        with spill.oldest() as spilled:
            if spilled is None:
                return False
            left = self._exporter.seconds_left()
            if left <= 0:
                return False
            try:
                answer = self._transport.post(
                    spilled.body, min(self._exporter.settings.timeout_s, left)
                )
            except (OSError, http.client.HTTPException) as error:
                self._note_failure(f"{type(error).__name__}: {error}")
                self._step_back(0.0)
                return False
            if 200 <= answer.status < 300:
                spill.remove(spilled)
                self._note_success()
                self._exporter.settle_resent(spilled.spans, 0)
                return True
            self._note_failure(f"{answer.status} {_explanation(answer)}".strip())
            if answer.status in _RETRYABLE:
                self._step_back(_seconds(answer.retry_after))
                return False
            spill.remove(spilled)
            self._exporter.settle_resent(0, spilled.spans)
            return True

    def next_resend_s(self) -> float | None:
        """Seconds until what is on disk is tried again; None where nothing is."""
        spill = self._exporter.spill
        if spill is None or not spill.waiting():
            return None
        # What another process is sending is looked for again, should it fail.
        return max(1.0, self._down_until - time.monotonic())

    def report(self) -> None:
        """Sends the account once more, where it has losses that the endpoint does not know."""
        fields = self._ledger()
        if fields and not self._failing and self._exporter.seconds_left() > 0:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._transport.post(b"".join(fields), min(1.0, self._exporter.seconds_left()))

    def _ledger(self) -> list[bytes]:
        """The account of this process as a field of a request, where there is news in it."""
        found = self._exporter.ledger()
        lost = {key: count for key, count in found.items() if key.startswith("dropped.")}
        due = time.monotonic() - self._reported_at >= _REPORT_EVERY_S
        if (lost == self._reported and not due) or self._last_resource is None:
            return []
        self._reported, self._reported_at = lost, time.monotonic()
        attributes = {f"{names.LEDGER}.{key}": count for key, count in found.items()}
        attributes[f"{names.LEDGER}.time_unix_nano"] = time.time_ns()
        scope = wire.scope_without_spans(names.LEDGER, __version__, attributes)
        resource = self._writer.resource(self._last_resource)
        return [wire.resource_spans(resource, [scope])]

    def _step_back(self, retry_after: float) -> None:
        """The endpoint is gone: it is asked again after a while, which grows."""
        self._down_wait = min(self._down_wait * _GROWTH, _LONGEST_WAIT_S)
        self._down_until = time.monotonic() + max(retry_after, jittered(self._down_wait))

    def _give_up(self, body: bytes, count: int, reason: str) -> None:
        """A request is not sent: it goes to disk where there is a place for it, or is lost."""
        spill = self._exporter.spill
        try:
            if spill is not None and spill.write(body, count):
                self._exporter.settle_spilled(count)
                return
        except OSError as error:
            self.last_error = f"nothing can be spilled to disk: {error}"
        self._exporter.settle(0, count, reason)

    def close(self) -> None:
        """Gives the connection back."""
        self._transport.close()

    def _send(self, body: bytes, count: int) -> _Fate:
        """Sends one request until its spans are settled, or it turns out to be too large."""
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
                left *= 0.6  # what is left goes to disk
            try:
                answer = self._transport.post(body, min(exporter.settings.timeout_s, left))
            except (OSError, http.client.HTTPException) as error:
                refusals += isinstance(error, ConnectionRefusedError)
                self._note_failure(f"{type(error).__name__}: {error}")
                if refusals >= _REFUSALS_AT_EXIT and exporter.seconds_left() < float("inf"):
                    self._give_up(body, count, exporter.close_reason)
                    return _Fate.DONE
            else:
                if 200 <= answer.status < 300:
                    self._note_success()
                    self._settle_taken(answer, count)
                    return _Fate.DONE
                if answer.status == 413:
                    self.last_error = "413: the request is too large"
                    return _Fate.TOO_LARGE
                self._note_failure(f"{answer.status} {_explanation(answer)}".strip())
                if answer.status not in _RETRYABLE:
                    denied = answer.status in (401, 403)
                    exporter.settle(0, count, "unauthorized" if denied else "refused")
                    return _Fate.DONE
                retry_after = _seconds(answer.retry_after)
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
        rejected, message = 0, ""
        if answer.body:
            # Taken is taken, whatever else it says.
            with contextlib.suppress(ValueError):
                for partial in _messages(answer.body, 1):
                    rejected = _number(partial, 1)
                    message = _text(partial, 2)
        rejected = min(max(0, rejected), count)
        if rejected:
            self.last_error = message
            log.warning("spanglass: the endpoint rejected %d spans: %s", rejected, message)
        self._exporter.settle(count - rejected, rejected, "rejected")

    def _note_failure(self, reason: str) -> None:
        """Logs when sending begins to fail, and not again until it has worked."""
        self.last_error = reason
        if not self._failing:
            self._failing = True
            log.warning(
                "spanglass: spans cannot be sent to %s: %s. The application is not affected.",
                self._exporter.settings.endpoint,
                reason,
            )

    def _note_success(self) -> None:
        self.last_error = ""
        self.last_success = time.time()
        self._down_until, self._down_wait = 0.0, _FIRST_WAIT_S
        if self._failing:
            self._failing = False
            log.info("spanglass: spans are sent to %s again", self._exporter.settings.endpoint)


def _halves(part: Sequence[Written]) -> list[list[Written]]:
    """Two halves, the first one last: parts are taken from the end."""
    middle = len(part) // 2
    return [list(part[middle:]), list(part[:middle])]


def _explanation(answer: Answer) -> str:
    """What an endpoint says about a failure: a `google.rpc.Status`, or text."""
    try:
        return _text(answer.body, 2)[:300]
    except ValueError:
        return answer.body[:300].decode("utf-8", "replace")


def _messages(message: bytes, number: int) -> list[bytes]:
    """The fields of a message with a number that are messages themselves."""
    return [
        found for each, found in read_fields(message) if each == number and type(found) is bytes
    ]


def _text(message: bytes, number: int) -> str:
    """A text field of a message.

    Raises:
        ValueError: it is no protobuf.
    """
    return "".join(found.decode() for found in _messages(message, number)[-1:])


def _number(message: bytes, number: int) -> int:
    """A number field of a message.

    Raises:
        ValueError: it is no protobuf.
    """
    found = [each for at, each in read_fields(message) if at == number and type(each) is int]
    return found[-1] if found else 0


def _seconds(header: str) -> float:
    """`Retry-After` in seconds: a number or a date; 0 without one."""
    header = header.strip()
    try:
        wait = float(header)
    except ValueError:
        try:
            wait = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(0.0, wait), _LONGEST_RETRY_AFTER_S) if wait == wait else 0.0
