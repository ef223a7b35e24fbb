"""Whether a classifier can tell the windows apart: if so, they differ, and it says where."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.drift.embeddings.kernels import VectorResult, Vectors, checked


def classifier(reference: Any, current: Any, *, most: int = 10_000, seed: int = 0) -> VectorResult:
    """The classifier two-sample test: a linear one learns on one half and is tried on the other.

    It sees each number and its square, so that a spread is seen, too. The statistic is the
    probability that it ranks a current row above one of the reference (AUC), the p Mann and
    Whitney's.

    Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests (2017).

    Args:
        reference: rows of vectors.
        current: the same.
        most: rows a side has at most.
        seed: of the halves.
    """
    sides = checked("classifier", reference, current, most)
    if isinstance(sides, VectorResult):
        return sides
    chance = np.random.default_rng(seed)
    pooled = np.concatenate(sides)
    deviation = pooled.std(axis=0)
    scaled = (pooled - pooled.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    seen = np.concatenate([scaled, scaled**2], axis=1)
    places = [chance.permutation(len(side)) for side in sides]
    places[1] = places[1] + len(sides[0])
    learned = [np.concatenate([each[k::2] for each in places]) for k in (0, 1)]
    is_current = np.arange(len(pooled)) >= len(sides[0])
    scores = np.empty(len(pooled))
    z, areas = 0.0, []
    for own, others in (learned, learned[::-1]):
        weights = _fitted(seen[own], is_current[own])
        scores[others] = seen[others] @ weights
        area, each = _area(scores[others], is_current[others])
        areas.append(area)
        z += each
    # Both halves together; what one learned from, the other was tried on, so they are not quite
    # independent, and the sum is taken as if they were one: that keeps the rate.
    z /= 2
    area = float(np.mean(areas))
    own = scores[len(sides[0]) :]
    return VectorResult(
        "classifier", area, float(scipy.special.ndtr(-z)), 2 * abs(area - 0.5), "2 AUC - 1",
        len(sides[0]), len(sides[1]), tuple(np.argsort(-own)[:10].tolist()),
    )  # fmt: skip


def _fitted(x: Vectors, y: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A linear discriminant, held back the more, the fewer rows there are."""
    one, other = x[y].mean(axis=0), x[~y].mean(axis=0)
    centred = np.where(y[:, None], x - one, x - other)
    covariance = (centred.T @ centred / len(x)).astype(float)
    held = min(0.9, x.shape[1] / len(x))
    middle = float(np.trace(covariance)) / len(covariance) or 1.0
    shrunk = (1 - held) * covariance + held * middle * np.eye(len(covariance))
    return np.asarray(np.linalg.solve(shrunk + 1e-6 * middle * np.eye(len(shrunk)), one - other))


def _area(scores: NDArray[np.float64], y: NDArray[np.bool_]) -> tuple[float, float]:
    """AUC, and how many standard deviations it is above a half."""
    n, m = int(y.sum()), int((~y).sum())
    area = (float(scipy.stats.rankdata(scores)[y].sum()) - n * (n + 1) / 2) / (n * m)
    return area, (area - 0.5) / float(np.sqrt((n + m + 1) / (12 * n * m)))
