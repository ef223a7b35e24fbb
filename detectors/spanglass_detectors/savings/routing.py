"""Whether a cheaper model does as well, from scores that its answers and the dearer one's got.

Calls of both models are told apart into strata by how long the prompt was (quintiles of the dearer
model's calls), and the difference of the mean scores is weighted by that model's calls in them:

    d = sum over h of w_h * (mean score of the cheaper - of the dearer, in h),  w_h = n_h / n
    se^2 = sum over h of w_h^2 * (s_b,h^2 / n_b,h + s_a,h^2 / n_a,h)

The cheaper one is no worse if the lower end of the 95 % interval of d lies above -margin; with
several scores, if that holds for each (an intersection-union test, which needs no correction). What
would be saved of a call is the difference of the mean costs, weighted likewise.

Sources: G. Piaggio et al., "Reporting of noninferiority and equivalence randomized trials" (2012);
R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling" (1982); W. G. Cochran,
"Sampling Techniques" (1977), for post-stratification. Who chose the model for a call can have had a
reason that no length of a prompt shows: this is evidence, and an experiment is the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

#: Values of a side below which nothing is said, and of a stratum below which it is put to others.
FEWEST: Final = 50
_FEWEST_IN_STRATUM: Final = 8
_STRATA: Final = 5
#: By how much a score may be lower and still be called no worse, as a part of the range of its
#: values, which is at least 1.
MARGIN: Final = 0.03
#: Scores of which a higher one is better, by how their names begin.
BETTER_HIGHER: Final = (
    "relevance", "groundedness", "context_relevance", "task_success", "judge.", "user_feedback",
    "exact_match", "rouge", "bertscore_f1", "chrf",
)  # fmt: skip
#: Scores of which a lower one is better.
BETTER_LOWER: Final = ("refusal", "toxicity", "unsafe_output")


@dataclass(frozen=True)
class Graded:
    """Requests that a model answered, one place in each array.

    Attributes:
        length: tokens of the prompt.
        usd: cost.
        scores: by name; values that are not known are NaN.
    """

    length: NDArray[np.float64]
    usd: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Gap:
    """A weighted difference: the cheaper model's mean less the dearer one's."""

    difference: float
    low: float
    high: float
    n_dearer: int
    n_cheaper: int


@dataclass(frozen=True)
class Verdict:
    """Whether a cheaper model would do.

    Attributes:
        no_worse: whether every score says so.
        scores: the gap of each.
        usd: gap of the cost of a request: negative is a saving.
        reason: why it would not, or why nothing can be said.
    """

    no_worse: bool
    scores: dict[str, Gap]
    usd: Gap | None
    reason: str


def direction(name: str) -> int:
    """1 where a higher score is better, -1 where a lower one is, 0 where neither can be said."""
    if name.startswith(BETTER_LOWER):
        return -1
    return 1 if name.startswith(BETTER_HIGHER) else 0


def compare(dearer: Graded, cheaper: Graded, margin: float = MARGIN) -> Verdict:
    """Whether the cheaper model's answers got no worse scores.

    Args:
        dearer: requests of the model that costs more.
        cheaper: of the one that costs less.
        margin: by how much a score may be lower.
    """
    edges = np.quantile(dearer.length, np.linspace(0, 1, _STRATA + 1)[1:-1])
    a, b = np.searchsorted(edges, dearer.length), np.searchsorted(edges, cheaper.length)
    usd = _gap(dearer.usd, cheaper.usd, a, b, 1)
    scores: dict[str, Gap] = {}
    for name in sorted({*dearer.scores} & {*cheaper.scores}):
        sign = direction(name)
        if sign:
            gap = _gap(dearer.scores[name], cheaper.scores[name], a, b, sign)
            if gap is not None:
                scores[name] = gap
    if not scores:
        return Verdict(
            False, {}, usd,
            f"no score of quality was given to {FEWEST} answers of both models, to prompts of like"
            " length",
        )  # fmt: skip
    if usd is None or usd.high >= 0:
        return Verdict(False, scores, usd, "it is not surely cheaper on prompts of the same length")
    worse = [
        name
        for name, gap in scores.items()
        if gap.low <= -margin * _range(dearer.scores[name], cheaper.scores[name])
    ]
    reason = f"it may be worse by {', '.join(worse)}" if worse else ""
    return Verdict(not worse, scores, usd, reason)


def _range(first: NDArray[Any], second: NDArray[Any]) -> float:
    both = np.concatenate([first, second])
    return max(1.0, float(np.nanmax(both) - np.nanmin(both)))


def _gap(
    first: NDArray[Any], second: NDArray[Any], a: NDArray[Any], b: NDArray[Any], sign: int
) -> Gap | None:
    """The weighted difference; positive is better for the second where `sign` says so."""
    known_a, known_b = np.isfinite(first), np.isfinite(second)
    if min(known_a.sum(), known_b.sum()) < FEWEST:
        return None
    first, second, a, b = first[known_a], second[known_b], a[known_a], b[known_b]
    total, variance, weight = 0.0, 0.0, 0.0
    for stratum in range(_STRATA):
        x, y = first[a == stratum], second[b == stratum]
        if min(x.size, y.size) < _FEWEST_IN_STRATUM:
            continue
        total += x.size * float(y.mean() - x.mean())
        variance += x.size**2 * float(y.var(ddof=1) / y.size + x.var(ddof=1) / x.size)
        weight += x.size
    # What is compared has to be most of what would be routed.
    if weight < first.size / 2:
        return None
    gap = sign * total / weight
    half = float(scipy.stats.norm.ppf(0.975)) * float(np.sqrt(variance)) / weight
    return Gap(gap, gap - half, gap + half, int(first.size), int(second.size))
