"""Watches for traces that have ended, and scores whether they did what they were for."""

from collections.abc import Callable
from typing import Final

from spanglass_collector.watching import Watcher
from spanglass_detectors.quality.task_success import task_success
from spanglass_store.client import Store
from spanglass_store.queries import job_results, outcomes
from spanglass_store.queries.job_spans import Window, first_arrival, horizon
from spanglass_store.state.jobs import JobBook, now_us

#: Its name among the jobs, and the score's.
JOB: Final = "task_success"
VERSION: Final = "1"
#: Seconds between two looks.
_EVERY_S: Final = 5.0
#: Microseconds for which the rest of a trace is waited for.
_SETTLES_US: Final = 15 * 10**6
#: How far back the first look goes, and how much time is looked at together, in microseconds.
_FIRST_US: Final = 3600 * 10**6
_LONGEST_US: Final = 60 * 10**6
#: Traces that are looked at together.
_TOGETHER: Final = 200
_MOST: Final = 100_000


class OutcomeScorer(Watcher):
    """A thread that writes `task_success` for the root of each trace that called a model or a tool.

    A trace is looked at when it has come, again when something of it comes late, and again when the
    user says something next in its conversation. Each look replaces the score of the one before.

    Args:
        store: as the owner.
        book: of jobs; its lease says which collector does it.
        stored: how many spans (and anything else) this process has stored; None where it stores
            none.
    """

    def __init__(
        self, store: Store, book: JobBook, stored: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        super().__init__(JOB, _EVERY_S, store, book, stored)

    def _pass(self) -> bool:
        until = horizon(self._store)
        settled = until - _SETTLES_US
        state = self._acquire(lambda: settled - _FIRST_US)
        if state is None:
            return False
        while state.watermark < settled and not self._stop.is_set():
            first, count = first_arrival(
                self._store, Window("ingested_at", state.watermark, settled)
            )
            if not count:
                state.watermark = settled
                break
            begin = max(state.watermark, first - 1)
            end = min(settled, begin + _LONGEST_US)
            keys = outcomes.arrived(self._store, Window("ingested_at", begin, end), _MOST)
            for at in range(0, len(keys), _TOGETHER):
                self._score(keys[at : at + _TOGETHER])
            state.watermark = end
            self._book.save(state, self._owner)
        self._book.save(state, self._owner)
        self.counts.lag_s = max(0.0, (now_us() - state.watermark) / 1e6)
        # What came a moment ago has not settled yet.
        _, waiting = first_arrival(self._store, Window("ingested_at", settled, until))
        return not waiting

    def _score(self, keys: list[outcomes.TraceKey]) -> None:
        judged = []
        for told in outcomes.courses(self._store, keys):
            outcome = task_success(told.course)
            if outcome is None:
                continue
            result = {
                "kind": "score",
                "name": JOB,
                "value": round(outcome.value, 4),
                "label": outcome.label,
                "explanation": "\n".join(outcome.reasons),
                "metadata": {"rules": ", ".join(outcome.kinds)} if outcome.kinds else {},
            }
            judged.append((told.span, [result]))
        job_results.add_results(self._store, JOB, VERSION, judged)
        self.counts.spans += len(keys)
        self.counts.results += len(judged)
