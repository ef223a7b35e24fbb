"""Compares two windows of one metric: kind, test, effect and verdict in one result.

from spanglass_detectors.drift import compare

print(compare(last_week, today, metric="output_tokens"))
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.bins import (
    binned,
    category_counts,
    decile_edges,
    merged_counts,
    shown_edges,
)
from spanglass_detectors.drift.blocks import design_effect as of_blocks
from spanglass_detectors.drift.categorical import CATEGORICAL_TESTS, Counts, pooled_rare
from spanglass_detectors.drift.effects import cohens_h, moved, moved_share
from spanglass_detectors.drift.numeric import NUMERIC_TESTS
from spanglass_detectors.drift.ordered import Values, histogram, in_order, quantiles
from spanglass_detectors.drift.results import (
    Distribution,
    DriftResult,
    Kind,
    not_tested,
    verdict_of,
)
from spanglass_detectors.drift.words import (
    category_words,
    number_words,
    share_words,
)

#: The test of a kind, unless one is asked for; docs/drift.md has the table of power behind it.
DEFAULT_TESTS: Final[Mapping[Kind, str]] = {
    "numeric": "smooth", "categorical": "chi_squared", "boolean": "chi_squared",
}  # fmt: skip
#: The effect from which a change matters: standard deviations, a share of all, Cohen's h.
THRESHOLDS: Final[Mapping[Kind, float]] = {"numeric": 0.1, "categorical": 0.05, "boolean": 0.1}
#: Values a window needs.
LEAST: Final = 30
#: Values whose squares, and sums of them, are still numbers.
_LARGEST: Final = 1e100
#: Categories of a picture.
_SHOWN: Final = 12
_TRUTHS: Final = ("false", "true")


def kind_of(values: Sequence[Any] | NDArray[Any]) -> Kind:
    """Numbers, truths or words; zeros and ones alone are truths.

    Raises:
        TypeError: for what is none of them.
    """
    array = np.asarray(values)
    if array.dtype == object:
        known = [each for each in array.tolist() if each is not None]
        if known and all(isinstance(each, bool | np.bool_) for each in known):
            return "boolean"
        if not all(isinstance(each, int | float | np.number) for each in known):
            return "categorical"
        array = np.array(known, dtype=float)
    if array.dtype == bool:
        return "boolean"
    if array.dtype.kind in "US":
        return "categorical"
    if array.dtype.kind not in "iuf":
        raise TypeError(f"values of the type {array.dtype} are neither numbers nor words")
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    # Most columns that are none show it at once.
    is_truth = len(finite) > 0 and all(
        bool(((part == 0) | (part == 1)).all()) for part in (finite[:1000], finite[1000:])
    )
    return "boolean" if is_truth else "numeric"


def compare(
    reference: Sequence[Any] | NDArray[Any],
    current: Sequence[Any] | NDArray[Any],
    *,
    metric: str = "",
    kind: Kind | None = None,
    test: str = "",
    alpha: float = 0.05,
    threshold: float | None = None,
    least: int = LEAST,
    reference_blocks: NDArray[Any] | None = None,
    current_blocks: NDArray[Any] | None = None,
    interval: bool = True,
) -> DriftResult:
    """Whether a metric changed from one window to another.

    Bad input gives a result that says why nothing was tested, not an exception.

    Args:
        reference: values of then: numbers, truths, words; None and NaN are missing.
        current: values of now.
        metric: its name, for the result.
        kind: what the values are; found out unless given.
        test: by name (`NUMERIC_TESTS`, `CATEGORICAL_TESTS`); the kind's default unless given.
        alpha: p from which on there is no change.
        threshold: effect from which a change matters; the kind's default unless given.
        least: values that each window needs.
        reference_blocks: a label a value (hour, session), so that values that resemble each other
            do not count as many; see `blocks`.
        current_blocks: the same.
        interval: whether to compute the effect's interval, which takes longest.

    Raises:
        ValueError: for a test that is not there, or not for this kind.
    """
    result = _compare(
        reference, current, kind, test, alpha, threshold, least,
        reference_blocks, current_blocks, interval,
    )  # fmt: skip
    return replace(result, metric=metric)


def _compare(
    reference: Any, current: Any, kind: Kind | None, test: str, alpha: float,
    threshold: float | None, least: int, reference_blocks: NDArray[Any] | None,
    current_blocks: NDArray[Any] | None, interval: bool,
) -> DriftResult:  # fmt: skip
    try:
        sides = [np.asarray(each) for each in (reference, current)]
    except ValueError:
        return not_tested("values are not in one row")
    if any(side.ndim != 1 for side in sides):
        return not_tested("values are not in one row")
    known = [_known(side) for side in sides]
    sizes = [int(each.sum()) for each in known]
    if kind is None:
        kinds = []
        for side, mask in zip(sides, known, strict=True):
            try:
                kinds.append(kind_of(side[mask]) if mask.any() else None)
            except TypeError as error:
                return not_tested(str(error), "numeric", *sizes)
            except OverflowError:
                return not_tested("some values are larger than a number can be", "numeric", *sizes)
        there = {each for each in kinds if each is not None}
        if there == {"numeric", "boolean"}:
            there = {"numeric"}
        if len(there) > 1:
            return not_tested(
                f"the reference is {kinds[0]} and the current window {kinds[1]}", "numeric", *sizes
            )
        kind = there.pop() if there else "numeric"
    for name, side, size in zip(("reference", "current window"), sides, sizes, strict=True):
        if size < least:
            missing = f", {len(side) - size} more are missing" if len(side) > size else ""
            return not_tested(
                f"the {name} has {size} values of {least} that are needed{missing}", kind, *sizes
            )
    values = [
        side if size == len(side) else side[mask]
        for side, mask, size in zip(sides, known, sizes, strict=True)
    ]
    blocks = [
        None if given is None else np.asarray(given)[mask]
        for given, mask in zip((reference_blocks, current_blocks), known, strict=True)
    ]
    if kind == "numeric":
        try:
            numbers = [each.astype(float, copy=False) for each in values]
        except (TypeError, ValueError, OverflowError):
            return not_tested("some values are no numbers", kind, *sizes)
        effect = 1.0
        if blocks[0] is not None and blocks[1] is not None:
            effect = of_blocks(numbers[0], numbers[1], blocks[0], blocks[1])
        return compare_numbers(
            numbers[0], numbers[1], test=test, alpha=alpha, threshold=threshold,
            design_effect=effect, interval=interval,
        )  # fmt: skip
    if kind == "boolean":
        truths = [each.astype(float) > 0 for each in values]
        names = list(_TRUTHS)
        before, now = (np.bincount(each, minlength=2).astype(float) for each in truths)
    else:
        words = [each if each.dtype.kind == "U" else each.astype(str) for each in values]
        names, before, now = category_counts(words[0], words[1])
    effect = 1.0
    if blocks[0] is not None and blocks[1] is not None:
        if kind == "boolean":
            codes = [each.astype(float) for each in truths]
        else:
            place = {name: float(n) for n, name in enumerate(names)}
            codes = [np.array([place.get(w, -1.0) for w in each.tolist()]) for each in words]
        effect = of_blocks(codes[0], codes[1], blocks[0], blocks[1])
    return compare_counts(
        dict(zip(names, before, strict=True)), dict(zip(names, now, strict=True)), kind=kind,
        test=test, alpha=alpha, threshold=threshold, least=least, design_effect=effect,
    )  # fmt: skip


def compare_numbers(
    reference: Values,
    current: Values,
    *,
    test: str = "",
    alpha: float = 0.05,
    threshold: float | None = None,
    design_effect: float = 1.0,
    interval: bool = True,
) -> DriftResult:
    """Compares finite numbers.

    Raises:
        ValueError: for a test of another name.
    """
    name = test or DEFAULT_TESTS["numeric"]
    limit = THRESHOLDS["numeric"] if threshold is None else threshold
    sizes = len(reference), len(current)
    # What follows sorts many times; of what is sorted that costs little.
    reference, current = in_order(reference), in_order(current)
    if reference[0] == reference[-1] == current[0] == current[-1]:
        return not_tested(f"every value is {reference[0]:g} in both windows", "numeric", *sizes)
    if max(abs(float(side[at])) for side in (reference, current) for at in (0, -1)) > _LARGEST:
        return not_tested(
            f"some values are beyond {_LARGEST:g}: their squares are no numbers", "numeric", *sizes
        )
    if name in NUMERIC_TESTS:
        found = NUMERIC_TESTS[name](reference, current, design_effect)
    elif name in ("psi", "jensen_shannon"):
        inner = decile_edges(reference)
        found = CATEGORICAL_TESTS[name](
            binned(reference, inner), binned(current, inner), design_effect
        )
    else:
        raise ValueError(
            f"there is no test {name!r} of numbers; there are {', '.join(NUMERIC_TESTS)}"
        )
    effect = moved(reference, current, interval=interval)
    edges = shown_edges(reference, current)
    shares = [histogram(each, edges) for each in (reference, current)]
    before, now = (float(quantiles(each, [0.5])[0]) for each in (reference, current))
    if before == now:
        # Rare large values move the mean alone.
        before, now = (float(np.mean(each)) for each in (reference, current))
    return DriftResult(
        kind="numeric", test=name, statistic=found.statistic, p=found.p, effect=effect.value,
        effect_name="standard deviations moved", low=effect.low, high=effect.high,
        threshold=limit, design_effect=design_effect, n_reference=sizes[0], n_current=sizes[1],
        reference_value=before, current_value=now,
        verdict=verdict_of(found.p, alpha, effect.value, limit),
        explanation=number_words(reference, current, effect.value),
        distribution=Distribution(
            tuple(f"{a:.4g} … {b:.4g}" for a, b in itertools.pairwise(edges)),
            tuple(edges.tolist()), tuple(shares[0].tolist()), tuple(shares[1].tolist()),
        ),
    )  # fmt: skip


def compare_counts(
    reference: Mapping[str, float],
    current: Mapping[str, float],
    *,
    kind: Kind = "categorical",
    test: str = "",
    alpha: float = 0.05,
    threshold: float | None = None,
    least: int = LEAST,
    design_effect: float = 1.0,
) -> DriftResult:
    """Compares counts by category; of truths by `true` and `false`.

    Raises:
        ValueError: for a test of another name.
    """
    limit = THRESHOLDS[kind] if threshold is None else threshold
    names, before, now = merged_counts(dict(reference), dict(current))
    sizes = int(before.sum()), int(now.sum())
    for place, size in zip(("reference", "current window"), sizes, strict=True):
        if size < least:
            return not_tested(
                f"the {place} has {size} values of {least} that are needed", kind, *sizes
            )
    if len(names) == 1:
        return not_tested(f"every value is {names[0]!r} in both windows", kind, *sizes)
    wanted = test or DEFAULT_TESTS[kind]
    if not test and kind == "boolean" and _is_small(before, now):
        wanted = "fisher"
    if wanted not in CATEGORICAL_TESTS:
        raise ValueError(
            f"there is no test {wanted!r} of categories; there are {', '.join(CATEGORICAL_TESTS)}"
        )
    tested = (
        (before, now) if wanted in ("fisher", "jensen_shannon", "psi") else pooled_rare(before, now)
    )
    if len(tested[0]) == 1 and not test:
        # All but the commonest are rare, also together: a new one is, at first.
        top = int(np.argmax(before + now))
        wanted = "fisher"
        tested = (
            np.array([before[top], before.sum() - before[top]]),
            np.array([now[top], now.sum() - now[top]]),
        )
    found = CATEGORICAL_TESTS[wanted](*tested, design_effect)
    if kind == "boolean":
        true = names.index("true")
        shares = [float(side[true] / side.sum()) for side in (before, now)]
        effect = cohens_h(shares[0], sizes[0], shares[1], sizes[1], design_effect)
        words, called = share_words(*shares), "Cohen's h"
    else:
        shares = []
        effect = moved_share(before, now)
        words, called = category_words(names, before, now), "share moved"
    return DriftResult(
        kind=kind, test=wanted, statistic=found.statistic, p=found.p, effect=effect.value,
        effect_name=called, low=effect.low, high=effect.high, threshold=limit,
        design_effect=design_effect, n_reference=sizes[0], n_current=sizes[1],
        reference_value=shares[0] if shares else None,
        current_value=shares[1] if shares else None,
        verdict=verdict_of(found.p, alpha, effect.value, limit), explanation=words,
        distribution=_shown(names, before, now),
    )  # fmt: skip


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are there: not None, not NaN, not infinite."""
    if values.dtype.kind == "f":
        return np.asarray(np.isfinite(values))
    if values.dtype == object:
        return np.array(
            [
                each is not None and not (isinstance(each, float) and not np.isfinite(each))
                for each in values.tolist()
            ],
            dtype=bool,
        )
    return np.ones(len(values), dtype=bool)


def _is_small(before: Counts, now: Counts) -> bool:
    both = before + now
    return bool((both * min(before.sum(), now.sum()) / both.sum() < 5).any())


def _shown(names: list[str], before: Counts, now: Counts) -> Distribution:
    sides = [side / side.sum() for side in (before, now)]
    order = np.argsort(-(sides[0] + sides[1]), kind="stable")
    first, rest = order[:_SHOWN], order[_SHOWN:]
    labels = [names[at] for at in first]
    shares = [[float(side[at]) for at in first] for side in sides]
    if len(rest):
        labels.append("(others)")
        for kept, side in zip(shares, sides, strict=True):
            kept.append(float(side[rest].sum()))
    return Distribution(tuple(labels), (), tuple(shares[0]), tuple(shares[1]))
