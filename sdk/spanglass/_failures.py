"""How an application's exception shows on a span. The exception itself is never touched."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Span, Status, StatusCode

from spanglass import _names as names
from spanglass._serialize import printable, shorten

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

#: Characters of a message, and of a stack trace, that are kept.
MESSAGE_LIMIT: Final = 4_000
STACK_LIMIT: Final = 16_000
#: Frames of a stack trace that are kept, the innermost ones.
FRAMES: Final = 40


def type_name(error: BaseException) -> str:
    """The class of an exception as `error.type` wants it: with its module, unless built in."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """The text of an exception, also where its `__str__` raises."""
    try:
        return printable(shorten(str(error), MESSAGE_LIMIT))
    except Exception as unreadable:
        return f"<{type(unreadable).__name__} while reading the message>"


def is_cancellation(error: BaseException) -> bool:
    """Whether somebody gave the work up, as opposed to the work having failed.

    Cancelled tasks of asyncio, trio and gevent, closed generators, Ctrl-C and exits have in
    common that they are no `Exception`.
    """
    return not isinstance(error, Exception)


def identity(error: BaseException) -> tuple[object, ...]:
    """Tells whether two spans saw the same exception: itself, and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return (id(error),)
    return id(error), trace.tb_frame.f_code, trace.tb_lineno


def record_exception(
    span: Span, error: BaseException, time_ns: int | None = None, *, with_stack: bool = True
) -> None:
    """Writes an exception to a span: status, `error.type` and an `exception` event.

    A cancellation is marked as one and is no error.

    Args:
        span: where to.
        error: what was raised.
        time_ns: when, in nanoseconds since 1970; None for now.
        with_stack: whether the stack trace is worth having. It takes long to write, and the
            spans around the one that failed would only repeat it.
    """
    if is_cancellation(error):
        span.set_attribute(names.CANCELLED, True)
        return
    kind, message = type_name(error), message_of(error)
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, shorten(f"{kind}: {message}", 1000)))
    event: dict[str, AttributeValue] = {
        names.EXCEPTION_TYPE: kind,
        names.EXCEPTION_MESSAGE: message,
    }
    if with_stack:
        event[names.EXCEPTION_STACKTRACE] = _stack(error)
    span.add_event("exception", event, time_ns)


def _stack(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-FRAMES)
        return printable(shorten("".join(lines), STACK_LIMIT))
    except Exception as unreadable:
        return f"<{type(unreadable).__name__} while reading it>"


def record_failure(span: Span, message: str, kind: str = "_OTHER") -> None:
    """Marks a span as failed without an exception.

    Args:
        span: which.
        message: what went wrong.
        kind: value of `error.type`.
    """
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, printable(shorten(message, 1000))))
