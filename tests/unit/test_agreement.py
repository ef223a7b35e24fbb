"""Agreement of judges, beside examples that were worked by hand."""

import numpy as np
import pytest

from spanglass_detectors.agreement import Level, Weights, cohen_kappa, krippendorff_alpha


def pairs(table: list[list[int]]) -> tuple[list[int], list[int]]:
    """Judgements that a table of counts stands for: rows the first judge's, columns the second's."""
    cells = [(a, b) for a, row in enumerate(table) for b, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in cells], [b for _, b in cells]


@pytest.mark.parametrize(
    ("table", "weights", "expected"),
    [
        # 35 of 50 are alike; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5 would be: (0.7 - 0.5) / 0.5.
        ([[20, 5], [10, 15]], "none", 0.4),
        # The same share of agreement; chance gives 0.6 * 0.7 + 0.4 * 0.3 = 0.54.
        ([[45, 15], [25, 15]], "none", (0.6 - 0.54) / 0.46),
        # Three ranks, 10 things, one off by two ranks: seen 2/10. By chance, of the margins 4, 3, 3
        # and 3, 3, 4: (12 + 2 * 16 + 9 + 12 + 2 * 9 + 9) / 100 = 0.92.
        ([[3, 0, 1], [0, 3, 0], [0, 0, 3]], "linear", 1 - 0.2 / 0.92),
        # The same with squares: seen 4/10; chance (12 + 4 * 16 + 9 + 12 + 4 * 9 + 9) / 100 = 1.42.
        ([[3, 0, 1], [0, 3, 0], [0, 0, 3]], "quadratic", 1 - 0.4 / 1.42),
        ([[5, 0], [0, 5]], "none", 1),
        ([[0, 5], [5, 0]], "none", -1),
    ],
)
def test_kappa_by_hand(table: list[list[int]], weights: Weights, expected: float) -> None:
    found = cohen_kappa(*pairs(table), weights=weights)
    assert found is not None
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9
    assert found.n == sum(map(sum, table))


_ = None
#: K. Krippendorff (2011), section D: four observers, twelve units, some not judged.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
#: Sections A and B: two observers of ten and twelve units.
TRUTHS = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
NAMES = ["aabbdcccedda", "babbbccceddd"]


def units(observers: list[list[int | None]] | list[list[int]] | list[str]) -> list[list[float]]:
    return [
        [value for value in column if value is not None] for column in zip(*observers, strict=True)
    ]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("observers", "level", "expected"),
    [
        (TRUTHS, "nominal", 0.095),
        (NAMES, "nominal", 0.692),
        (OBSERVERS, "nominal", 0.743),
        (OBSERVERS, "ordinal", 0.815),
        (OBSERVERS, "interval", 0.849),
        # Of two values, names, ranks and numbers are the same.
        (TRUTHS, "interval", 0.095),
        (TRUTHS, "ordinal", 0.095),
    ],
)
def test_alpha_as_published(observers: list[list[int]], level: Level, expected: float) -> None:
    found = krippendorff_alpha(units(observers), level)
    assert found is not None
    assert found.value == pytest.approx(expected, abs=0.0006)
    assert found.low < found.value < found.high
    assert found.n == sum(len(unit) > 1 for unit in units(observers))


def test_what_says_nothing() -> None:
    assert cohen_kappa([1] * 9, [1] * 9) is None
    assert cohen_kappa([1, 0, 1, 0], [1, 0, 1, 0]) is None
    assert cohen_kappa(range(60), range(60)) is None
    assert krippendorff_alpha([[1, 1]] * 9) is None
    assert krippendorff_alpha([[1], [0], [1], [0], [1], [0]]) is None
    with pytest.raises(ValueError, match="5 judgements beside 4"):
        cohen_kappa([1] * 5, [1] * 4)
    for wrong in ("yes", float("nan")):
        with pytest.raises(ValueError, match="finite numbers"):
            krippendorff_alpha([[0, 1], [1, wrong]] * 5, "interval")


def test_intervals_hold_what_they_promise() -> None:
    """Judges who agree in four of five: of 100 samples, nearly all intervals have the truth."""
    rng = np.random.default_rng(4)
    # Each truth is even, so chance gives a half: kappa is (0.8 - 0.5) / 0.5.
    held = 0
    for n in range(100):
        first = rng.integers(0, 2, 80)
        second = np.where(rng.random(80) < 0.8, first, 1 - first)
        found = cohen_kappa(first.tolist(), second.tolist(), seed=n)
        assert found is not None
        held += found.low <= 0.6 <= found.high
    assert held >= 88
