"""Looks at one metric of one window: which series there are, and how each compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spanglass_detectors.drift.bins import merged_counts
from spanglass_detectors.drift.blocks import design_effect, share_design_effect
from spanglass_detectors.drift.categorical import total_variation
from spanglass_detectors.drift.compare import LEAST, compare_counts, compare_numbers
from spanglass_detectors.drift.effects import cohens_h, moved
from spanglass_detectors.drift.pooled import Cell, Pooled, pooled
from spanglass_detectors.drift.results import DriftResult, not_tested
from spanglass_detectors.drift.windows import HourWindow

#: What changed has to be so many times what days differ by among themselves.
_UNUSUAL: Final = 1.25
#: Days that tell what is usual.
_DAYS: Final = 3


@dataclass(frozen=True, order=True)
class Series:
    """A metric at a service and a model; no model for all of the service's.

    Attributes:
        is_provider: whether it is of a model at all services together, whose mix is held still:
            then only the model's provider can have changed it.
    """

    metric: str
    service: str
    model: str = ""
    is_provider: bool = False

    @property
    def subject(self) -> tuple[str, str]:
        """What changes of the same time are one finding of."""
        return ("model", self.model) if self.is_provider else ("service", self.service)


@dataclass(frozen=True)
class Watched:
    """A comparison of a window with its reference.

    Attributes:
        usual: the largest effect of one day of the reference against the others.
        reference_hours: first and last hour of it, the end exclusive.
    """

    series: Series
    window: HourWindow
    result: DriftResult
    usual: float | None
    reference_hours: tuple[int, int]


def series_of(metric: str, cells: Sequence[Cell]) -> dict[Series, list[Cell]]:
    """Cells by series: one of each service, and one of each of its models if it has several."""
    services: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        services.setdefault(cell.service, {}).setdefault(cell.model, []).append(cell)
    found: dict[Series, list[Cell]] = {}
    for service, models in services.items():
        found[Series(metric, service)] = sorted(
            (cell for own in models.values() for cell in own), key=lambda cell: cell.hour
        )
        if len(models) > 1 and metric != "model":
            for model, own in models.items():
                if model:
                    found[Series(metric, service, model)] = own
    return found


def provider_series_of(metric: str, cells: Sequence[Cell]) -> dict[Series, list[Cell]]:
    """Cells by model, over all services."""
    found: dict[Series, list[Cell]] = {}
    for cell in sorted(cells, key=lambda each: each.hour):
        if cell.model:
            found.setdefault(Series(metric, "", cell.model, is_provider=True), []).append(cell)
    return found


def balanced(then: Sequence[Cell], now: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The same with services in the reference in as large a part as they have now.

    A model that one service asks more than before has not changed. Services that are not in both
    are left out.
    """
    sizes: list[dict[str, float]] = []
    for side in (then, now):
        totals: dict[str, float] = {}
        for cell in side:
            totals[cell.service] = totals.get(cell.service, 0.0) + cell.count
        sizes.append(totals)
    both = {name for name in sizes[0].keys() & sizes[1].keys() if sizes[0][name] and sizes[1][name]}
    whole = [sum(each[name] for name in both) for each in sizes]
    factors = {name: sizes[1][name] / whole[1] * whole[0] / sizes[0][name] for name in both}
    return (
        [_scaled(cell, factors[cell.service]) for cell in then if cell.service in both],
        [cell for cell in now if cell.service in both],
    )


def _scaled(cell: Cell, factor: float) -> Cell:
    return Cell(
        cell.service, cell.model, cell.hour, cell.kind, round(cell.count * factor), cell.sample,
        {name: value * factor for name, value in cell.categories.items()},
    )  # fmt: skip


def _sides(
    series: Series, by_hour: Mapping[int, Sequence[Cell]], window: HourWindow, hours: Sequence[int]
) -> tuple[list[Cell], list[Cell]]:
    """The reference's cells and the window's."""
    then = [cell for hour in hours for cell in by_hour.get(hour, ())]
    now = [cell for hour in range(window.start, window.end) for cell in by_hour.get(hour, ())]
    return balanced(then, now) if series.is_provider else (then, now)


def watch(
    series: Series,
    by_hour: Mapping[int, Sequence[Cell]],
    window: HourWindow,
    days: int,
    before: int | None = None,
    least: int = LEAST,
) -> Watched | None:
    """Compares a window with the same hours of the days before; None if nothing is there.

    Args:
        series: what.
        by_hour: its cells.
        window: when.
        days: of the reference.
        before: hour at which a change is known to have begun: the reference ends there.
        least: values that a window needs.
    """
    hours = window.reference(days, before)
    then, now = (pooled(side) for side in _sides(series, by_hour, window, hours))
    if now is None and then is None:
        return None
    span = (min(hours, default=window.start), max(hours, default=window.start - 1) + 1)
    if now is None or then is None:
        reason = (
            "there is nothing in the current window" if now is None
            else "there is no reference yet, or it has expired"
        )  # fmt: skip
        there = then or now
        assert there is not None
        sizes = (then.count if then else 0, now.count if now else 0)
        return Watched(series, window, not_tested(reason, there.kind, *sizes), None, span)
    result = compare_pooled(then, now, least=least, interval=False)
    return Watched(series, window, replace(result, metric=series.metric), None, span)


def compare_pooled(
    then: Pooled, now: Pooled, *, test: str = "", least: int = LEAST, interval: bool = True
) -> DriftResult:
    """Compares two windows, with a design effect from their hours.

    Args:
        then: the reference.
        now: the current window.
        test: by name; the default unless given.
        least: values that a side needs.
        interval: whether numbers get an interval of their effect.

    Raises:
        ValueError: if there is no such test.
    """
    if now.kind != then.kind:
        return not_tested(f"it was {then.kind} and is {now.kind}", now.kind)
    if then.kind == "numeric":
        for name, side in (("reference", then), ("current window", now)):
            if len(side.values) < least:
                return not_tested(
                    f"the {name} has {len(side.values)} values of {least} that are needed",
                    "numeric", then.count, now.count,
                )  # fmt: skip
        effect = design_effect(then.values, now.values, then.hours, now.hours)
        found = compare_numbers(
            then.values, now.values, test=test, design_effect=effect, interval=interval
        )
        return replace(found, n_reference=then.count, n_current=now.count)
    names, _, _ = merged_counts(then.categories, now.categories)
    tables = [
        np.array([[hour.get(name, 0.0) for name in names] for hour in side.by_hour])
        for side in (then, now)
    ]
    return compare_counts(
        then.categories, now.categories, kind=then.kind, test=test, least=least,
        design_effect=share_design_effect(tables),
    )  # fmt: skip


def weighed(
    watched: Watched, by_hour: Mapping[int, Sequence[Cell]], days: int, before: int | None = None
) -> Watched:
    """A drift after a second look: its interval, and whether days differ as much anyway.

    Each day of the reference is compared with the others. If one of them, the same day of last
    week, say, stands out nearly as much, there is nothing unusual about this one.
    """
    hours = watched.window.reference(days, before)
    length = watched.window.length
    parts = [
        pooled([cell for hour in hours[at : at + length] for cell in by_hour.get(hour, ())])
        for at in range(0, len(hours), length)
    ]
    there = [part for part in parts if part is not None and part.count >= LEAST]
    usual = _usual(there) if len(there) >= _DAYS else None
    result = watched.result
    sides = _sides(watched.series, by_hour, watched.window, hours)
    then, now = (pooled(side) for side in sides)
    assert then is not None
    assert now is not None
    if result.kind == "numeric":
        effect = moved(then.values, now.values)
        result = replace(result, low=effect.low, high=effect.high)
    if usual is not None and result.is_drift and abs(result.effect or 0.0) < _UNUSUAL * usual:
        result = replace(
            result,
            verdict="small",
            explanation=f"{result.explanation} Days differ by as much among themselves.",
        )
    return replace(watched, result=result, usual=usual)


def _usual(days: Sequence[Pooled]) -> float:
    """The largest effect of one day against the others."""
    found = []
    for n, day in enumerate(days):
        others = [each for k, each in enumerate(days) if k != n]
        if day.kind == "numeric":
            rest = np.concatenate([each.values for each in others])
            found.append(moved(rest, day.values, interval=False).value)
            continue
        total: dict[str, float] = {}
        for each in others:
            for name, count in each.categories.items():
                total[name] = total.get(name, 0.0) + count
        _, before, now = merged_counts(total, day.categories)
        if day.kind == "boolean":
            n_before, n_now = before.sum(), now.sum()
            shares = total.get("true", 0.0) / n_before, day.categories.get("true", 0.0) / n_now
            found.append(abs(cohens_h(shares[0], int(n_before), shares[1], int(n_now)).value))
        else:
            found.append(total_variation(before, now))
    return max(found)
