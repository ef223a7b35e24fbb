"""Keeps the book and the schedules in step, and knows the names that spans come with."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import Busy, StoreError
from spanglass_store.inserts import await_inserts
from spanglass_store.prices import catalog, costs, file, table
from spanglass_store.prices.book import Name, PriceBook, Schedule
from spanglass_store.prices.entry import Price, Source
from spanglass_store.prices.recompute import Progress, recompute

log = logging.getLogger(__name__)

#: Changes when schedules are made differently from the same prices.
_MAKING: Final = "3"
#: Names of models that are looked up at most; further ones are no models but somebody's mistake.
MOST_NAMES: Final = 20_000
_UNDER_WAY: Final = "Prices are being recomputed already; wait until that is done."
#: How far back spans are searched at the start for names that nobody has looked up, in days.
_LOOK_BACK: Final = 7


@dataclass(frozen=True)
class Recomputing:
    """A recompute, under way or done.

    Attributes:
        is_running: whether it goes on.
        day: the last one that is done.
        done: spans that are.
        total: spans whose price has changed.
        error: why it ended early.
    """

    is_running: bool
    day: date | None = None
    done: int = 0
    total: int = 0
    error: str = ""


class PriceDesk:
    """The book of one store. Safe to share between threads.

    Args:
        store: as the owner.
        path: a file of prices, if there is one.
    """

    def __init__(self, store: Store, path: Path | None = None) -> None:
        self._store = store
        self._path = path
        self._lock = threading.RLock()
        self._recomputes = threading.Lock()
        self._names: set[Name] | None = None
        self._seen_until = datetime(1970, 1, 1, tzinfo=UTC)
        self._is_full = False
        self._owed: dict[str, tuple[date, date]] = {}
        self._book: PriceBook | None = None
        self.state = Recomputing(is_running=False)

    # -- the book ------------------------------------------------------------------------------

    def load(self) -> None:
        """Brings the book up to date with its sources, if they have changed.

        Raises:
            PriceFileError: if the file is wrong.
        """
        given = file.read(self._path) if self._path is not None else []
        digest = hashlib.sha256(repr(given).encode()).hexdigest() if given else ""
        edition = f"{catalog.digest()}/{_MAKING}"
        with self._lock:
            is_stale = not self._store.row(
                f"SELECT count() FROM {self._store.database}.price_lookup"
            )[0]
            if not table.is_loaded(self._store, Source.CATALOG, edition):
                table.replace_source(self._store, Source.CATALOG, edition, list(catalog.prices()))
                is_stale = True
            if not table.is_loaded(self._store, Source.FILE, digest):
                is_stale |= table.replace_source(self._store, Source.FILE, digest, given)
            if is_stale:
                self._refresh()

    def set(self, prices: Sequence[Price]) -> None:
        """Gives prices by command; they count from their start on, for spans to come.

        Those that are stored are charged anew by `recompute`.
        """
        with self._lock:
            table.write_prices(
                self._store, [replace(price, source=Source.COMMAND) for price in prices]
            )
            self._refresh()

    def unset(
        self, project: str, provider: str, model: str, service_tier: str | None = None
    ) -> int:
        """Takes prices back that were given by command, and returns how many."""
        with self._lock:
            found = [
                price
                for price in table.read_prices(self._store)
                if price.source is Source.COMMAND
                and (price.project, price.provider, price.model) == (project, provider, model)
                and service_tier in (None, price.service_tier)
            ]
            if found:
                table.write_prices(self._store, found, is_deleted=True)
                self._refresh()
            return len(found)

    def _refresh(self) -> None:
        """Makes every schedule anew, and stores those that differ."""
        self._book = book = PriceBook(table.read_prices(self._store), cache(catalog.find))
        before = table.read_schedules(self._store)
        names = set(before) | set(book.names())
        names |= {(p, *name[1:]) for name in names for p in book.projects(name[1], name[2])}
        self._write(self._made(book, names, before), before.values())
        self._names = names

    def _made(
        self, book: PriceBook, names: Iterable[Name], before: dict[Name, tuple[Schedule, int]]
    ) -> list[tuple[Name, Schedule]]:
        made = []
        for name in names:
            # A project that has no price of its own any more keeps a schedule, with everybody's:
            # so revisions only grow, which tells a call's new cost from its old one.
            schedule = book.schedule(name)
            if name not in before or before[name][0] != schedule:
                made.append((name, schedule))
        return made

    def _write(
        self, made: list[tuple[Name, Schedule]], before: Iterable[tuple[Schedule, int]]
    ) -> None:
        newest = max((revision for _, revision in before), default=0)
        table.write_schedules(self._store, made, max(int(time.time()), newest + 1))

    # -- names ---------------------------------------------------------------------------------

    def attend(self) -> int:
        """Looks up names that spans have come with, and charges those spans if they have a price.

        Returns:
            How many names were new.

        Raises:
            StoreError: if the store can't; the next call goes on from there.
        """
        with self._lock:
            fresh = self._fresh_names()
            if fresh:
                self._look_up(fresh)
        if self._owed:
            self._owe_what_came_since()
            owed = dict(self._owed)
            days = [day for period in owed.values() for day in period]
            self.recompute(min(days), max(days), sorted(owed))
            for model in owed:
                del self._owed[model]
        return len(fresh)

    def _look_up(self, fresh: dict[tuple[str, str, str], tuple[date, date]]) -> None:
        if self._book is None:
            self._book = PriceBook(table.read_prices(self._store), cache(catalog.find))
        names: set[Name] = set()
        for provider, model, tier in fresh:
            owners = {"", *self._book.projects(provider, model)}
            names |= {(project, provider, model, tier) for project in owners}
        made = self._made(self._book, names, {})
        self._write(made, table.read_schedules(self._store).values())
        self._names = (self._names or set()) | names
        for (_, provider, model, tier), schedule in made:
            if schedule.is_priced:
                self._owe(model, *fresh[provider, model, tier])
            else:
                log.info(
                    "no price is known for the model %r: see `spanglass prices unknown`", model
                )

    def _owe(self, model: str, first: date, last: date) -> None:
        """Remembers spans that came before their price was known."""
        before = self._owed.get(model, (first, last))
        self._owed[model] = (min(first, before[0]), max(last, before[1]))

    def _owe_what_came_since(self) -> None:
        """Takes in the days of inserts that were under way when their names were looked up."""
        await_inserts(self._store)
        for model, first, last in self._store.query(
            "SELECT model, min(first_day), max(last_day)"
            f" FROM {self._store.database}.unpriced_names"
            " WHERE model IN {models:Array(String)} GROUP BY model",
            {"models": list(self._owed)},
        ).rows:
            self._owe(str(model), first, last)

    def _fresh_names(self) -> dict[tuple[str, str, str], tuple[date, date]]:
        """Names nobody has looked up, with the first and last day of their spans."""
        database = self._store.database
        rows = list(
            self._store.query(
                "SELECT provider, model, service_tier, min(first_day), max(last_day),"
                f" max(seen_at) FROM {database}.unpriced_names"
                " WHERE seen_at >= {since:DateTime64(6, 'UTC')}"
                " GROUP BY provider, model, service_tier",
                {"since": self._seen_until},
            ).rows
        )
        is_first = self._names is None
        if self._names is None:
            self._names = {
                (str(a), str(b), str(c), str(d))
                for a, b, c, d in self._store.query(
                    "SELECT project, provider, model, service_tier"
                    f" FROM {database}.price_schedules FINAL"
                ).rows
            }
            # What came before the store was started, and was not looked up then.
            since = datetime.now(UTC).date() - timedelta(days=_LOOK_BACK)
            rows += self._store.query(
                f"WITH {costs.PRICED_MODEL} AS priced_model"
                " SELECT provider, priced_model, service_tier, min(toDate(start_time)),"
                " max(toDate(start_time)), toDateTime64('1970-01-01', 6, 'UTC')"
                f" FROM {database}.spans"
                " WHERE toDate(start_time) >= {since:Date} AND price_revision = 0"
                f" AND priced_model != '' AND cost_source != 'reported' AND {costs.IS_INFERENCE}"
                " GROUP BY provider, priced_model, service_tier LIMIT {most:UInt32}",
                {"since": since, "most": MOST_NAMES},
            ).rows
        known = {name[1:] for name in self._names}
        fresh: dict[tuple[str, str, str], tuple[date, date]] = {}
        for provider, model, tier, first, last, seen_at in rows:
            # A little back, since inserts do not end in the order in which they begin.
            reached = seen_at.replace(tzinfo=UTC) - timedelta(minutes=5)
            self._seen_until = max(self._seen_until, reached)
            name = (str(provider), str(model), str(tier))
            if name in known:
                if is_first:
                    # We ended before their spans were charged.
                    self._owe(name[1], first, last)
                continue
            if len(known) + len(fresh) >= MOST_NAMES:
                if not self._is_full:
                    self._is_full = True
                    log.warning("more than %d names of models: others have no price", MOST_NAMES)
                break
            before = fresh.get(name, (first, last))
            fresh[name] = (min(first, before[0]), max(last, before[1]))
        return fresh

    # -- recomputing ---------------------------------------------------------------------------

    def recompute(
        self,
        first: date | None = None,
        last: date | None = None,
        models: Sequence[str] = (),
        report: Callable[[Recomputing], None] = lambda state: None,
    ) -> int:
        """Charges stored spans anew whose price has changed; one at a time.

        Args:
            first: first day, UTC.
            last: last day, inclusive.
            models: names, as spans have them; all where none is given.
            report: called after each day.

        Raises:
            Busy: if another is under way.
            StoreError: if the store can't.
        """
        if not self._recomputes.acquire(timeout=60):
            raise Busy(_UNDER_WAY)
        try:

            def keep(progress: Progress) -> None:
                self.state = Recomputing(True, progress.day, progress.done, progress.total)
                report(self.state)

            self.state = Recomputing(is_running=True)
            total = recompute(self._store, first, last, models, keep)
            self.state = replace(self.state, is_running=False)
            return total
        except StoreError as error:
            self.state = replace(self.state, is_running=False, error=str(error))
            raise
        finally:
            self._recomputes.release()

    def start_recompute(
        self, first: date | None = None, last: date | None = None, models: Sequence[str] = ()
    ) -> None:
        """Begins `recompute`; `state` says how far it is.

        Raises:
            Busy: if another is under way.
        """
        if self._recomputes.locked():
            raise Busy(_UNDER_WAY)
        self.state = Recomputing(is_running=True)

        def run() -> None:
            try:
                self.recompute(first, last, models)
            except StoreError as error:
                log.error("recomputing prices ended early: %s", error)

        threading.Thread(target=run, name="recompute", daemon=True).start()


def unknown(store: Store, since: datetime) -> list[dict[str, Any]]:
    """Models that calls have no cost of, the commonest first.

    Args:
        store: as a reader.
        since: earliest start of a call.
    """
    return store.query(
        f"SELECT project, provider, {costs.PRICED_MODEL} AS model, service_tier, count() AS calls,"
        " sum(s.input_tokens) AS input_tokens, sum(s.output_tokens) AS output_tokens,"
        " toString(toDate(min(start_time))) AS first_day,"
        " toString(toDate(max(start_time))) AS last_day"
        f" FROM {store.database}.spans AS s FINAL"
        " WHERE start_time >= {since:DateTime64(6, 'UTC')} AND cost_source = 'unknown'"
        " AND model != ''"
        f" AND {costs.IS_INFERENCE} AND (s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL)"
        " GROUP BY project, provider, model, service_tier ORDER BY calls DESC, model LIMIT 1000",
        {"since": since},
    ).dicts()
