"""How long a project's telemetry is kept."""

from dataclasses import dataclass
from typing import Final

#: The longest that is written down, in days.
LONGEST_DAYS: Final = 36_500
KINDS: Final = ("spans_days", "payload_days", "metrics_days")


@dataclass(frozen=True)
class Retention:
    """How long a project's telemetry is kept, in days.

    Attributes:
        spans_days: spans, and logs; 0 for ever.
        payload_days: what people and models wrote; 0 as long as the span.
        metrics_days: data points; 0 as long as spans.
    """

    spans_days: int
    payload_days: int = 0
    metrics_days: int = 0

    def days(self, signal: str) -> int:
        """Of one signal of OpenTelemetry; 0 for ever."""
        return (self.metrics_days or self.spans_days) if signal == "metrics" else self.spans_days
