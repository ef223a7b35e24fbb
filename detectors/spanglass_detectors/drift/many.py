"""Many tests at once: what is found must not be mostly chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.results import DriftResult


def benjamini_hochberg(p: Sequence[float]) -> NDArray[np.float64]:
    """Corrected p values: rejecting those up to q keeps the share of false ones below q.

    It holds for tests that are independent or rise together (Benjamini and Yekutieli 2001).

    Source: Benjamini and Hochberg (1995).

    Raises:
        ValueError: if something is no probability.
    """
    values = np.asarray(p, dtype=float)
    if values.size and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise ValueError("a p value lies between 0 and 1")
    order = np.argsort(values)
    ranked = values[order] * len(values) / np.arange(1, len(values) + 1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1.0, np.minimum.accumulate(ranked[::-1])[::-1])
    return corrected


def judge(results: Sequence[DriftResult], q: float) -> list[DriftResult]:
    """Results whose verdicts count with all the others that were tested.

    Args:
        results: those without a test stay as they are.
        q: the share of false ones among what is found.
    """
    tested = [n for n, each in enumerate(results) if each.p is not None]
    corrected = benjamini_hochberg([results[n].p or 0.0 for n in tested])
    found = list(results)
    for n, p in zip(tested, corrected, strict=True):
        found[n] = found[n].judged(float(p), q)
    return found


class OnlineFdr:
    """The level of each test of a stream of them that never ends (LORD++).

    Of everything that is ever found, at most the share `alpha` is false, however long it goes on,
    if tests are independent. Levels shrink while nothing is found, and each finding earns some
    back.

    Source: Ramdas, Yang, Wainwright and Jordan (2017).

    Args:
        alpha: that share.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 < alpha < 1:
            raise ValueError("alpha lies between 0 and 1")
        self._alpha = alpha
        self._start = alpha / 2
        self._tests = 0
        self._found: list[int] = []

    def level(self) -> float:
        """What the next p has to be below."""
        now = self._tests + 1
        level = _gamma(now) * self._start
        for place, at in enumerate(self._found):
            earned = self._alpha - self._start if place == 0 else self._alpha
            level += earned * _gamma(now - at)
        return level

    def test(self, p: float) -> bool:
        """Whether the next test finds something."""
        is_found = p <= self.level()
        self._tests += 1
        if is_found:
            self._found.append(self._tests)
        return is_found


_GAMMA: Final = 0.07720838


def _gamma(n: int) -> float:
    """A series that sums up to about 1 and falls slowly."""
    return float(_GAMMA * np.log(max(n, 2)) / (n * np.exp(np.sqrt(np.log(n)))))


class EProcess:
    """Evidence against "nothing changed" that may be looked at, and stopped at, at any time.

    Each p is turned into a bet, and the bets' product is what a stake of 1 would have become.
    Without a change it ever exceeds 1 / alpha with a probability of at most alpha (Ville).

    Source: Vovk and Wang, E-values: calibration, combination and applications (2021); Ramdas and
    others, Game-theoretic statistics and safe anytime-valid inference (2023).
    """

    def __init__(self) -> None:
        self.log_value = 0.0

    def update(self, p: float) -> float:
        """The evidence after one more p of data that were not seen before.

        Raises:
            ValueError: if it is no probability.
        """
        if not 0 <= p <= 1:
            raise ValueError("a p value lies between 0 and 1")
        self.log_value += float(np.log(e_value(p)))
        return self.value

    @property
    def value(self) -> float:
        """The evidence; its inverse is an anytime-valid p."""
        return float(np.exp(min(700.0, self.log_value)))


def e_value(p: float) -> float:
    """The bet that a p makes: the mean of k p^(k-1) over all k between 0 and 1."""
    p = max(p, 1e-300)
    if p == 1.0:
        return 0.5
    log = np.log(p)
    return float((1 - p + p * log) / (p * log * log))


def e_benjamini_hochberg(evidence: Sequence[float], q: float) -> list[int]:
    """Which of many e-values count: false ones are at most the share q, however they depend.

    Source: Wang and Ramdas, False discovery rate control with e-values (2022).
    """
    order = sorted(range(len(evidence)), key=lambda n: -evidence[n])
    kept = 0
    for rank, n in enumerate(order, 1):
        if rank * evidence[n] >= len(evidence) / q:
            kept = rank
    return sorted(order[:kept])
