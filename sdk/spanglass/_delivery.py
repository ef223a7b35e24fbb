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

from spanglass._exporter import Exporter, jittered
from spanglass._guard import log
from spanglass._requests import RequestWriter, Written, parts_of
from spanglass._transport import Answer, Transport
from spanglass._wire import read_fields

if TYPE_CHECKING:
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
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._transport = Transport(exporter.settings)
        self._writer = RequestWriter(exporter.identity)
        self._failing = False
        self.retries = 0
        self.last_error = ""

    def deliver(self, spans: list[Ended]) -> None:
        """Sends a batch; every span of it is settled when this returns. Never raises."""
        settle = self._exporter.settle
        written = self._write(spans)
        parts = parts_of(written, self._exporter.settings.max_batch_bytes)[::-1]
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

    def _write(self, spans: list[Ended]) -> list[Written]:
        """The spans as OTLP; those that can't be written are settled."""
        written = []
        for span, sequence in spans:
            try:
                written.append(self._writer.write(span, span.attributes or {}, sequence))
            except Exception as error:
                log.debug("spanglass: a span cannot be encoded", exc_info=True)
                self.last_error = f"a span cannot be encoded: {error}"
                self._exporter.settle(0, 1, "encoding")
        return written

    def close(self) -> None:
        """Gives the connection back."""
        self._transport.close()

    def _send(self, body: bytes, count: int) -> _Fate:
        """Sends one request until its spans are settled, or it turns out to be too large."""
        exporter = self._exporter
        began = time.monotonic()
        wait = _FIRST_WAIT_S
        refusals = 0
        while True:
            retry_after = 0.0
            left = exporter.seconds_left()
            if left <= 0:
                exporter.settle(0, count, exporter.close_reason)
                return _Fate.DONE
            try:
                answer = self._transport.post(body, min(exporter.settings.timeout_s, left))
            except (OSError, http.client.HTTPException) as error:
                refusals += isinstance(error, ConnectionRefusedError)
                self._note_failure(f"{type(error).__name__}: {error}")
                if refusals >= _REFUSALS_AT_EXIT and exporter.seconds_left() < float("inf"):
                    exporter.settle(0, count, exporter.close_reason)
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
            if time.monotonic() - began > exporter.settings.retry_s:
                exporter.settle(0, count, "retries_exhausted")
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
