"""`spanglass restore`: brings a backup back into an empty data directory."""

from pathlib import Path
from typing import Annotated

import typer

from spanglass_collector.cli.output import errors
from spanglass_collector.cli.remote import DataDir
from spanglass_store.errors import StoreError


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("restore")(restore)


def restore(
    folder: Annotated[Path, typer.Argument(help="Of the backup: `spanglass backup` prints it.")],
    data_dir: DataDir = None,
) -> None:
    """Restores a backup into a data directory that is empty, or not there yet.

    If it is cut off, the same command begins anew. Start the service when it has ended.

    spanglass restore /backups/20260102T030405 --data-dir /var/lib/spanglass
    """
    if data_dir is None:
        raise StoreError("Name the folder that it is to go to: --data-dir.")
    from spanglass_collector.backups.restore import restore as bring_back

    done = bring_back(folder, data_dir)
    rows = sum(done.backup.rows.values())
    errors.print(f"{rows:,} rows are back in {data_dir}.", highlight=False, soft_wrap=True)
    for name in done.migrated:
        errors.print(f"applied {name}", highlight=False)
    if not done.backup.has_state:
        errors.print("The state database was not in it: name it with --state.", highlight=False)
    if done.backup.purges_since:
        purges = ", ".join(done.backup.purges_since)
        errors.print(
            f"Since this backup began, data was erased: {purges}. It is back. Erase it again:"
            " whom a purge was about stands in its receipt.",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
