"""The SDK: what application code imports.

    import spanglass

    spanglass.init(service="assistant")

    @spanglass.observe
    def answer(question: str) -> str:
        with spanglass.generation("gpt-4o-mini", provider="openai", messages=question) as call:
            ...

It never raises into the application, never blocks it, never grows without bound and never
changes an application's exception. What it sends are OpenTelemetry spans with OpenTelemetry's
names for generative AI; any OTLP backend can read them.

Importing it loads OpenTelemetry's API and nothing else. The OpenTelemetry SDK comes with `init`,
protobuf and HTTP come with the first export, on the exporter's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass._context import Context, context
from spanglass._generation import Generation, generation
from spanglass._kinds import KindName
from spanglass._lifecycle import (
    current_trace_id,
    flush,
    init,
    shutdown,
    stats,
    trace_url,
)
from spanglass._observe import observe
from spanglass._spans import Span, span
from spanglass._version import __version__
from spanglass.clients import wrap

if TYPE_CHECKING:
    from spanglass._stats import Stats

__all__ = [
    "Context",
    "Generation",
    "KindName",
    "Span",
    "Stats",
    "__version__",
    "context",
    "current_trace_id",
    "flush",
    "generation",
    "init",
    "observe",
    "shutdown",
    "span",
    "stats",
    "trace_url",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name == "Stats":
        from spanglass._stats import Stats

        return Stats
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
