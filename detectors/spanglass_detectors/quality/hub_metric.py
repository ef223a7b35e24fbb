"""Any metric of Hugging Face's package `evaluate` as a detector, for answers with a reference.

A metric is a folder with a script that `evaluate` runs, so it is code of whoever wrote it: use only
those that you trust. It runs where every detector runs, in a process of its own.
"""

import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

from spanglass_detectors.content import plain_text
from spanglass_detectors.detector import Detector
from spanglass_detectors.quality.reference import MOST, REFERENCE
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, exchange_of

_NOT_NAME: Final = re.compile(r"[^a-z0-9_]+")


class HubMetric(Detector):
    """Scores answers by a metric of `evaluate`: `evaluate.<name>`.

    Where the metric gives several numbers, each is a score `evaluate.<name>.<number>`.

    Args:
        metric: folder or script of the metric; or its name on the Hub, from which it is downloaded.
        name: what its scores are called; by default the folder's name.
        arguments: further arguments of its `compute`.

    Raises:
        ValueError: if the metric can't be loaded; the message says why.
        ModuleNotFoundError: if `evaluate` is not installed; the message says how.
    """

    version = "1"
    operations: Sequence[str] = ANSWERS
    columns: Sequence[str] = ("input", "output", "payload_attributes")
    description: ClassVar[str] = "a metric of Hugging Face's evaluate, beside a reference"

    def __init__(
        self, metric: str, name: str = "", arguments: Mapping[str, Any] | None = None
    ) -> None:
        local = Path(metric).expanduser()
        is_local = local.exists()
        if is_local:
            # Before the package is imported: it reads this once.
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            evaluate: Any = import_module("evaluate")
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(
                f"{missing.name} is not installed: pip install 'spanglass[quality]'"
            ) from missing
        # Its lock files and tables; removed with the process.
        self._folder = tempfile.TemporaryDirectory(prefix="spanglass-evaluate-")
        try:
            self._metric = evaluate.load(
                str(local) if is_local else metric, cache_dir=self._folder.name, keep_in_memory=True
            )
        except Exception as error:
            raise ValueError(
                f"evaluate can't load {metric!r}: {' '.join(str(error).split())[:300]}. A name is"
                " looked up on the Hub; without a way there, give the folder of a metric on this"
                " machine."
            ) from error
        self._name = _NOT_NAME.sub("_", (name or local.stem).lower()).strip("_")
        self._arguments = dict(arguments or {})

    def judge(self, span: Span) -> Iterable[Score]:
        reference = plain_text(span.payload_attributes.get(REFERENCE, ""))[:MOST]
        answer = exchange_of(span).answer[:MOST]
        if not answer.strip() or not reference.strip():
            return []
        computed = self._metric.compute(
            predictions=[answer], references=[reference], **self._arguments
        )
        return self._scores(computed or {})

    def _scores(self, computed: Mapping[str, Any]) -> list[Score]:
        numbers = {
            key: number for key, each in computed.items() if (number := _number(each)) is not None
        }
        if not numbers:
            raise ValueError(f"{self._name} gave no number, but {sorted(computed)}")
        if len(numbers) == 1:
            return [Score(f"evaluate.{self._name}", next(iter(numbers.values())))]
        return [
            Score(f"evaluate.{self._name}.{_NOT_NAME.sub('_', key.lower())}", value)
            for key, value in numbers.items()
        ]


def _number(each: Any) -> float | None:
    """A number, or the one in a list of one; None for everything else."""
    if isinstance(each, list | tuple) and len(each) == 1:
        [each] = each
    try:
        number = float(each)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
