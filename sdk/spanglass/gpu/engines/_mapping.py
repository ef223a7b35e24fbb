"""From an engine's text to readings in the common schema, by the tables."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from spanglass.gpu._counters import Counters
from spanglass.gpu._points import Attributes, Histogram, Kind, Metric, Reading
from spanglass.gpu.engines._dcgm import DCGM
from spanglass.gpu.engines._exposition import lines_of, number, samples, split
from spanglass.gpu.engines._llamacpp import LLAMACPP
from spanglass.gpu.engines._sglang import SGLANG
from spanglass.gpu.engines._table import LABELS, Rule, Table
from spanglass.gpu.engines._tgi import TGI
from spanglass.gpu.engines._triton import TRITON
from spanglass.gpu.engines._trtllm import TRTLLM
from spanglass.gpu.engines._vllm import VLLM

#: Where several are found at one place, the first is what the engine is called.
TABLES: Final = (VLLM, SGLANG, TGI, TRTLLM, TRITON, LLAMACPP, DCGM)
#: Names of an older version without a prefix, of which as many tell it.
_ENOUGH_BARE: Final = 3
#: Series that are remembered; an engine that has more is read more slowly.
_REMEMBERED: Final = 20_000
_START: Final = "process_start_time_seconds"
#: Units of what is counted in whole numbers.
_WHOLE: Final = ("{token}", "{request}", "{step}")

_Key = tuple[Metric, Attributes]


class _Target(NamedTuple):
    """What a series says something about.

    Attributes:
        rank: of its rule; the lowest counts.
        rule: that applies.
        attributes: of the common series.
        part: of a histogram: `bucket`, `sum` or `count`.
        bound: of a bucket.
    """

    rank: int
    rule: Rule
    attributes: Attributes
    part: str = ""
    bound: float = 0.0


class Mapped(NamedTuple):
    """What a scrape has come to.

    Attributes:
        engine: its name; empty where no metric of an engine was found.
        readings: in the common schema.
        facts: how the engine is set up, where its metrics say so.
        bad_lines: that could not be read.
        resets: whether counters have begun anew.
    """

    engine: str
    readings: list[Reading]
    facts: dict[str, str]
    bad_lines: int
    resets: bool


class _Parts:
    """A histogram, while its series are gathered."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.buckets: list[tuple[float, float]] = []
        self.count: float | None = None
        self.total: float | None = None

    def whole(self) -> Histogram | None:
        """The histogram; None where a part is missing or does not fit."""
        bounds, counts, before = [], [], 0.0
        for bound, upto in sorted(self.buckets):
            if upto < before:
                return None
            counts.append(int(upto - before))
            bounds.append(bound)
            before = upto
        if not bounds or bounds[-1] != float("inf"):
            return None
        if self.count is not None and self.count != before:
            return None
        return Histogram(int(before), self.total, tuple(bounds[:-1]), tuple(counts))


class Mapping:
    """Maps the scrapes of one engine."""

    def __init__(self) -> None:
        self._counters = Counters()
        self._names: dict[str, tuple[Table, str] | None] = {}
        self._series: dict[str, tuple[_Target, ...]] = {}
        self._info: dict[str, dict[str, str]] = {}
        self._bare: Table | None = None

    def map(self, text: str, time_ns: int, boards: Collection[str] = ()) -> Mapped:
        """What a scrape says.

        Args:
            text: of the engine; a last line without its end is left out.
            time_ns: when it was asked.
            boards: those that NVML is asked about: what it says goes first.
        """
        text, _, rest = text.rpartition("\n")
        found: dict[_Key, tuple[int, float]] = {}
        histograms: dict[_Key, tuple[int, _Parts]] = {}
        facts: dict[str, str] = {}
        began_ns = good = 0
        names: set[str] = set()
        known = self._series
        for series, value_text in samples(text):
            value = number(value_text)
            good += value is not None or value_text.lower() == "nan"
            targets = known.get(series)
            if targets is None:
                targets = self._learn(series)
            if series.startswith(_START):
                began_ns = int((value or 0) * 1e9)
            if series in self._info:
                facts |= self._info[series]
            if value is None or not targets:
                continue
            for target in targets:
                rule = target.rule
                if rule.of_board and boards and dict(target.attributes).get("hw.id") in boards:
                    continue
                names.add(rule.metric.name)
                key = (rule.metric, target.attributes)
                if target.part:
                    _gather(histograms, key, target, value)
                elif value in (float("inf"), float("-inf")):
                    continue
                elif rule.adds and key in found:
                    found[key] = (0, found[key][1] + value * rule.scale)
                elif key not in found or target.rank < found[key][0]:
                    found[key] = (target.rank, value * rule.scale)
        before = self._counters.resets
        readings = self._readings(found, histograms, time_ns, began_ns)
        bad = lines_of(text) - good + bool(rest.strip())
        return Mapped(self._engine(), readings, facts, bad, self._counters.resets != before)

    def _readings(
        self,
        found: dict[_Key, tuple[int, float]],
        histograms: dict[_Key, tuple[int, _Parts]],
        time_ns: int,
        began_ns: int,
    ) -> list[Reading]:
        out = []
        for (metric, attributes), (_, value) in found.items():
            if metric.unit in _WHOLE and value == int(value):
                value = int(value)
            start = 0
            if metric.kind is Kind.COUNTER:
                start, value = self._counters.follow((metric, attributes), value, time_ns, began_ns)
            out.append(Reading(metric, attributes, value, start))
        for (metric, attributes), (_, parts) in histograms.items():
            if (whole := parts.whole()) is not None:
                key = (metric, attributes)
                start, _ = self._counters.follow(key, whole.observed, time_ns, began_ns)
                out.append(Reading(metric, attributes, whole, start))
        return out

    def _engine(self) -> str:
        seen = {each[0].name for each in self._names.values() if each is not None}
        return next((table.name for table in TABLES if table.name in seen), "")

    def _learn(self, series: str) -> tuple[_Target, ...]:
        """What a series that was not there before means."""
        if len(self._series) >= _REMEMBERED:
            self._series.clear()
            self._info.clear()
        name, labels = split(series)
        place = self._place(name)
        targets: list[_Target] = []
        if place is not None:
            table, rest = place
            for wanted, attributes in table.facts.items():
                if rest == wanted:
                    said = {
                        to: labels[label] for label, to in attributes.items() if labels.get(label)
                    }
                    self._info[series] = {key: each for key, each in said.items() if each != "None"}
            for rank, rule in enumerate(table.rules):
                target = _target(table, rank, rule, rest, labels)
                if target is not None:
                    targets.append(target)
        self._series[series] = tuple(targets)
        return self._series[series]

    def _place(self, name: str) -> tuple[Table, str] | None:
        """The table that a name belongs to, and what stands behind the prefix."""
        if name not in self._names:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            self._names[name] = _split_prefix(name)
            if self._names[name] is None and name in TRTLLM.bare:
                self._note_bare()
        found = self._names[name]
        if found is None and self._bare is not None:
            return self._bare, name
        return found

    def _note_bare(self) -> None:
        if self._bare is None and len(TRTLLM.bare & self._names.keys()) >= _ENOUGH_BARE:
            self._bare = TRTLLM
            self._names["trtllm_"] = (TRTLLM, "")
            # What was looked at before this was known is looked at again.
            self._series.clear()


def _target(
    table: Table, rank: int, rule: Rule, name: str, labels: dict[str, str]
) -> _Target | None:
    """What a rule makes of a series; None where it is about another."""
    kind = rule.metric.kind
    part, bound = "", 0.0
    if kind is Kind.HISTOGRAM:
        base, _, part = name.rpartition("_")
        if base != rule.name or part not in ("bucket", "sum", "count"):
            return None
        if part == "bucket":
            read = number(labels.get("le", ""))
            if read is None:
                return None
            bound = read * rule.scale
    elif name != rule.name and not (kind is Kind.COUNTER and name == f"{rule.name}_total"):
        return None
    if any(labels.get(label) != value for label, value in rule.when):
        return None
    left_out = {"le", *(label for label, _ in rule.when)}
    attributes: dict[str, Any] = dict(rule.more)
    for label, value in labels.items():
        if label in left_out or not value:
            continue
        to = table.labels.get(label, LABELS.get(label, f"engine.{label}"))
        if to:
            attributes[to] = value
    return _Target(rank, rule, tuple(attributes.items()), part, bound)


def _gather(
    histograms: dict[_Key, tuple[int, _Parts]], key: _Key, target: _Target, value: float
) -> None:
    found = histograms.get(key)
    if found is None or target.rank < found[0]:
        found = histograms[key] = (target.rank, _Parts())
    if target.rank > found[0]:
        return
    parts = found[1]
    if target.part == "bucket":
        parts.buckets.append((target.bound, value))
    elif target.part == "sum":
        parts.total = value * target.rule.scale
    else:
        parts.count = value


_PREFIX: Final = re.compile(
    r"(?:^|[_:.])("
    + "|".join(re.escape(prefix) for table in TABLES for prefix in table.prefixes)
    + ")(.+)$"
)
_BY_PREFIX: Final = {prefix: table for table in TABLES for prefix in table.prefixes}


def _split_prefix(name: str) -> tuple[Table, str] | None:
    found = _PREFIX.search(name)
    return (_BY_PREFIX[found[1]], found[2]) if found else None
