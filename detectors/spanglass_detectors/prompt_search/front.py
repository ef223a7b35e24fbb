"""Which candidates are beaten by none: in quality, cost and time together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """What a candidate achieves.

    Attributes:
        quality: higher is better.
        cost: of a call; None where it is not known.
        duration_s: median of a call, in seconds.
    """

    quality: float
    cost: float | None
    duration_s: float


def front(points: Sequence[Point]) -> list[int]:
    """Places of the points that no other is as good as in everything and better in something.

    The best in quality comes first. Of points that are the same all are kept. Costs count only
    where every point has one.

    Source: V. Pareto; K. Deb and others, "A fast and elitist multiobjective genetic algorithm:
    NSGA-II" (2002), for the rank.
    """
    has_costs = all(each.cost is not None for each in points)
    values = [
        (-each.quality, (each.cost or 0.0) if has_costs else 0.0, each.duration_s)
        for each in points
    ]
    kept = [
        place
        for place, one in enumerate(values)
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in values
        )
    ]
    return sorted(kept, key=lambda place: values[place])
