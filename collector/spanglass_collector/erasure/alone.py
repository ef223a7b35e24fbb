"""Purges of a data directory whose service does not run."""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from spanglass_collector.erasure.desk import PurgeDesk
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.pipeline import Hooks, Pipeline
from spanglass_collector.ingest.signals import SIGNALS
from spanglass_collector.opening import open_store
from spanglass_collector.settings import Settings
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.migrate import migrate
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import SUBJECT_KEY, JobBook

#: Seconds that what is spooled may take at the end.
_DRAIN_S: Final = 10.0


@contextlib.contextmanager
def opened_desk(settings: Settings) -> Iterator[PurgeDesk]:
    """A desk that does what it is asked for at once; what is spooled is stored meanwhile.

    Raises:
        StoreError: if the directory is in use, or the store does not start.
    """
    with (
        DataDirectory(settings.data_dir) as directory,
        contextlib.closing(Database(settings.state or directory.state_url)) as database,
        open_store(settings, directory) as (endpoint, _),
        contextlib.closing(Store(endpoint)) as store,
    ):
        store.check()
        migrate(store)
        letters = DeadLetters(directory.dead_letters, settings.dead_letters_bytes)
        pipelines = [
            Pipeline(signal, settings, directory, store, letters, Hooks()) for signal in SIGNALS
        ]
        for each in pipelines:
            each.writer.start()
        key = bytes.fromhex(JobBook(database).secret(SUBJECT_KEY))
        desk = PurgeDesk(store, database, letters, pipelines, key)
        try:
            yield desk
        finally:
            for each in pipelines:
                each.drain(time.monotonic() + _DRAIN_S)
