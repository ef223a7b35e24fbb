"""What an endpoint answers, read without protobuf: OTLP's partial success, and why it refuses.

Source: opentelemetry-proto 1.x, `ExportTraceServiceResponse` and `ExportLogsServiceResponse`, which
are written alike; `google.rpc.Status`; RFC 9110, section 10.2.3 (`Retry-After`).
"""

from __future__ import annotations

import contextlib
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from spanglass._wire import read_fields

if TYPE_CHECKING:
    from spanglass._transport import Answer

#: Longest wait that an endpoint can ask for, in seconds.
_LONGEST_RETRY_AFTER_S: Final = 120.0
_RETRYABLE: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


def is_taken(answer: Answer) -> bool:
    """Whether the endpoint has taken the request."""
    return 200 <= answer.status < 300


def is_retryable(answer: Answer) -> bool:
    """Whether the same request may be taken later."""
    return answer.status in _RETRYABLE


def is_overload(answer: Answer) -> bool:
    """Whether the endpoint says that it is too busy, whatever the request is."""
    return answer.status in (429, 503)


def knows_no_such_path(answer: Answer) -> bool:
    """Whether there is nothing behind the URL."""
    return answer.status in (404, 405, 501)


def rejected(answer: Answer) -> tuple[int, str]:
    """How many of a request that was taken were not, and why."""
    count, message = 0, ""
    # Taken is taken, whatever else it says.
    with contextlib.suppress(ValueError):
        for partial in _messages(answer.body, 1):
            count, message = _number(partial, 1), _text(partial, 2)
    return max(0, count), message


def no_answer(error: Exception) -> str:
    """Why there is no answer, in words that a log can show."""
    said = f"{error!s:.300}"
    if not said.isprintable():
        # Bytes of another protocol, as Python's HTTP client repeats them.
        said = "no HTTP is spoken there; OTLP over HTTP usually has port 4318, gRPC has 4317"
    elif "WRONG_VERSION_NUMBER" in said:
        said += "; no TLS is spoken there: try http:// instead of https://"
    return f"{type(error).__name__}: {said}"


def explanation(answer: Answer) -> str:
    """What an endpoint says about a failure, with the status before it."""
    try:
        said = _text(answer.body, 2)[:300]
    except ValueError:
        said = answer.body[:300].decode("utf-8", "replace")
    return f"{answer.status} {said}".strip()


def retry_after_s(answer: Answer) -> float:
    """`Retry-After` in seconds: a number or a date; 0 without one."""
    header = answer.retry_after.strip()
    try:
        wait = float(header)
    except ValueError:
        try:
            wait = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(0.0, wait), _LONGEST_RETRY_AFTER_S) if wait == wait else 0.0


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
