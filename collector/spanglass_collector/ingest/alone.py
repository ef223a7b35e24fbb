"""The ways of telemetry into the store of a data directory whose service does not run."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.imports import Importer
from spanglass_collector.ingest.intake import Door, Intake
from spanglass_collector.ingest.pipeline import Hooks, Pipeline
from spanglass_collector.ingest.signals import SIGNALS
from spanglass_collector.opening import open_store
from spanglass_collector.settings import Settings
from spanglass_collector.stages.redact import Redaction
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.migrate import migrate
from spanglass_store.prices.desk import PriceDesk
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import SUBJECT_KEY, JobBook

#: Seconds that what is spooled may take at the end; the rest waits for the service.
_DRAIN_S: Final = 60.0


@dataclass(frozen=True)
class Parts:
    """What is open meanwhile."""

    store: Store
    database: Database
    letters: DeadLetters
    pipelines: list[Pipeline]
    subject_key: bytes


@contextlib.contextmanager
def opened_parts(settings: Settings) -> Iterator[Parts]:
    """Opens a data directory; what is spooled is stored meanwhile.

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
        PriceDesk(store).load()
        letters = DeadLetters(directory.dead_letters, settings.dead_letters_bytes)
        pipelines = [
            Pipeline(signal, settings, directory, store, letters, Hooks()) for signal in SIGNALS
        ]
        for each in pipelines:
            each.writer.start()
        key = bytes.fromhex(JobBook(database).secret(SUBJECT_KEY))
        try:
            yield Parts(store, database, letters, pipelines, key)
        finally:
            for each in pipelines:
                each.drain(time.monotonic() + _DRAIN_S)


@contextlib.contextmanager
def opened_importer(
    settings: Settings,
) -> Iterator[Callable[[str, bytes, str], Mapping[str, Any]]]:
    """Takes requests of any time: signal, body, project.

    Raises:
        StoreError: if the directory is in use, or the store does not start.
    """
    with opened_parts(settings) as parts, asyncio.Runner() as runner:
        doors = {
            each.signal.name: Door(
                each.signal.form, each.spool, each.ledger, each.writer.slow_lane.refusal
            )
            for each in parts.pipelines
        }
        intake = Intake(
            doors, settings.retention_book(parts.database).of, settings.max_body_bytes,
            redaction=Redaction(settings.redaction, parts.subject_key),
        )  # fmt: skip
        importer = Importer(intake)
        yield lambda signal, body, project: runner.run(importer.take(signal, body, project))
