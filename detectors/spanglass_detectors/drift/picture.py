"""A comparison as a picture: SVG, which notebooks and browsers show without a library."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spanglass_detectors.drift.results import Distribution, DriftResult

#: Pixels.
_WIDTH: Final = 520
_HEIGHT: Final = 140
_ROW: Final = 22
_LABEL: Final = 170
#: Okabe and Ito's blue and orange, which people tell apart whatever colours they see.
_THEN: Final = "#0072b2"
_NOW: Final = "#e69f00"
_LONGEST: Final = 28


def svg(shown: Distribution) -> str:
    """Both windows over the same axis; empty where there is nothing to show.

    Args:
        shown: shares by bin, of which each window becomes an area, or by category, of which each
            becomes two bars.
    """
    if not shown.labels:
        return ""
    return _bins(shown) if shown.edges else _categories(shown)


def html(result: DriftResult) -> str:
    """The result with its numbers and its picture, as notebooks show it (`_repr_html_`)."""
    first, *rest = result.words()
    said = "".join(f"<div style='opacity:.75'>{escape(line)}</div>" for line in rest)
    return f"<div><div>{escape(first)}</div>{said}{svg(result.distribution)}</div>"


def _bins(shown: Distribution) -> str:
    top = max(*shown.reference, *shown.current, 1e-12)
    count = len(shown.reference)
    floor = _HEIGHT - 34
    areas = []
    for colour, shares, opacity in (
        (_THEN, shown.reference, 0.25),
        (_NOW, shown.current, 0.35),
    ):
        points = [f"0,{floor}"]
        for at, share in enumerate(shares):
            height = floor - share / top * (floor - 6)
            points += [f"{at * _WIDTH / count:.1f},{height:.1f}",
                       f"{(at + 1) * _WIDTH / count:.1f},{height:.1f}"]  # fmt: skip
        points.append(f"{_WIDTH},{floor}")
        areas.append(
            f'<polygon points="{" ".join(points)}" fill="{colour}" fill-opacity="{opacity}"'
            f' stroke="{colour}"/>'
        )
    bounds = "".join(
        _text(x, floor + 14, f"{edge:.4g}", anchor)
        for x, edge, anchor in (
            (0, shown.edges[0], "start"),
            (_WIDTH, shown.edges[-1], "end"),
        )
    )
    return _frame(_HEIGHT, "".join(areas) + bounds + _legend(_HEIGHT - 4))


def _categories(shown: Distribution) -> str:
    top = max(*shown.reference, *shown.current, 1e-12)
    room = _WIDTH - _LABEL - 110
    found = []
    rows = zip(shown.labels, shown.reference, shown.current, strict=True)
    for at, (label, then, now) in enumerate(rows):
        y = at * _ROW
        short = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
        found.append(_text(_LABEL - 8, y + 14, short or "(none)", "end"))
        for share, colour, place in ((then, _THEN, 3), (now, _NOW, 10)):
            width = max(share / top * room, 0.5)
            found.append(
                f'<rect x="{_LABEL}" y="{y + place}" width="{width:.1f}" height="6"'
                f' fill="{colour}"/>'
            )
        found.append(_text(_WIDTH, y + 14, f"{then:.1%} → {now:.1%}", "end"))
    height = len(shown.labels) * _ROW + 18
    return _frame(height, "".join(found) + _legend(height - 4))


def _legend(y: int) -> str:
    return (
        f'<rect x="0" y="{y - 9}" width="9" height="9" fill="{_THEN}"/>{_text(14, y, "reference")}'
        f'<rect x="90" y="{y - 9}" width="9" height="9" fill="{_NOW}"/>{_text(104, y, "current")}'
    )


def _text(x: int, y: int, said: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="11" fill="currentColor">'
        f"{escape(said)}</text>"
    )


def _frame(height: int, inner: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" role="img"'
        f' aria-label="reference and current">{inner}</svg>'
    )
