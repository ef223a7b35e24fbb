"""Maximum mean discrepancy: the distance of two sets of vectors through a Gaussian kernel.

Source: Gretton and others, A Kernel Two-Sample Test (2012); Rahimi and Recht, Random Features for
Large-Scale Kernel Machines (2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spanglass_detectors.drift.embeddings.kernels import (
    VectorResult,
    checked,
    p_of,
    permuted_weights,
    squared_distances,
    usual_distance,
)


def mmd(
    reference: Any, current: Any, *, permutations: int = 199, most: int = 2_000, seed: int = 0
) -> VectorResult:
    """The exact test, with permutations; memory grows with the square of the rows.

    Args:
        reference: rows of vectors.
        current: the same.
        permutations: from which p comes; p is at least 1 over one more.
        most: rows a side has at most.
        seed: of the permutations.
    """
    sides = checked("mmd", reference, current, most)
    if isinstance(sides, VectorResult):
        return sides
    one, other = sides
    chance = np.random.default_rng(seed)
    pooled = np.concatenate(sides)
    width = usual_distance(pooled, chance)
    kernel = np.exp(-squared_distances(pooled, pooled) / (2 * width * width))
    # Of a row with itself it says nothing.
    np.fill_diagonal(kernel, 0.0)
    weights = permuted_weights(len(one), len(other), permutations, chance)
    found = np.einsum("ij,ij->i", weights @ kernel, weights)
    # How much more each current row resembles its own than the reference.
    witness = -(kernel[len(one) :] @ weights[0])
    return VectorResult(
        "mmd", float(found[0]), p_of(found), float(np.sqrt(max(0.0, float(found[0])))),
        "kernel distance", len(one), len(other), tuple(np.argsort(-witness)[:10].tolist()),
    )  # fmt: skip


def mmd_features(
    reference: Any, current: Any, *, features: int = 512, permutations: int = 199, seed: int = 0
) -> VectorResult:
    """The same through random features: time and memory grow with the rows, not their square.

    Args:
        reference: rows of vectors.
        current: the same.
        features: random directions, each a cosine and a sine.
        permutations: from which p comes.
        seed: of directions and permutations.
    """
    sides = checked("mmd_features", reference, current)
    if isinstance(sides, VectorResult):
        return sides
    one, other = sides
    chance = np.random.default_rng(seed)
    pooled = np.concatenate(sides)
    width = usual_distance(pooled, chance)
    directions = chance.standard_normal((pooled.shape[1], features), dtype=np.float32) / width
    angles = pooled @ directions
    mapped = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(features)
    weights = permuted_weights(len(one), len(other), permutations, chance)
    means = weights @ mapped
    found = np.einsum("ij,ij->i", means, means)
    witness = -(mapped[len(one) :] @ means[0])
    return VectorResult(
        "mmd_features", float(found[0]), p_of(found), float(np.sqrt(max(0.0, float(found[0])))),
        "kernel distance", len(one), len(other), tuple(np.argsort(-witness)[:10].tolist()),
    )  # fmt: skip
