"""Traces across threads and processes: `carry` a function, or a whole executor.

OpenTelemetry's context follows asyncio's tasks by itself. Threads and pools start without it; the
standard library is not changed behind the application's back, so here one says so.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from spanglass import _current
from spanglass._guard import guard, report
from spanglass._propagation import extract, inject

if TYPE_CHECKING:
    from opentelemetry.context import Context

P = ParamSpec("P")
R = TypeVar("R")


class _Carried(Generic[P, R]):
    """A function that runs where it was carried from.

    It can be pickled where the function can: to another process go the headers that a request
    to another service would get.
    """

    def __init__(self, function: Callable[P, R], context: Context) -> None:
        self._function = function
        self._context = context
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        token = None
        with guard("carry"):
            token = _current.resume(self._context)
        try:
            return self._function(*args, **kwargs)
        finally:
            if token is not None:
                with guard("carry"):
                    _current.detach(token)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        headers: dict[str, str] = {}
        with guard("carry"):
            token = _current.resume(self._context)
            try:
                inject(headers)
            finally:
                _current.detach(token)
        return _arrive, (self._function, headers)


def _arrive(function: Callable[P, R], headers: dict[str, str]) -> _Carried[P, R]:
    """A carried function in the process that it was sent to."""
    return _Carried(function, extract(headers))


def carry(function: Callable[P, R], /) -> Callable[P, R]:
    """Binds a function to the trace and the `context` that hold here, for use in another thread.

        threading.Thread(target=spanglass.carry(work), args=(7,)).start()
        pool.submit(spanglass.carry(work), 7)
        loop.run_in_executor(None, spanglass.carry(work), 7)

    Spans that the function makes are below the span that was current when it was carried.
    asyncio's tasks and `asyncio.to_thread` need none of this. With a process pool it works, too:
    there the function has to be one that can be pickled, and the process has to call `init`.

    Args:
        function: a function, or a coroutine function.

    Returns:
        A function with the same signature.
    """
    try:
        context = _current.capture()
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", _carried_coroutine(function, context))
        return _Carried(function, context)
    except Exception as error:
        report("carry", error)
        return function


def _carried_coroutine(function: Callable[..., Any], context: Context) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        token = None
        with guard("carry"):
            token = _current.resume(context)
        try:
            return await function(*args, **kwargs)
        finally:
            if token is not None:
                with guard("carry"):
                    _current.detach(token)

    return call


class ContextExecutor(Executor):
    """An executor whose tasks keep the trace and the `context` of whoever submitted them.

        with spanglass.ContextExecutor(ThreadPoolExecutor(8)) as pool:
            answers = list(pool.map(answer, questions))

    Args:
        executor: does the work: a `ThreadPoolExecutor`, a `ProcessPoolExecutor`, …
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Schedules a call; see `concurrent.futures.Executor.submit`."""
        return self._executor.submit(carry(fn), *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the executor; see `concurrent.futures.Executor.shutdown`."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)
