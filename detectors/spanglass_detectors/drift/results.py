"""What a comparison of two windows gives: numbers, a verdict, and words for both."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from spanglass_detectors.drift.picture import html, svg

Kind = Literal["numeric", "categorical", "boolean"]
#: `small`: surely changed, and by too little to matter.
Verdict = Literal["drift", "small", "same", "not tested"]

_BARS: Final = " ▁▂▃▄▅▆▇█"
_WIDTH: Final = 32


@dataclass(frozen=True)
class Distribution:
    """Two windows' shares over the same bins or categories, for people to look at.

    Attributes:
        labels: a bin's bounds (`0.1 … 0.2`), or a category.
        edges: bounds of numeric bins, one more than bins; empty for categories.
        reference: shares that sum up to 1.
        current: the same.
    """

    labels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()
    current: tuple[float, ...] = ()

    def plot(self) -> str:
        """Both windows as text: a line each of bars, or a line a category."""
        if not self.labels:
            return ""
        top = max(*self.reference, *self.current, 1e-12)
        if self.edges:
            rows = (("reference", self.reference), ("current", self.current))
            lines = [
                f"{name:>9} {''.join(_BARS[math.ceil(8 * share / top)] for share in shares)}"
                for name, shares in rows
            ]
            return "\n".join([*lines, f"{'':9} {self.edges[0]:.4g} … {self.edges[-1]:.4g}"])
        width = max(len(label) for label in self.labels)
        return "\n".join(
            f"{label:>{width}} {share:6.1%} → {now:6.1%} {'█' * round(_WIDTH * now / top)}"
            for label, share, now in zip(self.labels, self.reference, self.current, strict=True)
        )


@dataclass(frozen=True)
class DriftResult:
    """One comparison.

    Attributes:
        test: name of the test; empty if none was done.
        statistic: its value.
        p: of no change, as the test gives it, after the design effect.
        p_corrected: after the correction for many tests; None where there was none.
        effect: how large the change is, in what `effect_name` says.
        low: of the effect's interval of 95 %.
        high: the same.
        threshold: the effect from which a change matters.
        design_effect: how many values stand for one independent one.
        reason: why there was no test.
        explanation: the change in words.
    """

    metric: str = ""
    kind: Kind = "numeric"
    test: str = ""
    statistic: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    effect: float | None = None
    effect_name: str = ""
    low: float | None = None
    high: float | None = None
    threshold: float = 0.0
    design_effect: float = 1.0
    n_reference: int = 0
    n_current: int = 0
    reference_value: float | None = None
    current_value: float | None = None
    verdict: Verdict = "not tested"
    reason: str = ""
    explanation: str = ""
    group: dict[str, str] = field(default_factory=dict)
    distribution: Distribution = field(default_factory=Distribution)

    @property
    def is_drift(self) -> bool:
        """Whether it changed, surely and by enough."""
        return self.verdict == "drift"

    def judged(self, p_corrected: float, alpha: float) -> DriftResult:
        """The same with the p that many tests leave of it, and what that makes of the verdict.

        Args:
            p_corrected: as `benjamini_hochberg` gives it.
            alpha: the share of false ones among what is found.
        """
        if self.verdict == "not tested":
            return self
        return replace(
            self,
            p_corrected=p_corrected,
            verdict=verdict_of(p_corrected, alpha, self.effect, self.threshold),
        )

    def words(self) -> list[str]:
        """The result in a line or two, without the distributions."""
        name = " ".join([self.metric, *(f"{k}={v}" for k, v in self.group.items())]).strip()
        if self.verdict == "not tested":
            return [f"{name or 'the metric'}: not tested, because {self.reason}"]
        p = self.p if self.p_corrected is None else self.p_corrected
        corrected = "" if self.p_corrected is None else " (corrected)"
        test = f"{self.test} = {self.statistic:.4g}, p = {p:.2g}{corrected}"
        size = f"{self.effect_name} {self.effect:.3f} ({self.low:.3f} to {self.high:.3f})"
        counts = f"n = {self.n_reference} and {self.n_current}"
        return [
            f"{name or 'the metric'}: {self.verdict}. {self.explanation}",
            f"{test}, {size}, matters from {self.threshold:g}, {counts}",
        ]

    def render(self) -> str:
        """The result as text, with both distributions."""
        first, *rest = self.words()
        lines = [*rest, *self.distribution.plot().splitlines()]
        return "\n".join([first, *(f"  {line}" for line in lines)])

    def plot(self) -> str:
        """Both distributions as an SVG picture; empty where nothing was tested."""
        return svg(self.distribution)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html(self)

    def __str__(self) -> str:
        return self.render()

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def verdict_of(p: float, alpha: float, effect: float | None, threshold: float) -> Verdict:
    """What a p and an effect say together."""
    if p > alpha:
        return "same"
    return "drift" if effect is not None and abs(effect) >= threshold else "small"


def not_tested(
    reason: str, kind: Kind = "numeric", n_reference: int = 0, n_current: int = 0
) -> DriftResult:
    """A result that says why there is none."""
    return DriftResult(
        kind=kind, reason=reason, n_reference=n_reference, n_current=n_current,
        verdict="not tested",
    )  # fmt: skip
