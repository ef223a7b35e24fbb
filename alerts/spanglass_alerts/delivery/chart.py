"""A small chart of an alert's value, as a PNG: for receivers that show pictures and run no code.

Drawn here: one line, one bound and a few numbers are not worth a plotting library.
"""

import itertools
import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spanglass_alerts.notify.words import number

WIDTH: Final = 960
HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 24, 20, 44
_GROUND: Final = (255, 255, 255)
_GRID: Final = (228, 231, 236)
_TEXT: Final = (92, 99, 112)
_LINE: Final = (47, 107, 214)
_BOUND: Final = (201, 60, 55)
_MARK: Final = (140, 147, 158)
_SCALE: Final = 2
#: Rows of each letter, five bits each, from the left.
_FONT: Final[Mapping[str, tuple[int, ...]]] = {
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31), "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14), "9": (14, 17, 17, 15, 1, 2, 12),
    ".": (0, 0, 0, 0, 0, 12, 12), ",": (0, 0, 0, 0, 12, 4, 8), "-": (0, 0, 0, 31, 0, 0, 0),
    "+": (0, 4, 4, 31, 4, 4, 0), ":": (0, 12, 12, 0, 12, 12, 0), "e": (0, 0, 14, 17, 31, 16, 14),
    "U": (17, 17, 17, 17, 17, 17, 14), "T": (31, 4, 4, 4, 4, 4, 4),
    "C": (14, 17, 16, 16, 16, 17, 14),
}  # fmt: skip
_Canvas = npt.NDArray[np.uint8]


def chart(evidence: Mapping[str, Any], bound: float | None) -> bytes:
    """A PNG of how a value went; empty where there is too little to show.

    Args:
        evidence: of the alert: `series`, `end`, `step_s` and `change_point` (s since 1970).
        bound: what the value was compared with.
    """
    values = [None if v is None else float(v) for v in evidence.get("series", ())]
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return b""
    low, high = _range(known, bound)
    canvas: _Canvas = np.full((HEIGHT, WIDTH, 3), _GROUND, dtype=np.uint8)

    def y(value: float) -> int:
        span = HEIGHT - _TOP - _BOTTOM
        return round(_TOP + span * (1 - (value - low) / (high - low)))

    def x(index: float) -> int:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * index / (len(values) - 1))

    for value in (low, (low + high) / 2, high):
        canvas[y(value), _LEFT : WIDTH - _RIGHT] = _GRID
        text = number(value)
        _write(canvas, _LEFT - 12 - _width(text), y(value) - 7, text)
    _times(canvas, evidence, len(values), x)
    points = [(x(i), y(v)) if v is not None else None for i, v in enumerate(values)]
    for a, b in itertools.pairwise(points):
        if a is not None and b is not None:
            _draw(canvas, a, b)
    if bound is not None:
        for at in range(_LEFT, WIDTH - _RIGHT, 12):
            canvas[y(bound) - 1 : y(bound) + 1, at : at + 7] = _BOUND
    return _png(canvas)


def _range(known: Sequence[float], bound: float | None) -> tuple[float, float]:
    all_ = [*known, *([bound] if bound is not None else [])]
    low, high = min(0.0, *all_), max(all_)
    return (low, high) if high > low else (low, low + 1.0)


def _times(canvas: _Canvas, evidence: Mapping[str, Any], count: int, x: Any) -> None:
    end, step = evidence.get("end"), evidence.get("step_s")
    if not isinstance(end, int | float) or not isinstance(step, int | float) or step <= 0:
        return
    start = end - step * (count - 1)
    if isinstance(change := evidence.get("change_point"), int | float):
        at = x(min(count - 1.0, max(0.0, (change - start) / step)))
        for row in range(_TOP, HEIGHT - _BOTTOM, 10):
            canvas[row : row + 5, at : at + 2] = _MARK
    for moment, right in ((start, False), (end, True)):
        text = f"{datetime.fromtimestamp(moment, UTC):%H:%M} UTC"
        _write(canvas, WIDTH - _RIGHT - _width(text) if right else _LEFT, HEIGHT - 28, text)


def _draw(canvas: _Canvas, a: tuple[int, int], b: tuple[int, int]) -> None:
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    for i in range(steps + 1):
        at_x = round(a[0] + (b[0] - a[0]) * i / steps)
        at_y = round(a[1] + (b[1] - a[1]) * i / steps)
        canvas[at_y - 1 : at_y + 2, at_x - 1 : at_x + 2] = _LINE


def _width(text: str) -> int:
    return len(text) * 6 * _SCALE


def _write(canvas: _Canvas, left: int, top: int, text: str) -> None:
    for index, letter in enumerate(text):
        for row, bits in enumerate(_FONT.get(letter, ())):
            for column in range(5):
                if bits >> (4 - column) & 1:
                    at_x = max(0, left + (index * 6 + column) * _SCALE)
                    at_y = top + row * _SCALE
                    canvas[at_y : at_y + _SCALE, at_x : at_x + _SCALE] = _TEXT


def _png(canvas: _Canvas) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    height, width, _ = canvas.shape
    # Each row begins with the number of its filter: none.
    rows = np.hstack([np.zeros((height, 1), np.uint8), canvas.reshape(height, width * 3)])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            chunk(b"IEND", b""),
        ]
    )
