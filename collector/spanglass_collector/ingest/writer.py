"""Puts segments of the spool into ClickHouse, each in one insert, until it has them.

A fault that may pass is tried again for ever. After an insert whose outcome is unknown the same
rows go in under a new token: ClickHouse's own deduplication can lose a part of an insert that
was cut off, and the rows' key makes them once anyway. A segment that ClickHouse refuses is
halved until the spans that it can't take are alone; they become dead letters.
"""

import logging
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCE_SPANS, count_spans
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.spool import Segment, Spool
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, StoreError
from spanglass_store.otlp.insert import format_settings, insert_spans

log = logging.getLogger(__name__)

#: First and longest pause after a fault that may pass, in seconds.
_PAUSES: Final = (0.2, 10.0)
#: One block an insert: what a block holds is stored whole or not at all.
_ONE_BLOCK: Final = 1 << 30
_SETTINGS: Final = {
    "max_insert_block_size": _ONE_BLOCK,
    "min_insert_block_size_rows": _ONE_BLOCK,
    "min_insert_block_size_bytes": _ONE_BLOCK,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    # Duplicates inside one batch are rare; merges and FINAL remove them.
    "optimize_on_insert": 0,
    "async_insert": 0,
}


@dataclass
class WriterStats:
    """What the writers did, for the metrics.

    Attributes:
        inserts: statements that succeeded.
        retries: statements that failed and were tried again.
        last_error: what the last failed one said; empty while all is well.
    """

    inserts: int = 0
    retries: int = 0
    last_error: str = ""


class Stopped(Exception):
    """The writer was told to stop in the middle of its tries."""


class Writer:
    """A few threads that store segments.

    Args:
        store: where to, as the owner.
        spool: where from.
        ledger: the accounts.
        dead_letters: for what can't be stored.
        threads: inserts at a time. ClickHouse decodes on one core an insert.
        after_insert: called with a segment between its insert and its deletion.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        ledger: Ledger,
        dead_letters: DeadLetters,
        threads: int = 2,
        after_insert: Callable[[Segment], None] | None = None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._after_insert = after_insert
        self._stop = threading.Event()
        self.stats = WriterStats()
        self._statement = insert_spans(f"{store.database}.spans")
        self._threads = [
            threading.Thread(target=self._run, name=f"writer-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ends after the inserts that are under way; what is not stored stays in the spool."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            segment = self._spool.take(self._stop.is_set)
            if segment is None:
                return
            try:
                self._store_segment(segment)
            except Stopped:
                self._spool.give_back(segment)
            except OSError as error:
                # The disk is full or failing: the segment is safe, finishing it has to wait.
                self.stats.last_error = str(error)
                log.error("segment %d can't be finished: %s", segment.number, error)
                self._spool.give_back(segment)
                self._stop.wait(1.0)

    def _store_segment(self, segment: Segment) -> None:
        body = segment.read()
        dead = self._insert_or_halve(segment, body)
        if self._after_insert is not None:
            self._after_insert(segment)
        self._ledger.finish(segment.number, segment.spans - dead, dead)
        self._spool.drop(segment)
        self._ledger.forget(segment.number)

    def _insert_or_halve(self, segment: Segment, body: bytes) -> int:
        """Stores what can be stored; the number of spans that became dead letters."""
        waiting = [body]
        part = dead = 0
        while waiting:
            body = waiting.pop()
            try:
                self._insert(body)
            except QueryRefused as error:
                halves = halve(body)
                if halves:
                    waiting.extend(reversed(halves))
                    continue
                spans = count_spans(body)
                part += 1
                dead += spans
                self._dead_letters.put(segment.number, part, body, spans, str(error))
                log.error("ClickHouse refused %d spans for ever: %s", spans, error)
        return dead

    def _insert(self, body: bytes) -> None:
        """One insert, tried until its outcome is known.

        Raises:
            QueryRefused: if ClickHouse can't take these rows.
            Stopped: if we are to stop first.
        """
        pause, longest = _PAUSES
        while True:
            token = str(uuid.uuid4())
            settings = {**format_settings(), **_SETTINGS, "insert_deduplication_token": token}
            try:
                self._store.command(self._statement, data=body, settings=settings)
            except QueryRefused:
                raise
            except StoreError as error:
                self.stats.retries += 1
                self.stats.last_error = str(error)
                log.warning("storing %d bytes has to wait: %s", len(body), error)
                # Jitter, so that several writers do not come back as one.
                if self._stop.wait(pause * random.uniform(0.5, 1.0)):  # noqa: S311
                    raise Stopped from error
                pause = min(pause * 2, longest)
            else:
                self.stats.inserts += 1
                self.stats.last_error = ""
                return


def halve(body: bytes) -> list[bytes]:
    """A request in two: by its resources, or the spans of its only one. Empty for a lone span."""
    resources = list(wire.messages(body, RESOURCE_SPANS))
    if len(resources) > 1:
        middle = len(resources) // 2
        return [
            b"".join(wire.field(RESOURCE_SPANS, content) for content in part)
            for part in (resources[:middle], resources[middle:])
        ]
    whole = ResourceSpans.FromString(resources[0])
    spans = [(scope, span) for scope in whole.scope_spans for span in scope.spans]
    if len(spans) < 2:
        return []
    middle = len(spans) // 2
    result = []
    for part in (spans[:middle], spans[middle:]):
        half = ResourceSpans()
        half.CopyFrom(whole)
        del half.scope_spans[:]
        last: ScopeSpans | None = None
        for scope, span in part:
            if last is not scope:
                half.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url)
                last = scope
            half.scope_spans[-1].spans.append(span)
        result.append(wire.field(RESOURCE_SPANS, half.SerializeToString()))
    return result
