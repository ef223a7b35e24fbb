"""The book in the store: its rows, where they come from, and the schedules that follow."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from spanglass_store.client import Store
from spanglass_store.prices.book import Name, Schedule
from spanglass_store.prices.costs import ENTRY_FIELDS
from spanglass_store.prices.entry import COLUMNS, Kind, Price, Source, Unit

_REVISION: Final = list(ENTRY_FIELDS).index("revision")


def read_prices(store: Store) -> list[Price]:
    """Every price that counts or will count."""
    return list_prices(store)


def list_prices(
    store: Store,
    model: str = "",
    provider: str = "",
    source: Source | None = None,
    limit: int = 1_000_000,
) -> list[Price]:
    """Prices by model.

    Args:
        store: as the owner, or as a reader, who sees those of its projects.
        model: part of the name.
        provider: exactly.
        source: where they come from.
        limit: most prices.
    """
    rows = store.query(
        f"SELECT {', '.join(COLUMNS)} FROM {store.database}.prices FINAL"
        " WHERE is_deleted = 0 AND positionCaseInsensitiveUTF8(model, {model:String}) > 0"
        " AND ({provider:String} = '' OR provider = {provider:String})"
        " AND ({source:String} = '' OR source = {source:String})"
        " ORDER BY project, provider, model, service_tier, start_date, minute_from, token_kind,"
        " above_tokens, source LIMIT {limit:UInt32}",
        {"model": model, "provider": provider, "source": str(source or ""), "limit": limit},
    ).dicts()
    return [
        Price(**{
            **row,
            "token_kind": Kind(row["token_kind"]),
            "unit": Unit(row["unit"]),
            "source": Source(row["source"]),
        })
        for row in rows
    ]  # fmt: skip


def write_prices(store: Store, prices: Iterable[Price], is_deleted: bool = False) -> None:
    """Adds prices, in place of those that differ in nothing but the amount; or takes them out."""
    now = datetime.now(UTC)
    rows = [[*(getattr(price, name) for name in COLUMNS), now, int(is_deleted)] for price in prices]
    if rows:
        store.insert("prices", (*COLUMNS, "updated_at", "is_deleted"), rows)


def _key(price: Price) -> tuple[object, ...]:
    return (
        price.project, price.provider, price.model, price.service_tier, price.start_date,
        price.minute_from, price.token_kind, price.above_tokens,
    )  # fmt: skip


def replace_source(store: Store, source: Source, digest: str, prices: Sequence[Price]) -> bool:
    """Makes a source's prices those that are given.

    Args:
        store: as the owner.
        source: which.
        digest: remembered, so that `is_loaded` can tell.
        prices: all of the source's.

    Returns:
        Whether anything differs from before.
    """
    before = {_key(each): each for each in read_prices(store) if each.source is source}
    after = {_key(each): each for each in prices}
    write_prices(store, [each for key, each in before.items() if key not in after], True)
    changed = [each for key, each in after.items() if before.get(key) != each]
    write_prices(store, changed)
    store.insert("price_sources", ("source", "digest"), [(str(source), digest)])
    return bool(changed) or not before.keys() <= after.keys()


def is_loaded(store: Store, source: Source, digest: str) -> bool:
    """Whether a source is in the book as it is."""
    rows = store.query(
        f"SELECT digest FROM {store.database}.price_sources FINAL WHERE source = {{s:String}}",
        {"s": str(source)},
    ).rows
    return (rows[0][0] if rows else "") == digest


def read_schedules(store: Store) -> dict[Name, tuple[Schedule, int]]:
    """Every schedule with its revision."""
    found = {}
    for project, provider, model, tier, priced_as, entries, revision in store.query(
        "SELECT project, provider, model, service_tier, priced_as, entries, revision"
        f" FROM {store.database}.price_schedules FINAL"
    ).rows:
        values = [tuple(entry.values()) for entry in entries]
        plain = tuple(e[:_REVISION] + e[_REVISION + 1 :] for e in values)
        schedule = Schedule(priced_as["provider"], priced_as["model"], plain)
        found[project, provider, model, tier] = schedule, revision
    return found


def write_schedules(
    store: Store, schedules: Collection[tuple[Name, Schedule]], revision: int
) -> None:
    """Adds schedules, in place of those of the same names; they count at once."""
    rows = [
        [*name, (schedule.provider, schedule.model),
         [(*entry[:_REVISION], revision, *entry[_REVISION:]) for entry in schedule.entries],
         revision]
        for name, schedule in schedules
    ]  # fmt: skip
    if rows:
        store.insert(
            "price_schedules",
            ("project", "provider", "model", "service_tier", "priced_as", "entries", "revision"),
            rows,
        )
