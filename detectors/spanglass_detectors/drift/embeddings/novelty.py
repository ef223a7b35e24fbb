"""Which vectors are unlike anything before, and what the texts of a new region have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.drift.embeddings.kernels import (
    VectorResult,
    Vectors,
    checked,
    squared_distances,
)

#: Rows whose distances are in memory at a time.
_ROWS: Final = 512
_TERM: Final = re.compile(r"[^\W\d_][\w'-]+")


def novelty(
    reference: Any, current: Any, *, neighbours: int = 5, share: float = 0.01, most: int = 5_000
) -> VectorResult:
    """How many current rows are farther from the reference than nearly all of its own rows.

    Half of the reference says what is far from the other half. The effect is the share of current
    rows beyond that; without a change it is `share`. The p is the binomial's, with the limit's own
    uncertainty. `moved` has the farthest.

    Args:
        reference: rows of vectors.
        current: the same.
        neighbours: whose distance counts: the how many-th nearest.
        share: of the reference that counts as far.
        most: rows a side has at most.
    """
    sides = checked("novelty", reference, current, most)
    if isinstance(sides, VectorResult):
        return sides
    known, held = sides[0][::2], sides[0][1::2]
    usual = nearest(known, held, neighbours)
    own = nearest(known, sides[1], neighbours)
    limit = float(np.quantile(usual, 1 - share))
    far = int((own > limit).sum())
    beyond = int((usual > limit).sum())
    p = _more(far, len(own), beyond, len(usual))
    return VectorResult(
        "novelty", far / len(own), p, far / len(own), "share of new rows", len(sides[0]),
        len(sides[1]), tuple(np.argsort(-own)[: min(10, max(far, 1))].tolist()),
    )  # fmt: skip


def nearest(known: Vectors, rows: Vectors, neighbours: int) -> NDArray[np.float32]:
    """Each row's distance to its how many-th nearest known one."""
    which = min(neighbours, len(known)) - 1
    found = [
        np.partition(squared_distances(rows[at : at + _ROWS], known), which, axis=1)[:, which]
        for at in range(0, len(rows), _ROWS)
    ]
    return np.asarray(np.sqrt(np.concatenate(found)))


def _more(hits: int, n: int, others: int, m: int) -> float:
    """Fisher's one-sided p that hits of n are more than others of m."""
    return float(min(1.0, scipy.stats.hypergeom.sf(hits - 1, n + m, hits + others, n)))


def region_terms(texts: Sequence[str], inside: Sequence[int], most: int = 8) -> list[str]:
    """Words that are commoner in some texts than in the others, the most telling first.

    Source: Monroe, Colaresi and Quinn, Fightin' Words (2008): log odds with a prior from all texts,
    in standard deviations.

    Args:
        texts: all of them.
        inside: places of those that are asked about.
        most: words that are named.
    """
    chosen = set(inside)
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for place, text in enumerate(texts):
        counts[place in chosen].update({word.lower() for word in _TERM.findall(text)})
    rest, own = counts
    sizes = len(texts) - len(chosen), len(chosen)
    found = []
    for word, count in own.items():
        prior = (count + rest[word]) / len(texts)
        a, b = count + prior, rest[word] + prior
        odds = scipy.special.logit(a / (sizes[1] + 2)) - scipy.special.logit(b / (sizes[0] + 2))
        z = float(odds) / float(np.sqrt(1 / a + 1 / b))
        if count >= 2 and z > 1.0:
            found.append((-z, word))
    return [word for _, word in sorted(found)[:most]]
