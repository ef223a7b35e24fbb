"""`spanglass dead-letters`: what ClickHouse refused, and its second chance."""

from typing import Annotated

import typer

from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import DataDir
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCE_SPANS
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.spool import Spool, SpoolFull
from spanglass_collector.settings import load
from spanglass_store.data_directory import DataDirectory
from spanglass_store.errors import StoreError

app = typer.Typer(help="Spans that ClickHouse refused for ever.", no_args_is_help=True)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """Shows what was refused, and why.

    spanglass dead-letters list
    """
    settings = load({"data_dir": data_dir})
    folder = settings.data_dir / "dead-letters"
    letters = DeadLetters(folder).list() if folder.is_dir() else []
    print_table(
        ("name", "at", "spans", "reason"),
        [(each.name, each.at, each.spans, each.reason) for each in letters],
        whole=("name", "at"),
    )


@app.command()
def replay(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all unless given.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Puts refused spans back into the spool; the service stores them when it starts again.

    spanglass dead-letters replay
    spanglass dead-letters replay 20260102T030405-000000000042-1
    """
    settings = load({"data_dir": data_dir})
    with DataDirectory(settings.data_dir) as directory:
        letters = DeadLetters(directory.dead_letters)
        wanted = _chosen(letters, names)
        ledger = Ledger(directory.path / "ledger.json")
        finished = ledger.finished
        spool = Spool(directory.spool, None, ledger.spooled, finished)
        ledger.forget(*finished)
        try:
            for name, spans in wanted.items():
                parts = [
                    wire.field(RESOURCE_SPANS, content)
                    for content in wire.messages(letters.body(name), RESOURCE_SPANS)
                ]
                try:
                    spool.append(parts, spans).result()
                except SpoolFull as full:
                    raise StoreError(f"{name} stays a dead letter: {full}. Make room.") from full
                ledger.revived(spans)
                letters.remove(name)
                console.print(f"{name}: {spans} spans are in the spool again", highlight=False)
        finally:
            spool.close()
            ledger.close()
    if not wanted:
        errors.print("There are no dead letters.")


def _chosen(letters: DeadLetters, names: list[str] | None) -> dict[str, int]:
    found = {letter.name: letter.spans for letter in letters.list()}
    for name in names or ():
        if name not in found:
            raise StoreError(
                f"There is no dead letter {name!r}. `spanglass dead-letters list` shows the names."
            )
    return {name: spans for name, spans in found.items() if not names or name in names}
