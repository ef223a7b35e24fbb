"""Changes in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanglass_detectors.drift.categorical import Counts
from spanglass_detectors.drift.ordered import Values, in_order, quantiles


def number_words(reference: Values, current: Values, effect: float) -> str:
    """Which way numbers moved: the middle, or else the spread, or else their shape."""
    before, now = (quantiles(in_order(side), [0.1, 0.5, 0.9]) for side in (reference, current))
    middle = f"the median went from {before[1]:.4g} to {now[1]:.4g}"
    wide, wider = before[2] - before[0], now[2] - now[0]
    if wide > 0 and abs(now[1] - before[1]) >= 0.05 * wide:
        return f"{_capital(middle)}{_by(before[1], now[1])}."
    if wide > 0 and abs(wider / wide - 1) >= 0.1:
        return (
            f"The middle 80 % {'widened' if wider > wide else 'narrowed'}: from"
            f" {before[0]:.4g} … {before[2]:.4g} to {now[0]:.4g} … {now[2]:.4g}."
        )
    means = float(np.mean(reference)), float(np.mean(current))
    return (
        f"The mean went from {means[0]:.4g} to {means[1]:.4g}{_by(*means)};"
        f" values moved by {effect:.2f} standard deviations."
    )


def share_words(before: float, now: float) -> str:
    """How a share changed."""
    return f"The share went from {before:.2%} to {now:.2%}."


def category_words(names: Sequence[str], before: Counts, now: Counts) -> str:
    """Which categories grew and shrank most, and which are new or gone."""
    shares = before / before.sum(), now / now.sum()
    change = shares[1] - shares[0]
    grown, shrunk = int(np.argmax(change)), int(np.argmin(change))
    said = [
        f"{names[n] or '(none)'} went from {shares[0][n]:.1%} to {shares[1][n]:.1%}"
        for n in (grown, shrunk)
        if change[n]
    ]
    new = [names[n] or "(none)" for n in range(len(names)) if before[n] == 0 and n != grown]
    gone = [names[n] or "(none)" for n in range(len(names)) if now[n] == 0 and n != shrunk]
    if new:
        said.append(f"new: {', '.join(new[:3])}")
    if gone:
        said.append(f"gone: {', '.join(gone[:3])}")
    return f"{'; '.join(said)}." if said else "Nothing moved."


def _by(before: float, now: float) -> str:
    return f" ({now / before - 1:+.0%})" if before > 0 and now >= 0 else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
