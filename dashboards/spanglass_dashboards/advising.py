"""Advice that is being made: one at a time, kept for a while, asked for again until it is there."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from spanglass_store.errors import StoreUnavailable

#: Answers that are kept, for how many seconds, and those that may wait.
_MOST: Final = 32
_KEPT_S: Final = 600.0
_WAITING: Final = 8


@dataclass
class _Asked:
    future: "Future[Any]"
    done_at: float | None = None


class Advising:
    """Makes answers that take minutes, in a thread of its own.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._asked: OrderedDict[Hashable, _Asked] = OrderedDict()
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._worker: Thread | None = None

    def ask(self, key: Hashable, make: Callable[[], Any]) -> "Future[Any]":
        """The answer to a question, which is begun if nobody has asked it lately.

        Args:
            key: what makes two questions the same.
            make: the answer.

        Raises:
            StoreUnavailable: if too many others wait.
        """
        with self._lock:
            now = self._clock()
            for each in list(self._asked):
                asked = self._asked[each]
                if asked.future.done():
                    asked.done_at = asked.done_at or now
                    if now - asked.done_at > _KEPT_S:
                        del self._asked[each]
            if key in self._asked:
                self._asked.move_to_end(key)
                return self._asked[key].future
            if sum(not each.future.done() for each in self._asked.values()) >= _WAITING:
                raise StoreUnavailable(
                    f"{_WAITING} others wait for advice already. Try again in a minute."
                )
            if self._worker is None:
                # A service that ends does not wait for it.
                self._worker = Thread(target=self._work, name="advice", daemon=True)
                self._worker.start()
            future: Future[Any] = Future()
            self._queue.put((future, make))
            self._asked[key] = _Asked(future)
            while len(self._asked) > _MOST:
                self._asked.popitem(last=False)
            return future

    def forget(self, key: Hashable) -> None:
        """Has a question answered anew when it is asked next."""
        with self._lock:
            self._asked.pop(key, None)

    def close(self) -> None:
        """Waits for nothing: what is being made is not needed any more."""
        with self._lock:
            for each in self._asked.values():
                each.future.cancel()
        self._queue.put(None)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            future, make = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
