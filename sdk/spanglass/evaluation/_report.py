"""What came of a run: sums, intervals, limits.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference"
(1927), for shares; the normal approximation for other means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanglass.evaluation._example import Result

_Z: Final = 1.959964
_FACTS: Final = ("duration_s", "cost_usd", "input_tokens", "output_tokens")


@dataclass(frozen=True)
class Summary:
    """One score over all examples that have it.

    Attributes:
        low: lower end of the mean's 95 % interval.
        high: upper end.
    """

    name: str
    mean: float
    low: float
    high: float
    count: int


class Report:
    """Results of a run.

    Attributes:
        results: one for each example, in the order of the examples.
    """

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = list(results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def errors(self) -> list[Result]:
        """Examples that the application failed at."""
        return [each for each in self.results if each.error]

    @property
    def unscored(self) -> list[Result]:
        """Examples that a scorer failed at."""
        return [each for each in self.results if each.unscored]

    def names(self) -> list[str]:
        """What was scored, in order."""
        return sorted({each.name for result in self.results for each in result.scores})

    def values(self, name: str) -> list[float]:
        """A score's values."""
        return [found for each in self.results if (found := each.value(name)) is not None]

    def summary(self, name: str) -> Summary | None:
        """Mean and interval of a score; None where no example has it."""
        values = self.values(name)
        if not values:
            return None
        n, mean = len(values), math.fsum(values) / len(values)
        if set(values) <= {0.0, 1.0}:
            low, high = _wilson(mean, n)
        elif n > 1:
            spread = math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (n - 1) / n)
            low, high = mean - _Z * spread, mean + _Z * spread
        else:
            low = high = mean
        return Summary(name, mean, low, high, n)

    def summaries(self) -> list[Summary]:
        """Every score, then durations, costs and tokens."""
        found = (self.summary(name) for name in (*self.names(), *_FACTS))
        return [each for each in found if each is not None]

    def misses(
        self, at_least: Mapping[str, float], at_most: Mapping[str, float] | None = None
    ) -> list[str]:
        """Which limits the means do not keep, in sentences.

        Args:
            at_least: least mean by name.
            at_most: largest mean by name.
        """
        said = []
        limits = [(name, limit, True) for name, limit in at_least.items()]
        limits += [(name, limit, False) for name, limit in (at_most or {}).items()]
        for name, limit, is_least in limits:
            found = self.summary(name)
            if found is None:
                there = ", ".join(self.names()) or "none"
                said.append(f"there is no score {name}; there are: {there}")
            elif found.mean < limit if is_least else found.mean > limit:
                word = "below" if is_least else "above"
                said.append(
                    f"{name} is {found.mean:.4g}, {word} {limit:g} (95 % interval"
                    f" {found.low:.4g} to {found.high:.4g}, {found.count} examples)"
                )
        return said

    def assert_scores(self, *, allow_errors: int = 0, **at_least: float) -> None:
        """Checks means, for tests.

        Args:
            allow_errors: examples that may fail.
            at_least: least mean by name.

        Raises:
            AssertionError: a limit is not kept, or too many examples failed; it names them.
        """
        said = self.misses(at_least)
        if len(self.errors) > allow_errors:
            first = self.errors[0]
            said.append(
                f"{len(self.errors)} of {len(self)} examples failed, {first.example} with"
                f" {first.error}"
            )
        if said:
            raise AssertionError("; ".join(said))


def _wilson(share: float, n: int) -> tuple[float, float]:
    square = _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
