"""From an engine's text to readings in the common schema, by the tables."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from spanglass.gpu._counters import Counters
from spanglass.gpu._points import Attributes, Histogram, Kind, Metric, Reading
from spanglass.gpu.engines._dcgm import DCGM
from spanglass.gpu.engines._exposition import number, sample, split
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

_INFINITE: Final = (float("inf"), float("-inf"))

_Key = tuple[Metric, Attributes]


class _Target(NamedTuple):
    """What a series says something about.

    Attributes:
        slot: of the common series, among all of them.
        rank: of its rule; the lowest counts.
        scale: of its rule.
        adds: whether values of several rules are summed.
        board: that NVML may say the same of; empty for none.
        part: of a histogram: `bucket`, `sum` or `count`.
        bound: of a bucket.
    """

    slot: int
    rank: int
    scale: float
    adds: bool
    board: str
    part: str
    bound: float


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
        # Common series, by slot, and the slot of each.
        self._keys: list[_Key] = []
        self._slots: dict[_Key, int] = {}
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
        found: dict[int, tuple[int, float]] = {}
        histograms: dict[int, tuple[int, _Parts]] = {}
        facts: dict[str, str] = {}
        bad = int(bool(rest.strip()))
        began = 0.0
        known = self._series
        for line in text.split("\n"):
            if not line or line[0] == "#":
                continue
            # The same series as before, without a timestamp behind it, is the common case.
            at = line.rfind(" ")
            series, written = line[:at], line[at + 1 :]
            targets = known.get(series)
            if targets is None:
                read = sample(line)
                if read is None:
                    bad += bool(line.strip()) and line.lstrip()[0] != "#"
                    continue
                series, written = read
                targets = known.get(series)
                if targets is None:
                    targets = self._learn(series)
            if series == _START:
                began = number(written) or 0.0
            if not targets:
                facts |= self._info.get(series, {})
                continue
            value = number(written)
            if value is None:
                bad += written.lower() != "nan"
                continue
            for target in targets:
                _note(target, value, found, histograms, boards)
        before = self._counters.resets
        readings = self._readings(found, histograms, time_ns, int(began * 1e9))
        return Mapped(self._engine(), readings, facts, bad, self._counters.resets != before)

    def _readings(
        self,
        found: dict[int, tuple[int, float]],
        histograms: dict[int, tuple[int, _Parts]],
        time_ns: int,
        began_ns: int,
    ) -> list[Reading]:
        out = []
        follow = self._counters.follow
        for slot, (_, value) in found.items():
            metric, attributes = self._keys[slot]
            if metric.unit in _WHOLE and value == int(value):
                value = int(value)
            start = 0
            if metric.kind is Kind.COUNTER:
                start, value = follow(slot, value, time_ns, began_ns)
            out.append(Reading(metric, attributes, value, start))
        for slot, (_, parts) in histograms.items():
            if (whole := parts.whole()) is not None:
                metric, attributes = self._keys[slot]
                start, _ = follow(slot, whole.observed, time_ns, began_ns)
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
        if len(self._keys) >= _REMEMBERED:
            # Of an engine that makes new series all the time; its counters begin anew.
            self._series.clear()
            self._keys.clear()
            self._slots.clear()
            self._counters = Counters()
        name, labels = split(series)
        place = self._place(name)
        targets: list[_Target] = []
        if place is not None:
            table, rest = place
            if rest in table.facts:
                self._info[series] = {
                    to: labels[label]
                    for label, to in table.facts[rest].items()
                    if labels.get(label) not in (None, "", "None")
                }
            for rank, rule in enumerate(table.rules):
                read = _read(table, rule, rest, labels)
                if read is not None:
                    part, bound, attributes = read
                    board = str(dict(attributes).get("hw.id", "")) if rule.of_board else ""
                    slot = self._slot((rule.metric, attributes))
                    targets.append(_Target(slot, rank, rule.scale, rule.adds, board, part, bound))
        self._series[series] = tuple(targets)
        return self._series[series]

    def _slot(self, key: _Key) -> int:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = len(self._keys)
            self._keys.append(key)
        return slot

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


def _read(
    table: Table, rule: Rule, name: str, labels: dict[str, str]
) -> tuple[str, float, Attributes] | None:
    """Part, bound and attributes that a rule makes of a series; None where it is another's."""
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
    return part, bound, tuple(attributes.items())


def _note(
    target: _Target,
    value: float,
    found: dict[int, tuple[int, float]],
    histograms: dict[int, tuple[int, _Parts]],
    boards: Collection[str],
) -> None:
    """Puts a value where it belongs; of several rules for one series the first counts."""
    slot, rank, scale, adds, board, part, bound = target
    if part:
        held = histograms.get(slot)
        if held is None or rank < held[0]:
            held = histograms[slot] = (rank, _Parts())
        if rank > held[0]:
            return
        if part == "bucket":
            held[1].buckets.append((bound, value))
        elif part == "sum":
            held[1].total = value * scale
        else:
            held[1].count = value
        return
    if (board and board in boards) or value in _INFINITE:
        return
    before = found.get(slot)
    if adds and before is not None:
        found[slot] = (0, before[1] + value * scale)
    elif before is None or rank < before[0]:
        found[slot] = (rank, value * scale)


_PREFIX: Final = re.compile(
    r"(?:^|[_:.])("
    + "|".join(re.escape(prefix) for table in TABLES for prefix in table.prefixes)
    + ")(.+)$"
)
_BY_PREFIX: Final = {prefix: table for table in TABLES for prefix in table.prefixes}


def _split_prefix(name: str) -> tuple[Table, str] | None:
    found = _PREFIX.search(name)
    return (_BY_PREFIX[found[1]], found[2]) if found else None
