"""Texts that together are near to all others: the greedy answer to the k-center problem.

Source: T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance" (1985). The
farthest text is at most twice as far from a chosen one as the best choice could bring it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def k_centers(vectors: Vectors, count: int, known: Vectors | None = None) -> list[int]:
    """Rows that are far from each other and from what is known, the farthest first.

    Args:
        vectors: rows of unit length.
        count: how many, at most.
        known: rows that somebody has looked at already.
    """
    if not len(vectors) or count < 1:
        return []
    if known is not None and len(known):
        nearest = np.full(len(vectors), np.inf, np.float32)
        for each in known:
            np.minimum(nearest, 1 - vectors @ each, out=nearest)
        chosen = [int(nearest.argmax())]
    else:
        # What is nearest to the middle stands for the most.
        chosen = [int((vectors @ vectors.mean(axis=0)).argmax())]
        nearest = np.full(len(vectors), np.inf, np.float32)
    while True:
        np.minimum(nearest, 1 - vectors @ vectors[chosen[-1]], out=nearest)
        nearest[chosen[-1]] = -1
        following = int(nearest.argmax())
        # Nothing but copies of what is chosen is left.
        if len(chosen) >= count or nearest[following] <= 1e-6:
            return chosen
        chosen.append(following)


def farthest(vectors: Vectors, known: Vectors, count: int) -> list[int]:
    """Rows that are farthest from all that is known, the farthest first.

    Args:
        vectors: rows of unit length.
        known: rows of unit length; at least one.
        count: how many, at most.
    """
    nearest = np.full(len(vectors), np.inf, np.float32)
    for at in range(0, len(known), 256):
        np.minimum(nearest, (1 - vectors @ known[at : at + 256].T).min(axis=1), out=nearest)
    return [int(each) for each in np.argsort(-nearest, kind="stable")[:count]]
