"""Opens the ClickHouse that the settings name."""

import contextlib
from collections.abc import Iterator

from spanglass_collector.settings import Settings
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.embedded.config import Limits
from spanglass_store.endpoint import Endpoint, parse_url


@contextlib.contextmanager
def open_store(
    settings: Settings, directory: DataDirectory
) -> Iterator[tuple[Endpoint, EmbeddedServer | None]]:
    """The ClickHouse of these settings: the embedded one, started, or somebody's.

    Yields:
        The endpoint, and the embedded server or None.

    Raises:
        StoreError: if it does not start, can't be reached or is too old.
    """
    if settings.clickhouse:
        yield parse_url(settings.clickhouse), None
        return
    limits = Limits(
        settings.store_memory_bytes, settings.query_memory_bytes, settings.query_seconds
    )
    with EmbeddedServer(directory, limits, backups=settings.backups) as server:
        yield server.endpoint, server
