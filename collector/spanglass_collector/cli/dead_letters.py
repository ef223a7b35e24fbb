"""`spanglass dead-letters`: what ClickHouse refused, and its second chance."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url, find_service
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.pipeline import Queue
from spanglass_collector.ingest.replay import DeadLetterDesk, shown
from spanglass_collector.ingest.signals import SIGNALS
from spanglass_store.data_directory import DataDirectory

app = typer.Typer(help="Spans that ClickHouse refused for ever.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="dead-letters")


_PATH = "/api/v1/dead-letters"
#: Names in one request.
_AT_ONCE = 10_000


@app.command("list")
def list_(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows what was refused, and why.

    spanglass dead-letters list
    """
    service, settings = find_service(data_dir, url, key)
    columns = ("name", "at", "signal", "items", "reason")
    if service is not None:
        rows = [tuple(item[name] for name in columns) for item in _items(service)]
    else:
        letters = DeadLetters(settings.data_dir / "dead-letters").list()
        rows = [(each.name, each.at, each.signal, each.items, each.reason) for each in letters]
    print_table(columns, rows, whole=("name", "at"))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `spanglass dead-letters list` shows it.")],
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Prints one with its content, in OTLP's JSON.

    spanglass dead-letters show 20260102T030405-traces-000000000042-1
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        letter = service.request("GET", f"{_PATH}/{quote(name, safe='')}").json()
        reason, content = letter["reason"], letter["request"]
    else:
        found, content = shown(DeadLetters(settings.data_dir / "dead-letters"), name)
        reason = found.reason
    errors.print(reason, highlight=False, markup=False, soft_wrap=True)
    print(json.dumps(content, ensure_ascii=False, indent=2))


@app.command()
def replay(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all unless given.")] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Puts what was refused back into the spool, from where the service stores it.

    spanglass dead-letters replay
    spanglass dead-letters replay 20260102T030405-traces-000000000042-1
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        body = {"names": names or []}
        replayed = service.request("POST", f"{_PATH}/replay", json=body).json()["items"]
    else:
        with _desk(settings.data_dir) as desk:
            replayed = desk.replay(names or ())
    for name, items in replayed.items():
        console.print(f"{name}: {items} items are in the spool again", highlight=False)
    if not replayed:
        errors.print("There are no dead letters.")
    elif service is None:
        errors.print("They are stored when the service runs again.")


@app.command()
def discard(
    names: Annotated[list[str] | None, typer.Argument(help="Which.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Deletes what was refused for good, and makes room for others.

    spanglass dead-letters discard 20260102T030405-traces-000000000042-1
    spanglass dead-letters discard --all
    """
    if bool(names) == everything:
        raise typer.BadParameter(
            "Name some, as `spanglass dead-letters list` shows them, or --all."
        )
    service, settings = find_service(data_dir, url, key)
    discarded: dict[str, int] = {}
    if service is not None:
        wanted = names or [str(item["name"]) for item in _items(service)]
        for begin in range(0, len(wanted), _AT_ONCE):
            body = {"names": wanted[begin : begin + _AT_ONCE]}
            discarded |= service.request("POST", f"{_PATH}/discard", json=body).json()["items"]
    else:
        with _desk(settings.data_dir) as desk:
            discarded = desk.discard(names or [letter.name for letter in desk.list()])
    console.print(
        f"{len(discarded)} dead letters with {sum(discarded.values())} items are gone",
        highlight=False,
    )


def _items(service: Service) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = service.request("GET", _PATH, params={"limit": 1000, "cursor": cursor}).json()
        yield from page["items"]
        cursor = page["next"]
        if not cursor:
            return


@contextlib.contextmanager
def _desk(data_dir: Path) -> Iterator[DeadLetterDesk]:
    """The dead letters of a data directory whose service does not run."""
    with DataDirectory(data_dir) as directory:
        letters = DeadLetters(directory.dead_letters)
        queues = {signal.name: Queue(directory, signal, letters) for signal in SIGNALS}
        try:
            yield DeadLetterDesk(letters, queues)
        finally:
            for queue in queues.values():
                queue.close()
