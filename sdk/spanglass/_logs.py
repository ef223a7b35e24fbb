"""Events that are sent as log records: scores, and the account of losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as OpenTelemetry's log record.

    Attributes:
        name: what; `event_name`.
        attributes: bounded values of OpenTelemetry's types.
        time_ns: when, in nanoseconds since 1970.
        trace_id: what it is about; 0 for none.
        span_id: what it is about; 0 for none.
        resource: what sends it.
        instrumentation_scope: who recorded it.
    """

    name: str
    attributes: Mapping[str, Any]
    time_ns: int
    trace_id: int
    span_id: int
    resource: Resource
    instrumentation_scope: InstrumentationScope
