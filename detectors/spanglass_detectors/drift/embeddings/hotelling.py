"""Whether centre, spread or shape of vectors moved, tested where vectors vary most."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.drift.embeddings.kernels import VectorResult, Vectors, checked

#: Principal components that a statistic is taken over: few see a change of what is large, such as
#: topics, many see one that is spread. Chance of all together is what p says.
_SCALES: Final = (2, 4, 8, 16, 32, 64, 128)
#: Of spreads and shapes, which are those of the leading components.
_FEWER: Final = (2, 8, 32)
_LEADING: Final = 32
#: Random directions of shapes, each a cosine and a sine.
_DIRECTIONS: Final = 64
#: Rows a side for each component that is tested: with fewer, covariances are guesses.
_ROWS: Final = 4
#: Deviations beyond which a number counts as so far: a few huge ones decide nothing.
_FAR: Final = 4.0
#: Rows from which the usual deviation is taken, and variances that are rounding.
_SOME: Final = 2_000
_NOTHING: Final = 1e-6


def hotelling(reference: Any, current: Any, *, seed: int = 0) -> VectorResult:
    """Hotelling's T² in the leading principal components: for volume, and p as small as it is.

    It is taken over 2, 4, … 128 components; of their sizes, which show a spread; and of cosines and
    sines in random directions, which show a shape. The p's are combined by Cauchy's distribution,
    which holds whatever their dependence. Time grows with the rows. The effect is the distance of
    the centres in standard deviations, less what chance gives, where it is surest.

    Source: Hotelling, The Generalization of Student's Ratio (1931); Chwialkowski and others, Fast
    Two-Sample Testing with Analytic Representations of Probability Measures (2015); Liu and Xie,
    Cauchy Combination Test (2020).

    Args:
        reference: rows of vectors.
        current: the same.
        seed: of random directions.
    """
    sides = checked("hotelling", reference, current)
    if isinstance(sides, VectorResult):
        return sides
    n, m = len(sides[0]), len(sides[1])
    pooled = _within_reach(np.concatenate(sides))
    values, vectors = _components(pooled)
    if not len(values):
        # Every row is the same.
        return VectorResult("hotelling", 0.0, 1.0, 0.0, "standard deviations", n, m)
    few = min(_LEADING, len(values))
    leading = pooled @ (vectors[:, :few] / np.sqrt(values[:few])).astype(np.float32)
    chance = np.random.default_rng(seed)
    directions = chance.standard_normal((few, _DIRECTIONS), dtype=np.float32) / np.sqrt(few)
    angles = leading @ directions
    shapes = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    shapes -= shapes.mean(axis=0)
    sizes = np.abs(leading)
    sizes -= sizes.mean(axis=0)
    found = [
        _squared(pooled, values, vectors, n, _SCALES),
        *(_squared(each, *_components(each), n, _FEWER) for each in (sizes, shapes)),
    ]
    p = combined(np.concatenate([each[0] for each in found]))
    p_own, distances, places = found[0]
    best = int(np.argmin(p_own))
    k = places[best]
    gap = (pooled[n:].mean(axis=0) - pooled[:n].mean(axis=0)) @ vectors[:, :k] / values[:k]
    toward = pooled[n:] @ (vectors[:, :k] @ gap).astype(np.float32)
    squared = float(distances[best]) * n * m / (n + m) * (n + m - 2) / (n + m)
    effect = float(np.sqrt(max(0.0, distances[best] - k * (n + m) / (n * m))))
    return VectorResult(
        "hotelling", squared, p, effect, "standard deviations",
        n, m, tuple(np.argsort(-toward)[:10].tolist()),
    )  # fmt: skip


def _within_reach(rows: Vectors) -> Vectors:
    """Centred rows, with numbers that are far out moved to where far begins."""
    some = rows[:: max(1, len(rows) // _SOME)]
    middle = np.median(some, axis=0)
    usual = 1.4826 * np.median(np.abs(some - middle), axis=0)
    reach = _FAR * np.where(usual > 0, usual, rows.std(axis=0))
    found = np.clip(rows, middle - reach, middle + reach)
    return np.asarray(found - found.mean(axis=0), dtype=np.float32)


def _components(centred: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances and directions of the principal components, the greatest first."""
    covariance = (centred.T @ centred).astype(float) / len(centred)
    values, vectors = np.linalg.eigh(covariance)
    there = values > max(_NOTHING * float(values[-1]), np.finfo(np.float32).tiny)
    return values[there][::-1], vectors[:, there][:, ::-1]


def _squared(
    centred: Vectors, values: NDArray[np.float64], vectors: NDArray[np.float64], n: int,
    scales: tuple[int, ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:  # fmt: skip
    """Over so many components each: p, the squared distance of the centres, and how many.

    With the covariance of all rows, T² times a constant has a beta distribution.
    """
    m = len(centred) - n
    most = min(len(values), max(1, min(n, m) // _ROWS))
    places = [scale for scale in scales if scale <= most] or [most]
    k = places[-1]
    gap = centred[:n].mean(axis=0, dtype=float) - centred[n:].mean(axis=0, dtype=float)
    squares = np.cumsum((gap @ vectors[:, :k]) ** 2 / values[:k])[np.array(places) - 1]
    share = np.minimum(squares * n * m / (n + m) ** 2, 1.0)
    sizes = np.array(places, dtype=float)
    p = scipy.special.betainc((n + m - sizes - 1) / 2, sizes / 2, 1 - share)
    # Within groups there is less variance than in all: that is the distance which people mean.
    return np.asarray(p), np.asarray(squares / np.maximum(1 - share, _NOTHING)), places


def combined(p: NDArray[np.float64]) -> float:
    """One p of several, whatever their dependence (Liu and Xie 2020)."""
    held = np.clip(p, 1e-300, 1 - 1e-9)
    # The tangent of what is tiny is its reciprocal.
    tangents = np.where(held < 1e-9, 1 / (np.pi * held), np.tan(np.pi * (0.5 - held)))
    mean = float(tangents.mean())
    return 1 / (np.pi * mean) if mean > 1e9 else float(0.5 - np.arctan(mean) / np.pi)
