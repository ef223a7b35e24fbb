"""The book of prices in memory: what a call of a model costs, and since when."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from spanglass_store.prices.entry import ALWAYS, DAY_MINUTES, PER, Kind, Price, Source

#: A schedule's entry without its revision: start, since, until, above, is_priced, rates.
Entry = tuple[date, int, int, int, bool, float, float, float, float, float, float, float]
#: What a schedule is for: project, provider, model, service tier, the last three as spans say.
Name = tuple[str, str, str, str]

#: The whole that a kind is priced as where it has no price of its own.
_PART_OF: Final = {
    Kind.CACHE_READ: Kind.INPUT,
    Kind.CACHE_WRITE: Kind.INPUT,
    Kind.REASONING: Kind.OUTPUT,
}
_ORDER: Final = (
    Kind.INPUT, Kind.CACHE_READ, Kind.CACHE_WRITE, Kind.OUTPUT, Kind.REASONING, Kind.REQUEST,
    Kind.GPU_HOUR,
)  # fmt: skip
_SOURCES: Final = tuple(Source)

#: US dollars per million tokens, request or hour, above a number of input tokens.
_Tiers = dict[int, float]


@dataclass(frozen=True)
class Schedule:
    """What to charge for a name.

    Attributes:
        provider: of the book; empty where the name is unknown.
        model: of the book.
        entries: in ascending order; of those that fit a call the last counts. The first fits all.
    """

    provider: str
    model: str
    entries: tuple[Entry, ...]

    @property
    def is_priced(self) -> bool:
        return any(entry[4] for entry in self.entries)


class PriceBook:
    """Prices by model, and schedules that follow from them.

    Args:
        prices: every row.
        find: which provider and model of the book a name means.
    """

    def __init__(
        self, prices: Iterable[Price], find: Callable[[str, str], tuple[str, str] | None]
    ) -> None:
        self._find = find
        self._rows: dict[tuple[str, str], list[Price]] = defaultdict(list)
        for price in prices:
            self._rows[price.provider, price.model].append(price)
        #: Beginnings of names that are priced, the longest first.
        self._beginnings = sorted(
            {model[:-1] for _, model in self._rows if model.endswith("*")}, key=len, reverse=True
        )

    def names(self) -> Iterator[Name]:
        """Every provider and model of the book itself, with the service tiers that it knows."""
        for (provider, model), rows in self._rows.items():
            for tier in {row.service_tier for row in rows} | {""}:
                yield "", provider, model, tier

    def projects(self, provider: str, model: str) -> set[str]:
        """The projects that have prices of their own for a name."""
        return {row.project for row, _ in self._candidates(provider, model) if row.project}

    def schedule(self, name: Name) -> Schedule:
        """What to charge for a name."""
        project, provider, model, tier = name
        ranked: dict[tuple[bool, int, bool, int], list[Price]] = defaultdict(list)
        for row, exactness in self._candidates(provider, model):
            if row.project in ("", project) and row.service_tier in ("", tier):
                rank = (
                    row.project != "", _SOURCES.index(row.source), row.service_tier != "",
                    exactness,
                )  # fmt: skip
                ranked[rank].append(row)
        groups = [ranked[rank] for rank in sorted(ranked, reverse=True)]
        rows = [row for group in groups for row in group]
        windows = {(r.minute_from, r.minute_until) for r in rows} - {(0, DAY_MINUTES)}
        entries: list[Entry] = []
        before: list[Entry] = []
        for start in sorted({row.start_date for row in rows} | {ALWAYS}):
            now = [
                entry
                for window in ((0, DAY_MINUTES), *sorted(windows))
                for entry in _entries(groups, start, *window)
            ]
            if [entry[1:] for entry in now] != [entry[1:] for entry in before]:
                entries += now
                before = now
        known = self._find(provider, model)
        found = (provider, model) if (provider, model) in self._rows else known
        if found is None and rows:
            found = ("", model)
        return Schedule(*(found or ("", "")), tuple(entries))

    def _candidates(self, provider: str, model: str) -> Iterator[tuple[Price, int]]:
        """Rows that can count for a name, with how exactly they name it."""
        names = [(provider, model), ("", model)]
        for beginning in self._beginnings:
            if model.startswith(beginning):
                names += [(provider, f"{beginning}*"), ("", f"{beginning}*")]
        if (known := self._find(provider, model)) is not None:
            names += [known, ("", known[1])]
        for exactness, name in enumerate(reversed(dict.fromkeys(names))):
            for row in self._rows.get(name, ()):
                yield row, exactness


def _entries(groups: list[list[Price]], day: date, since: int, until: int) -> Iterator[Entry]:
    """What counts from a day on, in some minutes of it: an entry for each threshold."""
    found = {kind: _effective(groups, kind, day, since, until) for kind in _ORDER}
    for above in sorted({0}.union(*(tiers for tiers in found.values() if tiers))):
        rates: dict[Kind, float] = {}
        for kind in _ORDER:
            tiers = found[kind]
            reached = max((each for each in tiers or () if each <= above), default=None)
            if tiers is not None and reached is not None:
                rates[kind] = tiers[reached]
            else:
                rates[kind] = rates[_PART_OF[kind]] if kind in _PART_OF else 0.0
        is_priced = any(found[kind] is not None for kind in _ORDER)
        i, r, w, o, z, q, h = (rates[kind] for kind in _ORDER)
        yield day, since, until, above or -1, is_priced, i, r, w, o, z, q, h


def _effective(
    groups: list[list[Price]], kind: Kind, day: date, since: int, until: int
) -> _Tiers | None:
    """The prices of a kind in the first group that has one then; None if it has none."""
    for group in groups:
        rows = [
            row
            for row in group
            if row.token_kind is kind
            and row.start_date <= day
            and row.minute_from <= since
            and until <= row.minute_until
        ]
        if not rows:
            continue
        latest = max((not row.is_all_day, row.start_date) for row in rows)
        counting = [row for row in rows if (not row.is_all_day, row.start_date) == latest]
        if any(row.usd is None for row in counting):
            return None
        return {row.above_tokens: (row.usd or 0.0) / PER[row.unit] for row in counting}
    return None
