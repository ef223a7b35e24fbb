"""Findings of personal data in spans: what, where, how often; never the value."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from spanglass_detectors.detector import Detector
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.subjects import subject
from spanglass_detectors.results import PiiFinding
from spanglass_detectors.span import Span

#: Most subjects of one finding.
MOST_SUBJECTS: Final = 100
#: Attributes of everybody's spans that are no text of anybody, by how their names begin.
_STRUCTURE: Final = (
    "gen_ai.", "llm.", "server.", "http.", "rpc.", "db.system", "code.", "thread.",
    "telemetry.", "service.", "deployment.", "openai.", "aws.", "spanglass.", "session.id",
    "user.id", "network.", "net.", "os.", "host.", "k8s.", "container.",
)  # fmt: skip
#: Behind these, in spite of their beginning, stands what people give.
_NOT_STRUCTURE: Final = (
    "spanglass.metadata.", "http.url", "http.target", "http.request.header", "http.request.body",
    "http.response.header", "http.response.body",
)  # fmt: skip


class PiiDetector(Detector):
    """Finds personal data in everything that a span says.

    Args:
        subject_key: what values are hashed with, in hexadecimal; without it no subjects are kept.
        options: of the finder (see `Finder`).
    """

    version = "1"
    columns: Sequence[str] = (
        "input", "output", "payload_attributes", "payload_event_names", "payload_event_attributes",
        "attributes", "event_names", "event_attributes", "status_message",
    )  # fmt: skip
    description: ClassVar[str] = "personal data and secrets: pii_findings"

    def __init__(self, subject_key: str = "", **options: Any) -> None:
        self._finder = Finder(**options)
        self._key = bytes.fromhex(subject_key)

    def judge(self, span: Span) -> Iterable[PiiFinding]:
        found: dict[tuple[str, str, str], tuple[int, float, set[str]]] = {}
        for text, place, role, name in texts_of(span):
            for each in self._finder.find(text, name):
                key = (each.entity, place, role)
                count, confidence, subjects = found.get(key, (0, 0.0, set()))
                if self._key and len(subjects) < MOST_SUBJECTS:
                    subjects.add(subject(self._key, each.entity, text[each.start : each.end]))
                found[key] = (count + 1, max(confidence, each.confidence), subjects)
        return [
            PiiFinding(entity, place, role, count, confidence, tuple(sorted(subjects)))
            for (entity, place, role), (count, confidence, subjects) in sorted(found.items())
        ]


def texts_of(span: Span) -> Iterable[tuple[str, str, str, str]]:
    """Every text of a span, with its field, its role and the name that it stands under."""
    yield from span.passages()
    if span.status_message:
        yield span.status_message, "status_message", "", ""
    for name, value in span.attributes.items():
        if is_text(name):
            yield value, name, "", name
    for event, attributes in zip(span.event_names, span.event_attributes, strict=False):
        for name, value in attributes.items():
            if is_text(name):
                yield value, f"{event}/{name}", "", name


def is_text(name: str) -> bool:
    """Whether an attribute that carries no content can hold what somebody wrote."""
    return not name.startswith(_STRUCTURE) or name.startswith(_NOT_STRUCTURE)
