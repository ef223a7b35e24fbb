"""`spanglass migrate`: brings a database to this version's schema."""

import typer

from spanglass_collector.cli.output import console
from spanglass_collector.cli.remote import DataDir
from spanglass_collector.opening import open_store
from spanglass_collector.settings import load
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.migrate import applied, migrate


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("migrate")(run)


def run(data_dir: DataDir = None, clickhouse: str = typer.Option("", help="As for serve.")) -> None:
    """Brings the database to this version's schema. `serve` does it, too, when it starts.

    spanglass migrate
    spanglass migrate --clickhouse https://user:password@host:8443/spanglass
    """
    settings = load({"data_dir": data_dir, "clickhouse": clickhouse or None})
    with (
        DataDirectory(settings.data_dir) as directory,
        open_store(settings, directory) as (
            endpoint,
            _,
        ),
    ):
        store = Store(endpoint)
        store.check()
        done = migrate(store)
        have = applied(store)
        store.close()
    for migration in done:
        console.print(f"applied {migration.name}", highlight=False)
    console.print(f"The schema is at {max(have)} of {max(have)}.", highlight=False)
