"""Backups of a data directory whose service does not run."""

import contextlib
from collections.abc import Iterator

from spanglass_collector.backups.desk import BackupDesk
from spanglass_collector.ingest.alone import opened_parts
from spanglass_collector.settings import Settings
from spanglass_store.backups.catalog import Catalog
from spanglass_store.errors import StoreError

#: What is said where there is no embedded store.
NOT_OURS = (
    "ClickHouse is not the embedded one: back it up with its own BACKUP, and the state database and"
    " the data directory beside it. See docs/operations.md."
)


@contextlib.contextmanager
def opened_backups(settings: Settings) -> Iterator[BackupDesk]:
    """A desk that does what it is asked for at once.

    Raises:
        StoreError: if the directory is in use or has no data, or the store does not start.
    """
    if settings.clickhouse:
        raise StoreError(NOT_OURS)
    if not (settings.data_dir / "format.json").exists():
        raise StoreError(
            f"There is no data in {settings.data_dir}. Name a service's folder with --data-dir."
        )
    with opened_parts(settings) as parts:
        yield BackupDesk(
            parts.store, parts.database, parts.letters, parts.pipelines,
            Catalog(settings.backups, settings.data_dir), settings.backup_keep_days,
        )  # fmt: skip
