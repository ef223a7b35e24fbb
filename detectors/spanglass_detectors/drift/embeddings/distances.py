"""Energy distance, and the distance of centroid and covariance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.embeddings.kernels import (
    VectorResult,
    Vectors,
    checked,
    p_of,
    permuted_weights,
    squared_distances,
)

#: Directions of the greatest variance, in which covariances are compared.
_DIRECTIONS: Final = 32


def energy(
    reference: Any, current: Any, *, permutations: int = 199, most: int = 2_000, seed: int = 0
) -> VectorResult:
    """Energy distance with permutations: no width to choose (Székely and Rizzo 2004).

    Args:
        reference: rows of vectors.
        current: the same.
        permutations: from which p comes.
        most: rows a side has at most.
        seed: of the permutations.
    """
    sides = checked("energy", reference, current, most)
    if isinstance(sides, VectorResult):
        return sides
    one, other = sides
    pooled = np.concatenate(sides)
    lengths = np.sqrt(squared_distances(pooled, pooled))
    weights = permuted_weights(len(one), len(other), permutations, np.random.default_rng(seed))
    found = -np.einsum("ij,ij->i", weights @ lengths, weights)
    farther = lengths[len(one) :] @ weights[0]
    usual = float(lengths.mean()) or 1.0
    return VectorResult(
        "energy", float(found[0]), p_of(found), float(found[0]) / usual,
        "of the mean distance", len(one), len(other), tuple(np.argsort(-farther)[:10].tolist()),
    )  # fmt: skip


def frechet(
    reference: Any, current: Any, *, permutations: int = 99, most: int = 10_000, seed: int = 0
) -> VectorResult:
    """The distance of two normal distributions that fit (Fréchet 1957; Dowson and Landau 1982).

    The centroid is compared in all directions, the covariance in the 32 with the most variance.

    Args:
        reference: rows of vectors.
        current: the same.
        permutations: from which p comes.
        most: rows a side has at most.
        seed: of the permutations.
    """
    sides = checked("frechet", reference, current, most)
    if isinstance(sides, VectorResult):
        return sides
    one, other = sides
    pooled = np.concatenate(sides)
    centred = pooled - pooled.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(pooled))
    # The rest of the directions only move the centroid.
    seen = centred @ vectors[:, -_DIRECTIONS:]
    chance = np.random.default_rng(seed)
    order = np.arange(len(pooled))
    found = []
    for turn in range(permutations + 1):
        if turn:
            order = chance.permutation(order)
        first, second = order[: len(one)], order[len(one) :]
        gap = centred[first].mean(axis=0) - centred[second].mean(axis=0)
        found.append(float(gap @ gap) + _of_covariances(seen[first], seen[second]))
    gap = one.mean(axis=0) - other.mean(axis=0)
    total = float(values.sum()) or 1.0
    return VectorResult(
        "frechet", found[0], p_of(np.array(found)), found[0] / total, "of the variance",
        len(one), len(other), tuple(np.argsort(other @ gap)[:10].tolist()),
    )  # fmt: skip


def _of_covariances(one: Vectors, other: Vectors) -> float:
    """The trace of S + T - 2 (S T)^½."""
    s, t = (np.cov(side, rowvar=False) for side in (one, other))
    root = _root(s)
    middle = np.linalg.eigvalsh(root @ t @ root)
    return float(np.trace(s) + np.trace(t) - 2 * np.sqrt(np.maximum(middle, 0.0)).sum())


def _root(matrix: NDArray[Any]) -> NDArray[Any]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
