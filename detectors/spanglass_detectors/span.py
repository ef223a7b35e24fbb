"""A span as detectors see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from spanglass_detectors.content import Passage, passages_of, plain_text


@dataclass(frozen=True)
class Span:
    """One span. The names are those of the table `spans`; what was not read is empty.

    Attributes:
        input: as sent: JSON messages, or text.
        output: the same.
        start_time: UTC, to the microsecond.
    """

    project: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    operation: str = ""
    service: str = ""
    environment: str = ""
    release: str = ""
    start_time: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    duration_ns: int = 0
    status: str = "unset"
    status_message: str = ""
    error_type: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    provider: str = ""
    request_model: str = ""
    response_model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    session_id: str = ""
    user_id: str = ""
    feature: str = ""
    tags: list[str] = field(default_factory=list)
    prompt_name: str = ""
    prompt_version: str = ""
    agent_name: str = ""
    tool_name: str = ""
    input: str = ""
    output: str = ""
    input_key: str = ""
    output_key: str = ""
    payload_attributes: dict[str, str] = field(default_factory=dict)
    payload_event_names: list[str] = field(default_factory=list)
    payload_event_attributes: list[dict[str, str]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    event_names: list[str] = field(default_factory=list)
    event_attributes: list[dict[str, str]] = field(default_factory=list)
    sample_data: bool = False

    @cached_property
    def input_text(self) -> str:
        """The input as plain text: what its messages say, one after the other."""
        return plain_text(self.input)

    @cached_property
    def output_text(self) -> str:
        """The output as plain text."""
        return plain_text(self.output)

    def passages(self) -> list[Passage]:
        """Every text of the span that people, models, tools or documents wrote, with its place."""
        found = passages_of("input", self.input, self.operation)
        found += passages_of("output", self.output, self.operation)
        for key, value in self.payload_attributes.items():
            found += passages_of(key, value, self.operation)
        events = zip(self.payload_event_names, self.payload_event_attributes, strict=False)
        for name, attributes in events:
            for key, value in attributes.items():
                found += passages_of(f"{name}/{key}", value, self.operation)
        return found

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Span":
        """A span from a row of JSON, of which unknown names are left out.

        Raises:
            ValueError: if its time is none.
        """
        known = {name: row[name] for name in _NAMES if name in row}
        if isinstance(known.get("start_time"), str):
            moment = datetime.fromisoformat(known["start_time"])
            known["start_time"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return cls(**known)


_NAMES: Final = tuple(each.name for each in fields(Span))
#: What every detector is given, and what it can ask for besides.
IDENTITY: Final = (
    "project", "trace_id", "span_id", "parent_span_id", "name", "operation", "service",
    "environment", "start_time",
)  # fmt: skip
COLUMNS: Final = tuple(name for name in _NAMES if name not in IDENTITY)
