"""What real instrumentations have sent, captured by `dialects_capture`, and what it fills.

python tests/support/dialects.py        # writes the table of docs/dialects.md
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector import dialects
from spanglass_collector.dialects.names import REPORTED_COST
from spanglass_store.otlp import columns, content

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = ROOT / "tests" / "contract" / "dialects"
NAMES: Final = tuple(sorted(path.stem for path in PLACE.glob("*.json")))
DOCUMENT: Final = ROOT / "docs" / "dialects.md"
_BEGIN: Final = "<!-- the table: python tests/support/dialects.py -->\n"
_END: Final = "<!-- end of the table -->\n"

#: Columns by the attributes that fill them.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    **columns.TEXT,
    **columns.INTEGER,
    **columns.FLOAT,
    **{name: (key,) for name, key in columns.TEXT_LIST.items()},
    "input": content.INPUT_KEYS,
    "output": content.OUTPUT_KEYS,
    "reported cost": (REPORTED_COST,),
}


@dataclass(frozen=True)
class Capture:
    """What one sender has sent.

    Attributes:
        versions: of the packages.
        request: all of it, as it came.
    """

    versions: dict[str, str]
    request: ExportTraceServiceRequest

    def spans(self) -> Iterator[Span]:
        return spans(self.request)


def load(name: str) -> Capture:
    """A capture, by the name of its file."""
    document: dict[str, Any] = json.loads((PLACE / f"{name}.json").read_text())
    request = ExportTraceServiceRequest()
    for each in document["requests"]:
        request.MergeFrom(ParseDict(each, ExportTraceServiceRequest()))
    return Capture(document["versions"], request)


def spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Every span of a request."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def as_of_now(name: str) -> ExportTraceServiceRequest:
    """A capture with ids of its own, as if it had been sent just now."""
    request = load(name).request
    later = time.time_ns() - 60 * 10**9 - min(s.start_time_unix_nano for s in spans(request))
    salt = int.from_bytes(os.urandom(8), "big")
    for span in spans(request):
        span.start_time_unix_nano += later
        span.end_time_unix_nano += later
        for event in span.events:
            event.time_unix_nano += later
        span.trace_id = span.trace_id[:8] + _mixed(span.trace_id[8:], salt)
        span.span_id = _mixed(span.span_id, salt)
        if span.parent_span_id:
            span.parent_span_id = _mixed(span.parent_span_id, salt)
        for attribute in span.attributes:
            # A time among the attributes is one of the same clock.
            if attribute.key == "langfuse.observation.completion_start_time":
                attribute.value.string_value = f'"{_iso(span.start_time_unix_nano + 40_000_000)}"'
    return request


def _mixed(identity: bytes, salt: int) -> bytes:
    return (int.from_bytes(identity, "big") ^ salt).to_bytes(8, "big")


def _iso(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09d}Z"


def keys(span: Span) -> set[str]:
    """Names of a span's attributes."""
    return {each.key for each in span.attributes}


def filled(found: set[str]) -> set[str]:
    """The columns that attributes of these names fill."""
    return {name for name, sources in COLUMNS.items() if not found.isdisjoint(sources)}


def table() -> str:
    """Which columns each dialect fills: by its own names, or by what is added."""
    heads, marks = [], []
    for name in NAMES:
        capture = load(name)
        sent = set().union(*(filled(keys(span)) for span in capture.spans()))
        dialects.apply(capture.request)
        after = set().union(*(filled(keys(span)) for span in capture.spans()))
        heads.append((name, ", ".join(f"{k} {v}" for k, v in capture.versions.items())))
        marks.append({c: "sent" if c in sent else "mapped" for c in after})
    lines = [
        "| sender | packages |", "| --- | --- |",
        *(f"| {name} | {packages} |" for name, packages in heads), "",
        "| column | " + " | ".join(name for name, _ in heads) + " |",
        "| --- |" + " --- |" * len(heads),
    ]  # fmt: skip
    for column in COLUMNS:
        lines.append(f"| `{column}` | " + " | ".join(m.get(column, "") for m in marks) + " |")
    return "\n".join(lines).replace("`reported cost`", "reported cost") + "\n"


def document() -> tuple[str, str]:
    """The document as it is, and as it should be."""
    now = DOCUMENT.read_text()
    before, _, rest = now.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return now, before + _BEGIN + table() + _END + after


if __name__ == "__main__":
    DOCUMENT.write_text(document()[1])
