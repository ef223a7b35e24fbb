"""Arrays for the benchmark of drift: the same for every system, from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = tuple[Array, Array]

DIMENSIONS: Final = 384
_TOPICS: Final = 10
_ROTATED: Final = 20
_WORDS: Final = tuple(f"word {n}" for n in range(12))


def columns(rows: int, count: int, seed: int = 1) -> tuple[dict[str, Array], dict[str, Array]]:
    """A table's columns, then and now: half numbers, the rest words and truths; one of three moved."""
    r = np.random.default_rng(seed)
    sides: tuple[dict[str, Array], dict[str, Array]] = ({}, {})
    for n in range(count):
        for now, side in enumerate(sides):
            moved = 0.1 * now if n % 3 == 0 else 0.0
            if n < count // 2:
                side[f"number_{n}"] = r.lognormal(moved, 0.6, rows)
            elif n < count * 4 // 5:
                shares = np.arange(1, len(_WORDS) + 1) ** (-1.0 - moved)
                side[f"word_{n}"] = r.choice(_WORDS, rows, p=shares / shares.sum())
            else:
                side[f"truth_{n}"] = r.random(rows) < 0.2 + moved / 5
    return sides


def vectors(rows: int, *, change: str = "", seed: int = 2, which: int = 0) -> Pair:
    """Unit vectors of ten topics, then and now.

    Args:
        rows: of a side.
        change: `topic` (one has twice its mass), `rotation` (of twenty dimensions), or none.
        seed: of the topics' places.
        which: draw of this number.
    """
    places = np.random.default_rng(seed).normal(0, 1, (_TOPICS, DIMENSIONS)) * 0.4
    # Directions differ in what they carry, as those of a model do.
    spread = 1 / np.sqrt(1 + np.arange(DIMENSIONS) / 20)
    r = np.random.default_rng((seed, which))
    sides = []
    for now in (False, True):
        shares = np.full(_TOPICS, 1 / _TOPICS)
        if now and change == "topic":
            shares[0] *= 2
            shares[1:] *= (1 - shares[0]) / shares[1:].sum()
        found = places[r.choice(_TOPICS, rows, p=shares)] + spread * r.normal(
            size=(rows, DIMENSIONS)
        )
        if now and change == "rotation":
            # By half a right angle, in ten planes.
            a, b = found[:, : _ROTATED // 2], found[:, _ROTATED // 2 : _ROTATED]
            turn = np.pi / 4
            turned = np.cos(turn) * a - np.sin(turn) * b, np.sin(turn) * a + np.cos(turn) * b
            found[:, :_ROTATED] = np.concatenate(turned, axis=1)
        sides.append((found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32))
    return sides[0], sides[1]


def _following(r: np.random.Generator, n: int) -> Array:
    """Values of which each has half of the one before it."""
    shocks, values = r.normal(size=n), np.empty(n)
    last = 0.0
    for place in range(n):
        last = values[place] = 0.5 * last + shocks[place]
    return values


#: What does not change.
STILL: Final[dict[str, Callable[[np.random.Generator, int], Array]]] = {
    "normal": lambda r, n: r.normal(size=n),
    "heavy-tailed (Student's t, 1.5)": lambda r, n: r.standard_t(1.5, size=n),
    "lognormal": lambda r, n: r.lognormal(0, 2, size=n),
    "discrete (Poisson, 1.5)": lambda r, n: r.poisson(1.5, size=n).astype(float),
    "mostly tied (Poisson, 0.1)": lambda r, n: r.poisson(0.1, size=n).astype(float),
    "autocorrelated (0.5)": _following,
}
#: Named changes of normal values.
CHANGES: Final[dict[str, Callable[[np.random.Generator, int], Array]]] = {
    "mean 0.2 sd": lambda r, n: r.normal(0.2, 1, size=n),
    "deviation 1.2 times": lambda r, n: r.normal(0, 1.2, size=n),
    "mixture, 5 % at 4 sd": lambda r, n: r.normal(size=n) + 4 * (r.random(n) < 0.05),
}


def draws(
    now: Callable[[np.random.Generator, int], Array], then: Callable[[np.random.Generator, int], Array],
    sizes: tuple[int, int], times: int, seed: int,
) -> Iterator[Pair]:  # fmt: skip
    """Pairs of samples, the same ones whenever they are asked for."""
    for n in range(times):
        r = np.random.default_rng((seed, n))
        yield then(r, sizes[0]), now(r, sizes[1])
