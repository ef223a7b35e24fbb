"""`spanglass detect`: jobs that judge spans."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.detect_drift import drift
from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Service,
    Url,
    find_service,
    opened_state,
    opened_store,
)
from spanglass_collector.jobs.desk import JobDesk
from spanglass_collector.jobs.registry import offered
from spanglass_collector.jobs.runner import Runner
from spanglass_collector.jobs.sandbox import DetectorFailed, Sandbox
from spanglass_collector.jobs.tally import Progress
from spanglass_collector.jobs.worker import job_options
from spanglass_collector.settings import Settings
from spanglass_store.data_directory import DataDirectory
from spanglass_store.errors import StoreError
from spanglass_store.state.jobs import JobBook

app = typer.Typer(
    help="Jobs that judge spans: quality, safety, personal data and your own detectors; drift.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="detect")


_PATH: Final = "/api/v1/jobs"
_POLL_S: Final = 0.3
_STATUS: Final = (
    "job", "detector", "on", "running", "judged until", "seconds this hour", "usd today",
    "tried again",
)  # fmt: skip
_BACKFILLS: Final = ("id", "job", "start", "end", "done until", "state", "spans", "error")
_WHEN: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

app.command("drift")(drift)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """Shows every job of the settings, and detectors that are installed and have none.

    spanglass detect list
    """
    _, settings = find_service(data_dir, "", "")
    jobs = settings.jobs
    places = offered()
    rows = [
        (
            name, "yes" if job.enabled else "no", job.detector, places.get(job.detector, ""),
            job.where, f"{job.sample:g}", f"{job.interval_s:g} s",
        )
        for name, job in jobs.items()
    ]  # fmt: skip
    used = {job.detector for job in jobs.values()}
    rows += [
        (name, "no", name, place, "", "", "") for name, place in places.items() if name not in used
    ]
    print_table(("job", "on", "detector", "from", "where", "sample", "every"), rows, whole=("job",))


@app.command()
def status(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows how far jobs are, and the last old windows that were asked for.

    spanglass detect status
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        jobs = service.request("GET", _PATH).json()
        windows = service.request("GET", f"{_PATH}/backfills").json()
    else:
        with _book(settings) as book:
            desk = JobDesk(settings.jobs, book)
            jobs = [vars(each) for each in desk.status()]
            windows = [vars(each) for each in desk.backfills()]
    print_table(
        _STATUS,
        [
            (
                each["job"], each["detector"], "yes" if each["is_enabled"] else "no",
                "yes" if each["is_running"] else "no", _shown(each["judged_until"]),
                round(each["seconds_this_hour"], 1), round(each["cost_usd_today"], 4),
                _shown(each["retry_at"]),
            )
            for each in jobs
        ],
        whole=("job",),
    )  # fmt: skip
    if windows:
        console.print()
        names = ("id", "job", "start", "end", "done_until", "state", "spans", "error")
        print_table(_BACKFILLS, [[_shown(each[name]) for name in names] for each in windows[:10]])


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="As `spanglass detect list` shows it.")],
    start: Annotated[
        datetime | None,
        typer.Option(formats=_WHEN, help="First moment, UTC. [default: a day ago]"),
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=_WHEN, help="Last moment, UTC. [default: now]")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Judges spans that began in a window, whether they were judged before or not.

    spanglass detect run pii
    spanglass detect run pii --start 2026-01-01 --end 2026-02-01
    """
    until = end.replace(tzinfo=UTC) if end else datetime.now(UTC)
    since = start.replace(tzinfo=UTC) if start else until - timedelta(days=1)
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        body = {"start": since.isoformat(), "end": until.isoformat()}
        asked = service.request("POST", f"{_PATH}/{job}/backfills", json=body).json()
        if not wait:
            errors.print(f"{job} judges them; `spanglass detect status` shows how far it is.")
            return
        spans = _await(service, asked["id"])
    else:
        spans = _run_here(settings, job, since, until)
    console.print(f"{spans} spans were judged.", highlight=False)


def _await(service: Service, asked: str) -> int:
    shown = 0
    while True:
        windows = service.request("GET", f"{_PATH}/backfills").json()
        (window,) = [each for each in windows if each["id"] == asked] or [None]
        if window is None:
            raise StoreError("The service does not know that window any more.")
        if window["state"] == "done":
            return int(window["spans"])
        if window["state"] == "failed":
            raise StoreError(window["error"])
        if window["spans"] > shown:
            shown = window["spans"]
            errors.print(f"{_shown(window['done_until'])}: {shown} spans", highlight=False)
        time.sleep(_POLL_S)


def _run_here(settings: Settings, job: str, since: datetime, until: datetime) -> int:
    """Runs a job over a window where no service runs."""
    with opened_store(settings) as store, _book(settings) as book:
        asked = JobDesk(settings.jobs, book).request(job, since, until)
        found = settings.jobs[job]
        sandbox = Sandbox(
            found,
            job_options(found, book, str(DataDirectory(settings.data_dir).models)),
            Path.cwd(),
        )
        reason: list[str] = []

        def tell(progress: Progress) -> None:
            if progress.failures:
                reason.append(f"{progress.failures} spans could not be judged")

        runner = Runner(job, found, store, book, sandbox, "command", report=tell)
        try:
            runner.backfill(asked)
        except DetectorFailed as error:
            asked.state, asked.error = "failed", str(error)
            book.save_backfill(asked)
            raise StoreError(str(error)) from error
        finally:
            runner.close()
            book.release("command")
        if asked.state != "done":
            raise StoreError("The job's budget is used up; ask again later.")
        for each in dict.fromkeys(reason):
            errors.print(f"{each}: see the table job_failures.", highlight=False)
        return asked.spans


@contextlib.contextmanager
def _book(settings: Settings) -> Iterator[JobBook]:
    """The jobs of a data directory, or of the state database that the settings name."""
    with opened_state(settings) as database:
        yield JobBook(database)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str) and value[10:11] == "T":
        return value[:19].replace("T", " ")
    return "" if value is None else value
