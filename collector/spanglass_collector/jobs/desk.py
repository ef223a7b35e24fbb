"""What people can ask of jobs: how they stand, and to judge an old window."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from spanglass_collector.jobs.config import JobSettings
from spanglass_store.errors import StoreError, Unknown
from spanglass_store.state.jobs import Backfill, JobBook, JobState, moment, now_us


@dataclass(frozen=True)
class JobStatus:
    """How a job stands.

    Attributes:
        judged_until: everything that came until then is judged; None before the first run.
        is_running: whether a process holds its lease.
        seconds_this_hour: that judging took, for the budget.
        cost_usd_today: that judging took.
    """

    job: str
    detector: str
    is_enabled: bool
    sample: float
    where: str
    judged_until: datetime | None
    is_running: bool
    seconds_this_hour: float
    cost_usd_today: float
    retry_at: datetime | None


class JobDesk:
    """Asks and answers.

    Args:
        jobs: their settings, by name.
        book: where places are remembered.
        wake: called when there is something to do.
    """

    def __init__(
        self, jobs: dict[str, JobSettings], book: JobBook, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._jobs = jobs
        self._book = book
        self._wake = wake

    def status(self) -> list[JobStatus]:
        """Every job, in the settings' order."""
        states = self._book.states()
        return [_status(name, job, states.get(name)) for name, job in self._jobs.items()]

    def backfills(self, job: str = "") -> list[Backfill]:
        """Old windows that were asked for, the latest first."""
        return self._book.backfills(job)

    def request(self, job: str, start: datetime, end: datetime) -> Backfill:
        """Asks that a job judges what began in a window, whether it has been judged or not.

        Raises:
            Unknown: if there is no such job.
            StoreError: if the job is off, or the window is none.
        """
        settings = self._jobs.get(job)
        if settings is None:
            raise Unknown(f"There is no job {job!r}. `spanglass detect list` shows them.")
        if not settings.enabled:
            raise StoreError(f"The job {job!r} is off. Set enabled = true in [detect.{job}].")
        if start >= end:
            raise StoreError("The window ends before it begins.")
        asked = self._book.request(job, _us(start), min(_us(end), now_us()))
        self._wake()
        return asked


def _us(when: datetime) -> int:
    return int(when.timestamp() * 1_000_000)


def _status(name: str, job: JobSettings, state: JobState | None) -> JobStatus:
    hour, day = int(time.time() // 3600), int(time.time() // 86_400)
    return JobStatus(
        job=name,
        detector=job.detector,
        is_enabled=job.enabled,
        sample=job.sample,
        where=job.where,
        judged_until=moment(state.watermark) if state else None,
        is_running=bool(state and state.owner and state.lease_until > now_us()),
        seconds_this_hour=state.spent_s if state and state.spent_hour == hour else 0.0,
        cost_usd_today=state.spent_usd if state and state.spent_day == day else 0.0,
        retry_at=moment(state.retry_at) if state and state.retry_at else None,
    )
