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
HTTP comes with the first export, on the exporter's thread; protobuf never does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from spanglass._context import Context, context
from spanglass._generation import Generation, generation
from spanglass._kinds import KindName
from spanglass._lifecycle import (
    current_trace_id,
    flush,
    init,
    shutdown,
    stats,
    status,
    trace_url,
)
from spanglass._observe import observe
from spanglass._spans import Span, span
from spanglass._version import __version__
from spanglass.clients import wrap

if TYPE_CHECKING:
    from spanglass._carry import ContextExecutor, carry
    from spanglass._feedback_link import feedback_link
    from spanglass._instrument import (
        Instrumentation,
        Instrumentations,
        instrument,
        uninstrument,
    )
    from spanglass._propagation import continue_trace, extract, inject
    from spanglass._scores import Ids, current_ids, feedback, score
    from spanglass._stats import Counts, Stats
    from spanglass._status import Status
    from spanglass.evaluation import Experiment, evaluate
    from spanglass.prompts._registry import prompt

__all__ = [
    "Context",
    "ContextExecutor",
    "Counts",
    "Experiment",
    "Generation",
    "Ids",
    "Instrumentation",
    "Instrumentations",
    "KindName",
    "Span",
    "Stats",
    "Status",
    "__version__",
    "carry",
    "context",
    "continue_trace",
    "current_ids",
    "current_trace_id",
    "evaluate",
    "extract",
    "feedback",
    "feedback_link",
    "flush",
    "generation",
    "init",
    "inject",
    "instrument",
    "observe",
    "prompt",
    "score",
    "shutdown",
    "span",
    "stats",
    "status",
    "trace_url",
    "uninstrument",
    "wrap",
]


#: What is loaded when it is first used, and where it is.
_LATER: Final = {
    "ContextExecutor": "_carry",
    "Counts": "_stats",
    "Experiment": "evaluation._service",
    "Ids": "_scores",
    "Instrumentation": "_instrument",
    "Instrumentations": "_instrument",
    "Stats": "_stats",
    "Status": "_status",
    "carry": "_carry",
    "continue_trace": "_propagation",
    "current_ids": "_scores",
    "evaluate": "evaluation._run",
    "extract": "_propagation",
    "feedback": "_scores",
    "feedback_link": "_feedback_link",
    "inject": "_propagation",
    "instrument": "_instrument",
    "prompt": "prompts._registry",
    "score": "_scores",
    "uninstrument": "_instrument",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"spanglass.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
