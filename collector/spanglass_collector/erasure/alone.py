"""Purges of a data directory whose service does not run."""

import contextlib
from collections.abc import Iterator

from spanglass_collector.erasure.desk import PurgeDesk
from spanglass_collector.ingest.alone import opened_parts
from spanglass_collector.settings import Settings
from spanglass_store.backups.catalog import Catalog


@contextlib.contextmanager
def opened_desk(settings: Settings) -> Iterator[PurgeDesk]:
    """A desk that does what it is asked for at once; what is spooled is stored meanwhile.

    Raises:
        StoreError: if the directory is in use, or the store does not start.
    """
    with opened_parts(settings) as parts:
        yield PurgeDesk(
            parts.store, parts.database, parts.letters, parts.pipelines, parts.subject_key,
            Catalog(settings.backups, settings.data_dir).note_purge,
        )  # fmt: skip
