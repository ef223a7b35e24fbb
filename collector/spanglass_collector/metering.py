"""Watches for calls of models on boards that are read, and has their energy written down."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from spanglass_collector.watching import Watcher
from spanglass_store import request_energy
from spanglass_store.client import Store
from spanglass_store.queries.energy import CHUNK
from spanglass_store.queries.job_spans import horizon
from spanglass_store.request_energy import Chunk
from spanglass_store.state.jobs import JobBook, now_us

#: Its name among the jobs.
JOB: Final = "energy"
#: Seconds between two looks.
_EVERY_S: Final = 5.0
#: Seconds after ten minutes have ended in which what belongs to them is waited for.
_SETTLES_S: Final = 60.0
#: What came before its first start is looked at as far back, in microseconds.
_FIRST_US: Final = 86_400 * 10**6
#: Chunks that are looked at together.
_TOGETHER: Final = 3


class EnergyMeter(Watcher):
    """A thread that writes the measured energy of calls into their spans.

    Ten minutes are looked at once they have ended, and again when something comes late. Where no
    board is read it asks the store nothing but whether that has changed.

    Args:
        store: as the owner.
        book: of jobs; its lease says which collector does it.
        stored: how many spans and data points this process has stored; None where it stores none.
        clock: the present, in seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        book: JobBook,
        stored: Callable[[], tuple[int, int]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(JOB, _EVERY_S, store, book, stored)
        self._clock = clock

    def _pass(self) -> bool:
        until = horizon(self._store)
        state = self._acquire(lambda: until - _FIRST_US)
        if state is None:
            return False
        waiting = _read(state.cursor)
        if projects := request_energy.measured_projects(self._store):
            waiting |= request_energy.arrived(self._store, state.watermark, until, projects)
        now = self._clock()
        for project, first, last in _runs(
            each for each in waiting if (each[1] + 1) * CHUNK + _SETTLES_S <= now
        ):
            if self._stop.is_set():
                return False
            self.counts.results += request_energy.fill(self._store, project, first, last)
            waiting -= {(project, n) for n in range(first, last + 1)}
            state.cursor = _written(waiting)
            self._book.save(state, self._owner)
        state.watermark, state.cursor = until, _written(waiting)
        self._book.save(state, self._owner)
        self.counts.lag_s = max(0.0, (now_us() - until) / 1e6)
        return not waiting


def _runs(chunks: Iterable[Chunk]) -> Iterator[tuple[str, int, int]]:
    """Chunks that follow each other, a few together: project, first and last, inclusive."""
    run: tuple[str, int, int] | None = None
    for project, number in sorted(chunks):
        if run and (project, number) == (run[0], run[2] + 1) and number - run[1] < _TOGETHER:
            run = project, run[1], number
            continue
        if run:
            yield run
        run = project, number, number
    if run:
        yield run


def _read(cursor: str) -> set[Chunk]:
    return {(project, number) for project, number in json.loads(cursor)} if cursor else set()


def _written(chunks: Iterable[Chunk]) -> str:
    return json.dumps(sorted(chunks))
