"""`spanglass retention`: how long what is kept, by project."""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Url,
    find_service,
    opened_state,
    opened_store,
)
from spanglass_collector.settings import Settings
from spanglass_dashboards.api.retention import RetentionOut
from spanglass_store.errors import StoreError
from spanglass_store.retention.policy import LONGEST_DAYS
from spanglass_store.state.retention import RetentionBook

app = typer.Typer(help="How long what is kept, by project.", no_args_is_help=True)
_PATH: Final = "/api/v1/retention"
Days = Annotated[int | None, typer.Option(min=0, max=LONGEST_DAYS, show_default=False)]


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="retention")


@app.command("list")
def list_(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows how long what is kept: for all, and for single projects.

    spanglass retention list
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        found = [RetentionOut(**each) for each in service.request("GET", _PATH).json()["items"]]
    else:
        with _book(settings) as book:
            found = [
                RetentionOut.of("", book.default),
                *(RetentionOut.of(name, each) for name, each in book.all().items()),
            ]
    _print(found)


@app.command("set")
def set_(
    project: Annotated[str, typer.Argument(help="Whose.")],
    spans_days: Days = None,
    payload_days: Days = None,
    metrics_days: Days = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says how long a project's spans (and logs), payload and metrics are kept, in days.

    0 is for ever; for payload and metrics, as long as spans. Shorter counts for what is there, too,
    and it is deleted within a minute; longer counts for what comes.

    spanglass retention set shop --spans-days 90 --payload-days 7
    spanglass retention set shop --metrics-days 400
    """
    told = {"spans_days": spans_days, "payload_days": payload_days, "metrics_days": metrics_days}
    if all(each is None for each in told.values()):
        raise StoreError("Say how long: --spans-days, --payload-days or --metrics-days.")
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        answer = service.request("PUT", f"{_PATH}/{quote(project, safe='')}", json=told).json()
        _print([RetentionOut(**answer)])
        return
    with _book(settings) as book:
        _print([RetentionOut.of(project, book.put(project, **told))])


@app.command()
def unset(
    project: Annotated[str, typer.Argument(help="Of which.")],
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Forgets what was said of a project.

    spanglass retention unset shop
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        answer = service.request("DELETE", f"{_PATH}/{quote(project, safe='')}").json()
        _print([RetentionOut(**answer)])
        return
    with _book(settings) as book:
        _print([RetentionOut.of(project, book.delete(project))])


@app.command()
def sweep(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Deletes what is over now. The service does it by itself when a day begins (UTC).

    spanglass retention sweep
    """
    service, settings = find_service(data_dir, url, key)
    gone: list[dict[str, Any]]
    if service is not None:
        gone = service.request("POST", f"{_PATH}/sweep").json()["items"]
    else:
        from spanglass_collector.retention.keeper import RetentionKeeper

        with _book(settings) as book, opened_store(settings) as store:
            gone = [vars(each) for each in RetentionKeeper(store, book).sweep()]
    columns = ("table", "rows", "partitions", "emptied")
    print_table(columns, [tuple(each[name] for name in columns) for each in gone])
    if not gone:
        errors.print("Nothing was over.")


@contextlib.contextmanager
def _book(settings: Settings) -> Iterator[RetentionBook]:
    with opened_state(settings) as database:
        yield settings.retention_book(database)


def _print(items: list[RetentionOut]) -> None:
    def days(number: int, otherwise: str) -> str:
        return f"{number} day{'s' if number > 1 else ''}" if number else otherwise

    print_table(
        ("project", "spans, logs", "payload", "metrics"),
        [
            (
                each.project or "(all others)", days(each.spans_days, "for ever"),
                days(each.payload_days, "as spans"), days(each.metrics_days, "as spans"),
            )
            for each in items
        ],
    )  # fmt: skip
