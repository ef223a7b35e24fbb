"""Two sets of values compared, as the API says it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, Field

from spanglass_store.errors import StoreError
from spanglass_store.queries.quality_changes import Sums

if TYPE_CHECKING:
    from spanglass_detectors.comparison import Difference

#: Of which values the median and the 95th percentile are compared, too.
_TAILED: Final = ("duration_s", "time_to_first_token_s")
Statistic = Literal["mean", "share", "p50", "p95"]
_QUANTILES: Final[tuple[tuple[Statistic, float], ...]] = (("p50", 0.5), ("p95", 0.95))
Correction = Literal["holm", "benjamini-hochberg"]


class Compared(BaseModel):
    """A value before and after, with a 95 % interval of the difference."""

    name: str
    statistic: Statistic = Field(
        description="share: of those that are true, for values that are 0 or 1."
    )
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float | None = Field(description="Corrected for how many are compared; null for quantiles.")
    superiority: float | None = Field(
        description="How often a value after is larger than one before, ties counted half: 0.5"
        " without a shift (Mann and Whitney). Null for shares and quantiles."
    )
    superiority_p: float | None = Field(description="Of that, corrected the same way.")
    is_clear: bool = Field(description="Whether the interval leaves zero out.")
    always_low: float | None = Field(
        description="Interval that holds however often one looks; null for quantiles and below 30"
        " values on a side."
    )
    always_high: float | None
    n_before: int
    n_after: int


class SampleRatio(BaseModel):
    """How users, or else sessions, were split between the sides."""

    units_before: int
    units_after: int
    share: float = Field(description="Of the second side.")
    expected: float
    p: float
    is_mismatch: bool = Field(
        description="p is below 0.001: the split is broken, and so is what is compared."
    )


class Comparison(BaseModel):
    """Two sets of calls, value by value; those with fewer than five on a side are left out."""

    values: list[Compared]
    left_out: list[str]
    sample_ratio: SampleRatio | None = Field(description="Where an expected share was given.")


def compared(
    before: Mapping[str, list[float]],
    after: Mapping[str, list[float]],
    correction: Correction = "holm",
) -> Comparison:
    """Compares values by name.

    Raises:
        StoreError: if numpy or scipy is not installed.
    """
    if not before and not after:
        # The packages take seconds to load.
        return Comparison(values=[], left_out=[], sample_ratio=None)
    try:
        from spanglass_detectors import comparison as by
        from spanglass_detectors import experiment
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    found: list[tuple[str, Statistic, by.Difference, by.Shift | None]] = []
    left_out: list[str] = []
    for name in sorted({*before, *after}):
        a, b = before.get(name, []), after.get(name, [])
        is_share = {*a, *b} <= {0.0, 1.0}
        middle = by.shares(a, b) if is_share else by.means(a, b)
        if middle is None:
            left_out.append(name)
            continue
        found.append(
            (name, "share" if is_share else "mean", middle, None if is_share else by.shift(a, b))
        )
        if name in _TAILED:
            for statistic, q in _QUANTILES:
                if (tail := by.quantiles(a, b, q)) is not None:
                    found.append((name, statistic, tail, None))
    looks = {
        name: experiment.always_valid(before.get(name, []), after.get(name, []))
        for name, statistic, _, _ in found
        if statistic in ("mean", "share")
    }

    def ends(name: str, statistic: Statistic) -> tuple[float | None, float | None]:
        look = looks.get(name) if statistic in ("mean", "share") else None
        return (look.low, look.high) if look is not None else (None, None)

    correct = by.holm if correction == "holm" else by.benjamini_hochberg
    ps = iter(correct([each.p for _, _, each, _ in found if each.p is not None]))
    shifts = iter(correct([each.p for *_, each in found if each is not None]))
    return Comparison(
        sample_ratio=None,
        values=[
            Compared(
                name=name, statistic=statistic, before=each.before, after=each.after,
                difference=each.difference, low=each.low, high=each.high,
                p=None if each.p is None else next(ps),
                superiority=None if moved is None else moved.superiority,
                superiority_p=None if moved is None else next(shifts),
                is_clear=each.is_clear, always_low=ends(name, statistic)[0],
                always_high=ends(name, statistic)[1], n_before=each.n_before, n_after=each.n_after,
            )
            for name, statistic, each, moved in found
        ],
        left_out=left_out,
    )  # fmt: skip


def differences(
    sides: Sequence[tuple[Sums, Sums]],
) -> list[tuple[Statistic, "Difference | None", float | None]]:
    """Sums compared: what of, the difference if there is one, and p corrected for their number.

    Raises:
        StoreError: if numpy or scipy is not installed.
    """
    if not sides:
        return []
    try:
        from spanglass_detectors import comparison as by
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    found: list[tuple[Statistic, by.Difference | None]] = []
    for before, after in sides:
        if all(each.ones + each.zeros == each.n_values for each in (before, after)):
            hits = ((before.ones, before.n_values), (after.ones, after.n_values))
            found.append(("share", by.counts(*hits)))
        else:
            first, second = (
                by.Moments(each.n_values, each.mean or 0.0, each.variance or 0.0)
                for each in (before, after)
            )
            found.append(("mean", by.moments(first, second)))
    known = [gap for _, gap in found if gap is not None]
    ps = iter(by.benjamini_hochberg([each.p for each in known if each.p is not None]))
    return [
        (statistic, gap, None if gap is None or gap.p is None else next(ps))
        for statistic, gap in found
    ]


def not_installed(missing: ModuleNotFoundError) -> StoreError:
    """What to do about a package that statistics need."""
    return StoreError(f"{missing.name} is not installed: pip install 'spanglass[detectors]'.")


def ratio(before: int, after: int, expected: float) -> SampleRatio | None:
    """Whether the split is as it should be; None without any units."""
    if not before + after:
        return None
    from spanglass_detectors.experiment import sample_ratio

    found = sample_ratio(before, after, expected)
    if found is None:
        return None
    return SampleRatio(
        units_before=before, units_after=after, share=found.share, expected=expected, p=found.p,
        is_mismatch=found.is_mismatch,
    )  # fmt: skip
