"""A thread for what takes so long that nobody should have to wait for it who did not ask for it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Aside:
    """Does one thing at a time, in the order in which it was asked for.

    The thread does not keep the process from ending: who waits for an answer then has none.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What the function returns or raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="aside", daemon=True)
            self._thread.start()
        future: Future[_T] = Future()

        def task() -> None:
            if future.set_running_or_notify_cancel():
                _settle(future, lambda: function(*args, **kwargs))

        self._queue.put(task)
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            self._queue.get()()


def _settle(future: "Future[Any]", call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
