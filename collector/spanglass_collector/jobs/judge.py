"""The process that a detector runs in. It knows no store and no address of one.

It is started by `sandbox.Sandbox` with two file descriptors: a connection for what is asked and
answered, and a file of eight bytes in which it writes the place of the span that it is at, so that
whoever ends it knows which one it was.
"""

import contextlib
import json
import math
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from spanglass_collector.jobs.registry import DetectorError, load
from spanglass_detectors.detector import Detector
from spanglass_detectors.results import PiiFinding, Result, Score
from spanglass_detectors.span import Span
from spanglass_store.priority import BACKGROUND, give_way

#: Most results of one span, and characters of one text in them.
MOST_RESULTS: Final = 1_000
_LONGEST: Final = 10_000
#: Results are handed over when there are so many, or that long after the last time, in seconds.
_HAND_OVER: Final = 128
_HAND_OVER_S: Final = 0.2
_DIE_WITH_PARENT: Final = 1


def main() -> None:
    """Answers until the other end is closed."""
    give_way(BACKGROUND)
    connection = Connection(int(sys.argv[1]))
    progress = mmap.mmap(int(sys.argv[2]), 8)
    _end_with_parent(int(sys.argv[3]))
    # What a detector prints is for the log.
    os.dup2(2, 1)
    with contextlib.suppress(EOFError, OSError):
        _serve(connection, progress)


def _end_with_parent(parent: int) -> None:
    """Ends when the parent does, however busy this process is."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, 9)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(connection: Connection, progress: mmap.mmap) -> None:
    asked = json.loads(connection.recv_bytes())
    try:
        folder = Path(asked["folder"]) if asked["folder"] else None
        detector = load(asked["detector"], asked["options"], folder)
    except DetectorError as error:
        connection.send_bytes(json.dumps({"error": str(error)}).encode())
        return
    about = {
        "version": str(detector.version), "operations": list(detector.operations),
        "columns": list(detector.columns), "batch": int(detector.batch),
    }  # fmt: skip
    connection.send_bytes(json.dumps(about).encode())
    while True:
        count, batch = struct.unpack("<II", connection.recv_bytes())
        lines = [connection.recv_bytes() for _ in range(count)]
        _judge(detector, lines, batch, connection, progress)


def _judge(
    detector: Detector, lines: Sequence[bytes], batch: int, connection: Connection,
    progress: mmap.mmap,
) -> None:  # fmt: skip
    """Judges spans and hands over their results, in order."""
    ready: list[Any] = []
    handed = time.monotonic()
    at = 0
    while at < len(lines):
        group = lines[at : at + batch]
        progress[:8] = struct.pack("<Q", at)
        ready += _judged(detector, group)
        at += len(group)
        now = time.monotonic()
        if len(ready) >= _HAND_OVER or now - handed > _HAND_OVER_S or at >= len(lines):
            connection.send_bytes(json.dumps(ready).encode())
            ready, handed = [], now


def _judged(detector: Detector, lines: Sequence[bytes]) -> list[Any]:
    """The results of spans: a list each, or a text that says why not."""
    try:
        spans = [_span(line) for line in lines]
        if len(spans) == 1:
            return [written(detector.judge(spans[0]))]
        answers = list(detector.judge_batch(spans))
        if len(answers) != len(spans):
            raise ValueError(f"judge_batch gave {len(answers)} answers for {len(spans)} spans")
        return [written(answer) for answer in answers]
    except Exception as error:
        if len(lines) > 1:
            # Whose fault it was is seen one by one.
            return [each for line in lines for each in _judged(detector, [line])]
        return [_text(f"{type(error).__name__}: {error}", 1_000)]


def _span(line: bytes) -> Span:
    row = json.loads(line)
    row["start_time"] = row["began"]
    return Span.from_row(row)


def _text(value: object, longest: int) -> str:
    """As text that can be stored: half of a character can not."""
    return str(value)[:longest].encode("utf-8", "replace").decode()


def written(results: Iterable[Result] | None) -> list[dict[str, Any]]:
    """Results as they travel.

    Raises:
        TypeError: if something is none.
        ValueError: if there are too many, or a number is none that can be.
    """
    found: list[dict[str, Any]] = []
    for result in results or ():
        if len(found) >= MOST_RESULTS:
            raise ValueError(f"more than {MOST_RESULTS} results for one span")
        if isinstance(result, Score):
            metadata = {_text(k, 200): _text(v, _LONGEST) for k, v in result.metadata.items()}
            value = None if result.value is None else float(result.value)
            cost = float(result.cost_usd)
            if not 0 <= cost < math.inf:
                raise ValueError(f"the score {result.name} has cost {cost} dollars")
            found.append(
                {
                    "kind": "score", "name": _text(result.name, 200), "value": value,
                    "label": _text(result.label, 200), "metadata": metadata,
                    "explanation": _text(result.explanation, _LONGEST), "cost_usd": cost,
                }
            )  # fmt: skip
        elif isinstance(result, PiiFinding):
            count, confidence = int(result.count), float(result.confidence)
            if not (0 < count < 1 << 32 and 0 <= confidence <= 1):
                raise ValueError(f"{result.entity} has count {count}, confidence {confidence}")
            found.append(
                {
                    "kind": "pii", "entity": _text(result.entity, 100),
                    "field": _text(result.field, 200), "role": _text(result.role, 100),
                    "count": count, "confidence": confidence,
                    "subjects": [_text(each, 64) for each in result.subjects],
                }
            )  # fmt: skip
        else:
            raise TypeError(f"{type(result).__name__} is no result: give Score or PiiFinding")
    return found


if __name__ == "__main__":
    main()
