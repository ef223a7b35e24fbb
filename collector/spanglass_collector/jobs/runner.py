"""One job: judges what has come since, and old windows that it is asked for.

After each page of spans the results are written, then the place; a run that is cut off in between
judges that page again and writes the same rows.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from spanglass_collector.jobs.config import JobSettings
from spanglass_collector.jobs.sandbox import About, Sandbox, Verdict, batches
from spanglass_collector.jobs.tally import Progress, Run
from spanglass_store.client import Store
from spanglass_store.queries import job_results, job_spans
from spanglass_store.queries.job_results import Failure
from spanglass_store.queries.job_spans import Key, SpanReader, Window
from spanglass_store.state.jobs import Backfill, JobBook, JobState, moment, now_us

log = logging.getLogger(__name__)

_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _US
#: Keys of spans that are read at once.
_KEYS: Final = 20_000
#: Most spans of a page, and seconds that judging one should take.
_PAGE: Final = 2_000
_PAGE_S: Final = 10.0
#: A live window is at most so long, so that what is new does not wait for all that is old.
_LONGEST_US: Final = 600 * _US
#: A run's row is of an hour at most.
_LONGEST_RUN_US: Final = 3600 * _US
#: Seconds after which a span that failed is tried again, by attempt.
_AGAIN_S: Final = (60.0, 600.0)
_FAILURES: Final = 200
#: Seconds that spans wait, while inserts are behind, until they are judged all the same; half of
#: what they may take to be judged. Also the longest wait of a page of old spans.
PATIENCE_S: Final = 15.0
_LOOK_S: Final = 0.2
#: How often a run's row is written while it goes on, in seconds.
_WRITE_RUN_S: Final = 15.0


def last_hour(hour: int, now: int) -> int:
    """When it was last that hour of the day, UTC, in microseconds since 1970.

    Args:
        hour: from 0 to 23.
        now: in microseconds since 1970.
    """
    shift = hour * 3600 * _US
    return (now - shift) // _DAY_US * _DAY_US + shift


class Runner:
    """Runs one job. Not for several threads.

    Args:
        name: of the job.
        settings: its own.
        store: as the owner.
        book: where places are remembered.
        sandbox: where the detector is.
        owner: who holds the lease.
        is_stopping: whether to end after the page at hand.
        report: called after each page.
        is_busy: whether inserts are behind: they need the processor and the store more.
    """

    def __init__(
        self,
        name: str,
        settings: JobSettings,
        store: Store,
        book: JobBook,
        sandbox: Sandbox,
        owner: str,
        is_stopping: Callable[[], bool] = lambda: False,
        report: Callable[[Progress], None] = lambda progress: None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._settings = settings
        self._store = store
        self._book = book
        self._sandbox = sandbox
        self._owner = owner
        self._is_stopping = is_stopping
        self._report = report
        self._is_busy = is_busy
        self._state = JobState(name, 0)
        #: Until when another collector holds the job's lease, in microseconds since 1970.
        self.held_until = 0
        self._run: Run | None = None
        self._run_written = 0.0
        self._speed = 0.0

    # -- what is done --------------------------------------------------------------------------

    def attend(self) -> bool:
        """Judges what has come since, as far as the budget allows; whether anything had.

        Raises:
            DetectorFailed: if the detector can't be started.
            LeaseLost: if somebody else has taken the job over.
            StoreError: if the store can't; the next call goes on from there.
        """
        began = now_us() - int(self._settings.look_back_s * _US)
        state = self._book.acquire(self.name, self._owner, began)
        if state is None:
            held = self._book.states().get(self.name)
            self.held_until = held.lease_until + _US if held is not None else now_us() + _US
            return False
        self.held_until = 0
        self._state = state
        if self._is_over_budget():
            self._tell(is_over_budget=True)
            return False
        was_found = False
        while (window := self._next_window()) is not None and not self._is_stopping():
            was_found = True
            if not self._judge_window(window):
                break
        if state.retry_at and state.retry_at <= now_us() and not self._is_over_budget():
            self._try_again()
        self._tell(is_over_budget=self._is_over_budget())
        return was_found

    def backfill(self, asked: Backfill) -> None:
        """Judges an old window, as far as the budget allows.

        Raises:
            The same as `attend`.
        """
        state = self._book.acquire(self.name, self._owner, now_us())
        if state is None:
            return
        self._state = state
        asked.state = "running"
        run = Run(job=self.name, kind="backfill", window_start=asked.start, window_end=asked.end)
        live, self._run = self._run, run
        hour = 3600 * _US
        try:
            while asked.done_until < asked.end and not self._is_stopping():
                if self._is_over_budget():
                    self._tell(is_over_budget=True)
                    return
                end = min(asked.end, (asked.done_until // hour + 1) * hour)
                end = self._skip_empty(asked.done_until, end, asked.end)
                window = Window("start_time", asked.done_until, end)

                def keep(cursor: str, spans: int) -> None:
                    asked.cursor = cursor
                    asked.spans += spans
                    self._book.save_backfill(asked)

                if not self._judge_pages(window, asked.cursor, keep):
                    return
                asked.done_until, asked.cursor = end, ""
                self._book.save_backfill(asked)
            if asked.done_until >= asked.end:
                asked.state = "done"
                self._book.save_backfill(asked)
                run.state = "done"
        finally:
            self._write_run(is_last=True)
            self._run = live

    def close(self, error: str = "") -> None:
        """Ends the run at hand, and the detector's process."""
        if self._run is not None:
            self._run.state = "failed" if error else "done"
            self._run.error = error[:1_000]
            self._write_run(is_last=True)
        self._run = None
        self._sandbox.stop()

    @property
    def wake_at(self) -> int:
        """When there is something to do if nothing comes, in microseconds since 1970; 0 for never.

        That is when a span that failed is due again, when the budget is filled up again, at the
        job's hour of the day, or when the lease of another collector ends, should that one have
        died.
        """
        if self.held_until:
            return self.held_until
        times = [self._state.retry_at] if self._state.retry_at else []
        if self._is_over_budget():
            times.append((int(time.time()) // 3600 + 1) * 3600 * _US)
        if self._settings.at_hour is not None:
            times.append(last_hour(self._settings.at_hour, now_us()) + _DAY_US)
        return min(times, default=0)

    # -- windows -------------------------------------------------------------------------------

    def _next_window(self) -> Window | None:
        """The window that was begun, or the next one in which there is something."""
        state = self._state
        if state.window_end:
            return Window("ingested_at", state.watermark, state.window_end)
        until = job_spans.horizon(self._store)
        if self._settings.at_hour is not None:
            until = min(until, last_hour(self._settings.at_hour, until))
        if until <= state.watermark:
            return None
        first, count = job_spans.first_arrival(
            self._store, Window("ingested_at", state.watermark, until)
        )
        if not count:
            # Written down now and then: nothing is lost if it is not.
            if until - state.watermark > 60 * _US:
                state.watermark = until
                self._book.save(state, self._owner)
            state.watermark = until
            return None
        state.watermark = max(state.watermark, first - 1)
        state.window_end = min(until, first + _LONGEST_US)
        self._book.save(state, self._owner)
        return Window("ingested_at", state.watermark, state.window_end)

    def _skip_empty(self, start: int, end: int, last: int) -> int:
        """The end of a window that begins at `start`, with as many empty hours as there are."""
        while end < last:
            _, count = job_spans.first_arrival(self._store, Window("start_time", start, end))
            if count:
                return end
            end = min(last, end + 2 * (end - start))
        return end

    def _judge_window(self, window: Window) -> bool:
        """Judges a live window; whether it is finished."""
        state = self._state
        if self._run is not None and now_us() - self._run.started_at > _LONGEST_RUN_US:
            self._run.state = "done"
            self._write_run(is_last=True)
            self._run = None
        if self._run is None:
            self._run = Run(job=self.name, kind="live", window_start=window.start)
        self._run.window_end = window.end

        def keep(cursor: str, _: int) -> None:
            state.cursor = cursor
            self._book.save(state, self._owner)

        if not self._judge_pages(window, state.cursor, keep):
            return False
        state.watermark, state.window_end, state.cursor = window.end, 0, ""
        self._book.save(state, self._owner)
        return True

    # -- pages ---------------------------------------------------------------------------------

    def _judge_pages(self, window: Window, cursor: str, keep: Callable[[str, int], None]) -> bool:
        """Judges a window's spans page by page; whether all are.

        Args:
            window: which spans.
            cursor: behind which key.
            keep: called with the new cursor and the number of spans after each page.
        """
        self._let_inserts_pass(window)
        about = self._sandbox.start()
        reader = self._reader(about)
        while True:
            keys = reader.keys(window, cursor, _KEYS)
            at = 0
            while at < len(keys):
                self._let_inserts_pass(window)
                if self._is_stopping() or self._is_over_budget():
                    return False
                page = keys[at : at + self._page_size(about)]
                count = self._judge_page(about, reader.lines(window, cursor, page[-1]), window)
                cursor = page[-1].text()
                at += len(page)
                keep(cursor, count)
            if len(keys) < _KEYS:
                return True

    def _let_inserts_pass(self, window: Window) -> None:
        """Waits while inserts are behind, but not until what came is late."""
        came = window.start / 1e6 if window.column == "ingested_at" else time.time()
        while self._is_busy() and time.time() - came < PATIENCE_S and not self._is_stopping():
            time.sleep(_LOOK_S)

    def _reader(self, about: About) -> SpanReader:
        which = self._settings.filter(about.operations)
        return SpanReader(self._store, about.columns, which)

    def _page_size(self, about: About) -> int:
        """As many spans as take some seconds, by what the last ones took."""
        if not self._speed:
            return max(about.batch, 100)
        return max(about.batch, min(_PAGE, int(self._speed * _PAGE_S)))

    def _judge_page(
        self, about: About, lines: Iterable[bytes], window: Window, attempts: int = 0
    ) -> int:
        """Judges a page and writes what was found; how many spans it had."""
        began = time.monotonic()
        judged: list[tuple[dict[str, Any], Sequence[dict[str, Any]]]] = []
        failures: list[Failure] = []
        count = 0
        for batch in batches(lines):
            for line, verdict in zip(batch, self._sandbox.judge(batch), strict=True):
                count += 1
                self._sort(line, verdict, attempts, judged, failures)
        seconds = time.monotonic() - began
        job_results.add_results(self._store, self.name, about.version, judged)
        job_results.add_failures(self._store, self.name, about.version, failures)
        self._account(about, count, judged, failures, seconds, window)
        return count

    def _sort(
        self, line: bytes, verdict: Verdict, attempts: int,
        judged: list[tuple[dict[str, Any], Sequence[dict[str, Any]]]], failures: list[Failure],
    ) -> None:  # fmt: skip
        if verdict.results is None:
            failures.append(Failure(json.loads(line), verdict.reason, attempts + 1))
            return
        if verdict.results or attempts:
            row = json.loads(line)
            if verdict.results:
                judged.append((row, verdict.results))
            if attempts:
                failures.append(Failure(row, "", attempts + 1, resolved=True))

    def _account(
        self, about: About, count: int, judged: Sequence[tuple[Any, Sequence[dict[str, Any]]]],
        failures: Sequence[Failure], seconds: float, window: Window,
    ) -> None:  # fmt: skip
        if count:
            self._speed = count / max(seconds, 1e-3)
        results = sum(len(found) for _, found in judged)
        cost = sum(each.get("cost_usd", 0.0) for _, found in judged for each in found)
        failed = [each for each in failures if not each.resolved]
        state = self._state
        state.spent_s += seconds
        state.spent_usd += cost
        state.error = ""
        if failed:
            wait = _AGAIN_S[0] * _US
            state.retry_at = min(state.retry_at or (1 << 62), now_us() + int(wait))
            # Not why: a reason can quote what a span says.
            log.warning("%s could not judge %d spans: see job_failures", self.name, len(failed))
        done: dict[str, Any] = {
            "spans": count, "results": results, "failures": len(failed), "seconds": seconds,
            "cost_usd": cost,
        }  # fmt: skip
        lag = max(0.0, (now_us() - window.start) / 1e6) if window.column == "ingested_at" else 0.0
        if self._run is not None:
            run = self._run
            run.version, run.lag_s = about.version, lag
            run.add(done)
            self._write_run()
        self._report(Progress(job=self.name, lag_s=lag, **done))

    def _try_again(self) -> None:
        """Judges spans anew that failed a while ago."""
        about = self._sandbox.start()
        found = job_results.open_failures(
            self._store, self.name, about.version, len(_AGAIN_S) + 1, _FAILURES
        )
        now = moment(now_us())
        due: dict[int, list[Key]] = {}
        waiting: list[float] = []
        for key, attempts, at in found:
            left = (at + timedelta(seconds=_AGAIN_S[attempts - 1]) - now).total_seconds()
            if left > 0:
                waiting.append(left)
            else:
                due.setdefault(attempts, []).append(key)
        reader = self._reader(about)
        window = Window("start_time", 0, 0)
        self._state.retry_at = 0
        for attempts, keys in due.items():
            self._judge_page(about, reader.of(keys), window, attempts)
        if waiting:
            again = now_us() + int(min(waiting) * _US)
            self._state.retry_at = min(self._state.retry_at or again, again)
        self._book.save(self._state, self._owner)

    # -- budget and reports --------------------------------------------------------------------

    def _is_over_budget(self) -> bool:
        state, settings = self._state, self._settings
        hour, day = int(time.time() // 3600), int(time.time() // 86_400)
        if state.spent_hour != hour:
            state.spent_hour, state.spent_s = hour, 0.0
        if state.spent_day != day:
            state.spent_day, state.spent_usd = day, 0.0
        return (
            settings.budget_s_per_hour is not None and state.spent_s >= settings.budget_s_per_hour
        ) or (
            settings.budget_usd_per_day is not None
            and state.spent_usd >= settings.budget_usd_per_day
        )

    def _tell(self, *, is_over_budget: bool = False) -> None:
        state = self._state
        lag = (now_us() - state.watermark) / 1e6 if state.window_end or is_over_budget else 0.0
        self._report(Progress(job=self.name, lag_s=max(0.0, lag), is_over_budget=is_over_budget))

    def _write_run(self, *, is_last: bool = False) -> None:
        if self._run is None or not (self._run.spans or is_last):
            return
        now = time.monotonic()
        if is_last or now - self._run_written > _WRITE_RUN_S:
            self._run_written = now
            job_results.write_run(self._store, self._run.row())
