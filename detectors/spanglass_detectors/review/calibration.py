"""What a judge's or detector's score is worth: the chance that people say yes, by the score.

Two ways to draw the line, by which fits examples better that it has not seen (five-fold, by the
Brier score): a logistic curve with the targets of J. Platt, "Probabilistic outputs for support
vector machines" (1999), which stay finite where scores part people's answers wholly; or steps that
never fall (isotonic: B. Zadrozny and C. Elkan, 2002), which need more examples. Intervals are of
the percentile bootstrap over examples.

Its failure modes: it holds for traffic like the examples. Examples that were chosen because a score
was doubtful stand for doubtful ones alone; give weights, or label by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

#: Examples of each answer, at least.
FEWEST: Final = 10
#: Examples of each answer below which steps are not tried.
_FEWEST_STEPS: Final = 50
_FOLDS: Final = 5
_RESAMPLES: Final = 200
#: Groups of scores that are shown, at most.
_GROUPS: Final = 10
_Z: Final = 1.959963984540054

_Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Examples with scores near each other.

    Attributes:
        score: their mean score.
        n: how many.
        share: of them that people said yes to.
        low: lower end of the share's 95 % interval (Wilson).
        high: upper end.
        calibrated: the chance that the calibration gives them.
    """

    score: float
    n: int
    share: float
    low: float
    high: float
    calibrated: float


@dataclass(frozen=True)
class Calibration:
    """From scores to chances.

    Attributes:
        method: which of the two fits better.
        n: examples.
        positives: those that people said yes to.
        points: scores and chances between which chances are interpolated, by score.
        threshold: the score from which on yes is likelier than no; None where there is none within
            the scores that occur.
        threshold_low: lower end of its 95 % interval.
        threshold_high: upper end.
        auc: the chance that a yes has a higher score than a no; ties count half.
        auc_low: lower end of its 95 % interval.
        auc_high: upper end.
        brier: mean squared error of the chances, on examples that were not fitted; 0 is best.
        brier_plain: of the share of yes alone, for comparison.
    """

    method: Literal["logistic", "isotonic"]
    n: int
    positives: int
    points: tuple[tuple[float, float], ...]
    threshold: float | None
    threshold_low: float | None
    threshold_high: float | None
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_plain: float
    groups: tuple[Group, ...]

    def chance(self, score: float) -> float:
        """The chance that people say yes to an answer with this score."""
        at, values = zip(*self.points, strict=True)
        return float(np.interp(score, at, values))


def calibrate(scores: Sequence[float], yes: Sequence[bool], seed: int = 0) -> Calibration | None:
    """Fits the chance of yes to scores.

    Args:
        scores: of the machine.
        yes: what people said of the same.
        seed: of folds and resampling: the same examples give the same answer.

    Returns:
        The calibration; None below `FEWEST` examples of either answer, or where all scores are the
        same.

    Raises:
        ValueError: if the two are not equally many, or a score is no number.
    """
    if len(scores) != len(yes):
        raise ValueError(f"{len(scores)} scores beside {len(yes)} answers")
    x, y = np.asarray(scores, float), np.asarray(yes, float)
    if not np.isfinite(x).all():
        raise ValueError("scores have to be finite numbers")
    positives = int(y.sum())
    fewest = min(positives, len(y) - positives)
    if fewest < FEWEST or np.ptp(x) == 0:
        return None
    rng = np.random.default_rng(seed)
    folds = _folds(y, rng)
    brier = {"logistic": _held_out(_logistic, x, y, folds)}
    if fewest >= _FEWEST_STEPS:
        brier["isotonic"] = _held_out(_isotonic, x, y, folds)
    method: Literal["logistic", "isotonic"] = (
        "isotonic" if brier.get("isotonic", math.inf) < brier["logistic"] else "logistic"
    )
    fit = _isotonic if method == "isotonic" else _logistic
    points = fit(x, y)
    cuts, areas = [], []
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, len(y), len(y))
        if 0 < y[rows].sum() < len(y) and np.ptp(x[rows]) > 0:
            cuts.append(_cut(fit(x[rows], y[rows])))
            areas.append(_auc(x[rows], y[rows]))
    cut = _cut(points)
    low, high = _between([each for each in cuts if each is not None], len(cuts))
    auc_low, auc_high = np.quantile(areas, [0.025, 0.975])
    plain = _held_out(lambda _, of: np.array([[0.0, of.mean()]]), x, y, folds)
    return Calibration(
        method, len(y), positives, tuple((float(a), float(b)) for a, b in points), cut,
        low if cut is not None else None, high if cut is not None else None, _auc(x, y),
        float(auc_low), float(auc_high), brier[method], plain, _groups(x, y, points),
    )  # fmt: skip


def _logistic(x: _Numbers, y: _Numbers) -> _Numbers:
    """Points of Platt's curve."""
    positives, n = y.sum(), len(y)
    high, low = (positives + 1) / (positives + 2), 1 / (n - positives + 2)
    target = np.where(y > 0, high, low)
    middle, width = x.mean(), x.std() or 1.0
    z = (x - middle) / width

    def loss(by: _Numbers) -> tuple[float, _Numbers]:
        line = by[0] * z + by[1]
        # log(1 + e^line) without overflow.
        value = float((np.logaddexp(0, line) - target * line).sum())
        error = 1 / (1 + np.exp(-np.clip(line, -500, 500))) - target
        return value, np.array([(error * z).sum(), error.sum()])

    start = np.array([0.0, math.log(high / low)])
    slope, offset = scipy.optimize.minimize(loss, start, jac=True, method="BFGS").x
    at = np.linspace(x.min(), x.max(), 101)
    chance = 1 / (1 + np.exp(-np.clip(slope * (at - middle) / width + offset, -500, 500)))
    return np.column_stack([at, chance])


def _isotonic(x: _Numbers, y: _Numbers) -> _Numbers:
    """Points of the steps that never fall."""
    at, place, count = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=y) / count
    steps: Any = scipy.optimize.isotonic_regression(means, weights=count)
    return np.column_stack([at, steps.x])


def _held_out(fit: Any, x: _Numbers, y: _Numbers, folds: NDArray[np.int64]) -> float:
    errors = np.empty(len(y))
    for fold in range(_FOLDS):
        out = folds == fold
        points = fit(x[~out], y[~out])
        errors[out] = (np.interp(x[out], points[:, 0], points[:, 1]) - y[out]) ** 2
    return float(errors.mean())


def _folds(y: _Numbers, rng: np.random.Generator) -> NDArray[np.int64]:
    """A fold for each example, with as many of either answer in each."""
    folds = np.empty(len(y), np.int64)
    for answer in (0, 1):
        own = np.flatnonzero(y == answer)
        folds[rng.permutation(own)] = np.arange(len(own)) % _FOLDS
    return folds


def _cut(points: _Numbers) -> float | None:
    """The score at which the chance passes one half."""
    above = points[:, 1] >= 0.5
    if above.all() or not above.any() or points[0, 1] > points[-1, 1]:
        return None
    last = int(above.argmax())
    (a, p), (b, q) = points[last - 1], points[last]
    return float(a + (b - a) * (0.5 - p) / (q - p))


def _between(cuts: Sequence[float], tries: int) -> tuple[float | None, float | None]:
    """The interval of a threshold; none where many resamples have no threshold at all."""
    if len(cuts) < 0.9 * tries:
        return None, None
    low, high = np.quantile(cuts, [0.025, 0.975])
    return float(low), float(high)


def _auc(x: _Numbers, y: _Numbers) -> float:
    positives = y.sum()
    ranks = scipy.stats.rankdata(x)[y > 0].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * (len(y) - positives)))


def _groups(x: _Numbers, y: _Numbers, points: _Numbers) -> tuple[Group, ...]:
    values = np.unique(x)
    tenths = np.unique(np.quantile(x, np.arange(_GROUPS) / _GROUPS))
    edges = values if len(values) <= _GROUPS else tenths
    place = np.searchsorted(edges, x, side="right") - 1
    found = []
    for group in range(len(edges)):
        own = place == group
        n = int(own.sum())
        if not n:
            continue
        share = float(y[own].mean())
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
        score = float(x[own].mean())
        chance = float(np.interp(score, points[:, 0], points[:, 1]))
        found.append(
            Group(score, n, share, max(0.0, middle - half), min(1.0, middle + half), chance)
        )
    return tuple(found)
