"""What the tests of vectors share: checks, distances, permutations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]

#: Vectors a window needs.
LEAST: Final = 20
#: Pairs from which the usual distance is taken.
_PAIRS: Final = 2_000


@dataclass(frozen=True)
class VectorResult:
    """One comparison of two sets of vectors.

    Attributes:
        statistic: what the test measures; None where there was no test.
        p: of one as large without a change.
        effect: how large the change is, in what `effect_name` says.
        moved: rows of the current window that stand for the change most.
        reason: why there was no test.
    """

    test: str
    statistic: float | None = None
    p: float | None = None
    effect: float | None = None
    effect_name: str = ""
    n_reference: int = 0
    n_current: int = 0
    moved: tuple[int, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.statistic is None:
            return f"{self.test}: not tested, because {self.reason}"
        shown = "" if self.p is None else f", p = {self.p:.2g}"
        return (
            f"{self.test} = {self.statistic:.4g}{shown}, {self.effect_name} {self.effect:.3f},"
            f" n = {self.n_reference} and {self.n_current}"
        )


def checked(
    test: str, reference: Any, current: Any, most: int | None = None
) -> tuple[Vectors, Vectors] | VectorResult:
    """Both as rows of 32-bit numbers without those that are none; or why there is no test.

    Args:
        test: for the result.
        reference: rows.
        current: rows.
        most: rows a side has at most; more are drawn from evenly.
    """
    sides = []
    for name, given in (("reference", reference), ("current window", current)):
        try:
            array = np.asarray(given, dtype=np.float32)
        except (TypeError, ValueError):
            return VectorResult(test, reason=f"the {name} is no table of numbers")
        if array.ndim != 2 or not array.shape[1]:
            return VectorResult(test, reason=f"the {name} is no table of numbers")
        array = array[np.isfinite(array).all(axis=1)]
        if len(array) < LEAST:
            return VectorResult(
                test, reason=f"the {name} has {len(array)} vectors of {LEAST} that are needed"
            )
        sides.append(array)
    if sides[0].shape[1] != sides[1].shape[1]:
        return VectorResult(
            test,
            reason=f"vectors of {sides[0].shape[1]} and of {sides[1].shape[1]} numbers can't be"
            " compared",
        )
    if most is not None:
        sides = [side[np.linspace(0, len(side) - 1, most).astype(int)] if len(side) > most else side
                 for side in sides]  # fmt: skip
    return sides[0], sides[1]


def squared_distances(one: Vectors, other: Vectors) -> NDArray[np.float32]:
    """Between all rows of one and of the other."""
    lengths = np.einsum("ij,ij->i", one, one)[:, None] + np.einsum("ij,ij->i", other, other)
    return np.asarray(np.maximum(lengths - 2 * one @ other.T, 0.0))


def usual_distance(pooled: Vectors, chance: np.random.Generator) -> float:
    """The median distance of pairs: the width of a kernel that sees what there is to see."""
    one, other = (pooled[chance.integers(len(pooled), size=_PAIRS)] for _ in range(2))
    found = np.sqrt(((one - other) ** 2).sum(axis=1))
    return float(np.median(found[found > 0])) if (found > 0).any() else 1.0


def permuted_weights(
    n: int, m: int, permutations: int, chance: np.random.Generator
) -> NDArray[np.float32]:
    """A row a way to divide the rows: 1/n for one part, -1/m for the other; first as given."""
    weights = np.empty((permutations + 1, n + m), dtype=np.float32)
    weights[0] = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
    for row in range(1, permutations + 1):
        weights[row] = chance.permutation(weights[0])
    return weights


def p_of(statistics: NDArray[np.floating[Any]]) -> float:
    """The share that is as large as the first, which is the one as given."""
    tolerance = 1e-9 * max(1.0, abs(float(statistics[0])))
    return float((statistics >= statistics[0] - tolerance).sum()) / len(statistics)


Statistic: TypeAlias = Callable[[Vectors, Vectors], float]
