"""The one guard between Spanglass and the application.

Everything that application code calls goes through it. An error of ours is logged, counted and
swallowed; an error of the application is none of its business. It catches `Exception` only:
`KeyboardInterrupt` and its like belong to the application even while our code runs.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

log: Final = logging.getLogger("spanglass")

#: Under pytest, with this set to 1, errors of ours are raised: our own tests want to see them.
RAISE_VARIABLE: Final = "SPANGLASS_RAISE_INTERNAL_ERRORS"

_seen: Final[set[tuple[str, type[BaseException]]]] = set()
_counts: Final = {"errors": 0}
_lock: Final = threading.RLock()


def internal_errors() -> int:
    """How many errors of ours the guard has swallowed in this process."""
    return _counts["errors"]


def _is_strict() -> bool:
    return os.environ.get(RAISE_VARIABLE) == "1" and "PYTEST_CURRENT_TEST" in os.environ


def report(where: str, error: Exception) -> None:
    """Counts an error of ours and logs it: the first of its kind as a warning, others at debug.

    Raises:
        Exception: the error itself, under pytest with `SPANGLASS_RAISE_INTERNAL_ERRORS=1`.
    """
    if _is_strict():
        raise error
    try:
        with _lock:
            _counts["errors"] += 1
            kind = (where, type(error))
            first = kind not in _seen and len(_seen) < 1000
            _seen.add(kind)
        log.log(
            logging.WARNING if first else logging.DEBUG,
            "spanglass: an error of ours in %s; the application is not affected",
            where,
            exc_info=error,
        )
    except Exception:  # noqa: S110 - a log handler that fails must not reach the application
        pass


class guard:  # noqa: N801 - reads as a keyword does: `with guard("flush"):`
    """Swallows an error of ours in the block.

    Args:
        where: what was being done, for the log.
    """

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            report(self._where, error)
            return True
        return False


def guarded(fallback: Callable[[], R]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a public function so that it returns a fallback where it would raise.

    Arguments that it does not have are left out, with a warning.

    Args:
        fallback: makes what is returned instead. It must not fail.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        where = getattr(function, "__qualname__", "?")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                with guard(where):
                    if (fit := fitting(where, function, kwargs, error)) is not None:
                        return function(*args, **fit)
                return fallback()

        return call

    return decorate


def fitting(
    where: str, function: Callable[..., Any], kwargs: dict[str, Any], error: Exception
) -> dict[str, Any] | None:
    """What to call a function with instead, where it has failed because of its arguments.

    To be asked by the frame that has called the function and caught the error.

    Args:
        where: what was being done, for the log.
        function: what was called.
        kwargs: what it was given by name.
        error: what it raised. One of ours is reported.

    Returns:
        Arguments by name; None where it can't be called.
    """
    from spanglass import _misuse as misuse

    if _is_strict() or not misuse.is_misuse(error):
        report(where, error)
        return None
    return misuse.fitting(function, kwargs, error)


def forgiving(function: F) -> F:
    """Decorates a public function that guards itself: arguments it does not have are left out."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            with guard(function.__qualname__):
                if (fit := fitting(function.__qualname__, function, kwargs, error)) is not None:
                    return function(*args, **fit)
            return args[0] if args else None

    return cast("F", call)


def nothing() -> None:
    """The fallback of functions that return nothing."""
