"""Which traces are kept: a share of them, and all that failed or were scored.

A trace's coin is its id, so services that sample at the same rate keep the same traces. What is
kept says how many it stands for (`spanglass.sample_weight`), so that sums and counts stay right:
a trace that is kept for its error or its score stands for itself alone, however the coin fell.
Therefore the spans of a trace wait here until its last one has ended, and then go or stay
together. What has waited too long, or is too much, is decided by what is known then.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import StatusCode

from spanglass import _names as names
from spanglass._guard import guard
from spanglass._recorded import RecordedSpan
from spanglass._shown import Shown

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from spanglass._logs import Event
    from spanglass._queue import AnySpan
    from spanglass._runtime import Sink
    from spanglass._settings import Settings
    from spanglass._stats import Stats

#: Spans of one trace, and seconds since its start, after which it is decided while it goes on.
_MAX_TRACE_SPANS: Final = 2_000
_MAX_TRACE_S: Final = 60.0
#: Decisions that are remembered for spans that come late.
_REMEMBERED: Final = 10_000
_COIN: Final = 1 << 64

_samplers: Final[weakref.WeakSet[SamplingSink]] = weakref.WeakSet()


class _Trace:
    """A trace that goes on."""

    __slots__ = ("began", "keep", "open", "rate", "spans")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.open = 0
        self.keep = False
        self.spans: list[AnySpan] = []
        self.began = time.monotonic()


class SamplingSink:
    """Hands on the spans of the traces that are kept.

    Args:
        inner: where they go.
        settings: the rates, and how many spans may wait.
    """

    def __init__(self, inner: Sink, settings: Settings) -> None:
        self.inner = inner
        self._rate = settings.sample_rate
        self._rates: Mapping[str, float] = settings.sample_rates
        self._max_held = max(100, settings.max_queue_spans // 2)
        self._reset()
        _samplers.add(self)

    def _reset(self) -> None:
        """A new start, in a new process: what waits is the parent's to send."""
        self._lock = threading.RLock()
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._decided: OrderedDict[int, float] = OrderedDict()
        self._held = 0

    def started(self, trace_id: int, name: str, operation: str) -> None:
        """A span has started; the first of a trace chooses the rate.

        Args:
            trace_id: the trace.
            name: the span's name.
            operation: its `gen_ai.operation.name`; empty without one.
        """
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:
                rate = self._rates.get(name, self._rates.get(operation, self._rate))
                trace = self._traces[trace_id] = _Trace(rate)
            trace.open += 1

    def keep(self, trace_id: int) -> None:
        """A trace is to be kept: somebody has scored it."""
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is not None:
                trace.keep = True

    def offer(self, span: AnySpan) -> None:
        about: Any = span.get_span_context()
        trace_id = about.trace_id
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:
                # Nobody has seen it start: it is decided by itself.
                trace = self._traces[trace_id] = _Trace(self._rate)
                trace.open = 1
            trace.open -= 1
            trace.keep = trace.keep or _is_kept(span)
            weight = self._decided.get(trace_id)
            if weight is None:
                trace.spans.append(span)
                self._held += 1
                if trace.open <= 0 or _is_too_much(trace):
                    self._decide(trace_id, trace)
            else:
                self._hand_on(span, weight)
            if trace.open <= 0:
                self._traces.pop(trace_id, None)
            while self._held > self._max_held and self._decide_oldest():
                pass

    def _decide_oldest(self) -> bool:
        for trace_id, trace in self._traces.items():
            if trace.spans:
                self._decide(trace_id, trace)
                return True
        return False

    def _decide(self, trace_id: int, trace: _Trace) -> None:
        if trace.keep:
            weight = 1.0
        elif trace_id % _COIN < trace.rate * _COIN:
            weight = 1 / trace.rate
        else:
            weight = 0.0
        self._decided[trace_id] = weight
        if len(self._decided) > _REMEMBERED:
            self._decided.popitem(last=False)
        spans, trace.spans = trace.spans, []
        self._held -= len(spans)
        for span in spans:
            self._hand_on(span, weight)

    def _hand_on(self, span: AnySpan, weight: float) -> None:
        if not weight:
            self.inner.leave_out(1)
        elif isinstance(span, RecordedSpan):
            span.attributes[names.SAMPLE_WEIGHT] = weight
            self.inner.offer(span)
        else:
            weighed = {**(span.attributes or {}), names.SAMPLE_WEIGHT: weight}
            shown: Any = Shown(span, weighed)
            self.inner.offer(shown)

    def _decide_all(self) -> None:
        with self._lock:
            while self._decide_oldest():
                pass

    def begin(self, resource: Resource) -> None:
        self.inner.begin(resource)

    def offer_score(self, event: Event) -> None:
        """Takes a score, whose trace is kept where it is still running."""
        self.keep(event.trace_id)
        self.inner.offer_score(event)

    def refuse_score(self, reason: str) -> None:
        self.inner.refuse_score(reason)

    def leave_out(self, count: int) -> None:
        self.inner.leave_out(count)

    def flush(self, timeout_s: float) -> bool:
        return self.inner.flush(timeout_s)

    def close(self, timeout_s: float, reason: str) -> int:
        self._decide_all()
        return self.inner.close(timeout_s, reason)

    def retire(self, timeout_s: float, reason: str) -> None:
        self._decide_all()
        self.inner.retire(timeout_s, reason)

    def stats(self) -> Stats:
        return self.inner.stats()


def _is_kept(span: AnySpan) -> bool:
    if span.status.status_code is StatusCode.ERROR:
        return True
    return any(event.name == names.EVALUATION for event in span.events)


def _is_too_much(trace: _Trace) -> bool:
    return len(trace.spans) >= _MAX_TRACE_SPANS or time.monotonic() - trace.began > _MAX_TRACE_S


def decide_all() -> None:
    """The process ends: nothing waits for the rest of its trace any more."""
    for sampler in list(_samplers):
        with guard("exit"):
            sampler._decide_all()


def _after_fork_in_child() -> None:
    for sampler in list(_samplers):
        with guard("fork"):
            sampler._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
