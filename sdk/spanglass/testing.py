"""For the tests of applications: spans are kept in memory instead of sent.

    from spanglass.testing import capture

    def test_answer_asks_the_model_once() -> None:
        with capture() as spans:
            answer("Where is my order?")
        call = spans.one("chat gpt-4o-mini")
        assert call.attributes["gen_ai.usage.input_tokens"] == 12
        assert spans.tree() == ["answer", ["chat gpt-4o-mini"]]

With pytest, tests have a fixture `spanglass_spans`: see `spanglass.pytest_plugin`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import count
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import IdGenerator

from spanglass import _clock, _state
from spanglass import _names as names
from spanglass._captured import (
    CapturedEvent,
    CapturedScore,
    CapturedSpan,
    captured_score,
    captured_span,
)
from spanglass._checks import assert_faster, assert_json
from spanglass._logs import Event
from spanglass._privacy import Privacy
from spanglass._recorded import RecordedSpan
from spanglass._replay import Recorded
from spanglass._runtime import Runtime
from spanglass._settings import Settings, resolve
from spanglass._stats import Counts, Stats

__all__ = [
    "CapturedEvent",
    "CapturedScore",
    "CapturedSpan",
    "CapturedSpans",
    "Clock",
    "Recorded",
    "Usage",
    "assert_json",
    "capture",
]

#: Prices are for a million tokens, as providers give them.
_PER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of several calls, OpenTelemetry's inclusive meaning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0


class Clock:
    """A clock for tests: every reading is a little later than the one before, and no more.

    Args:
        start: the first reading, in seconds since 1970. By default the start of 2026.
        step_s: seconds between two readings.
    """

    def __init__(self, start: float = 1_767_225_600.0, step_s: float = 0.001) -> None:
        self._now = int(start * 1e9)
        self._step = int(step_s * 1e9)

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += int(seconds * 1e9)

    def __call__(self) -> int:
        """The time, in nanoseconds since 1970."""
        self._now += self._step
        return self._now


class CapturedSpans:
    """The spans that ended while capturing, in the order in which they ended.

    Attributes:
        scores: the scores and the feedback that were given, in order.
    """

    def __init__(self, privacy: Privacy | None = None) -> None:
        self._privacy = privacy or Privacy(True, None)
        self._spans: list[CapturedSpan] = []
        self.scores: list[CapturedScore] = []
        self._refused: dict[str, int] = {}
        self._sampled_out = 0
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[CapturedSpan]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self._spans)

    def all(self) -> list[CapturedSpan]:
        """Every span."""
        with self._lock:
            return list(self._spans)

    def named(self, name: str) -> list[CapturedSpan]:
        """Every span with a name."""
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> CapturedSpan:
        """The only span with a name.

        Raises:
            AssertionError: there is none, or more than one.
        """
        found = self.named(name)
        if len(found) != 1:
            there = ", ".join(sorted({span.name for span in self.all()})) or "none at all"
            raise AssertionError(f"{len(found)} spans are named {name!r}; there are: {there}")
        return found[0]

    def tree(self) -> list[Any]:
        """Names, each followed by the list of its children where it has some, by start."""
        spans = sorted(self.all(), key=lambda span: span.start_ns)
        known = {span.span_id for span in spans}

        def below(parent: str | None) -> list[Any]:
            result: list[Any] = []
            for span in spans:
                if (span.parent_id if span.parent_id in known else None) == parent:
                    result.append(span.name)
                    if children := below(span.span_id):
                        result.append(children)
            return result

        return below(None)

    def calls(self, model: str | None = None) -> list[CapturedSpan]:
        """The calls of models: every span with tokens or a requested model.

        Args:
            model: only those that asked for it.
        """
        found = []
        for span in self.all():
            asked = span.attributes.get(names.REQUEST_MODEL)
            if asked is not None if model is None else asked == model:
                found.append(span)
        return found

    def usage(self, model: str | None = None) -> Usage:
        """The tokens of the calls of models, summed up."""
        keys = (
            names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.CACHE_READ_TOKENS,
            names.REASONING_TOKENS,
        )  # fmt: skip
        calls = self.calls(model)
        return Usage(*(sum(call.attributes.get(key, 0) for call in calls) for key in keys))

    def cost_usd(self, prices: Mapping[str, tuple[float, float]]) -> float:
        """What the calls of models cost.

        Args:
            prices: for each model, dollars for a million input and a million output tokens.

        Raises:
            AssertionError: a model has no price.
        """
        total = 0.0
        for call in self.calls():
            model = str(call.attributes[names.REQUEST_MODEL])
            if model not in prices:
                raise AssertionError(f"no price for {model!r}; there are: {sorted(prices)}")
            for price, key in zip(
                prices[model], (names.INPUT_TOKENS, names.OUTPUT_TOKENS), strict=True
            ):
                total += price * call.attributes.get(key, 0) / _PER
        return total

    def assert_cost_below(self, usd: float, prices: Mapping[str, tuple[float, float]]) -> None:
        """Checks what the calls of models cost; see `cost_usd`.

        Raises:
            AssertionError: it is as much or more, or a model has no price.
        """
        cost = self.cost_usd(prices)
        if cost >= usd:
            calls = ", ".join(span.name for span in self.calls())
            raise AssertionError(f"the calls cost ${cost:.6f}, not below ${usd:.6f}: {calls}")

    def assert_faster_than(self, seconds: float, name: str = "") -> None:
        """Checks how long spans took.

        Args:
            seconds: that none may reach.
            name: only spans with this name.

        Raises:
            AssertionError: one took as long, or there is none.
        """
        assert_faster(self.named(name) if name else self.all(), seconds)

    def assert_tree(self, *expected: Any) -> None:
        """Checks the names and their nesting, as `tree` gives them.

        Raises:
            AssertionError: they are others.
        """
        found = self.tree()
        if found != list(expected):
            raise AssertionError(f"the spans are {found}, not {list(expected)}")

    def assert_ok(self) -> None:
        """Checks that no span has failed.

        Raises:
            AssertionError: one has; it is named with its error.
        """
        failed = [f"{s.name}: {s.status_message}" for s in self.all() if s.status == "error"]
        if failed:
            what = "1 span" if len(failed) == 1 else f"{len(failed)} spans"
            raise AssertionError(f"{what} failed: {'; '.join(failed)}")

    def assert_absent(self, *texts: str) -> None:
        """Checks that texts occur nowhere in what would be sent.

        Raises:
            AssertionError: one does; its span and attribute are named, the text is not.
        """
        for number, text in enumerate(texts, 1):
            for span in self.all():
                places = {"name": span.name, "status": span.status_message, **span.attributes}
                for event in span.events:
                    places |= {f"{event.name}.{key}": v for key, v in event.attributes.items()}
                for key, value in places.items():
                    if text in str(value):
                        raise AssertionError(f"text {number} is in {key!r} of {span.name!r}")

    def clear(self) -> None:
        """Forgets what ended so far."""
        with self._lock:
            self._spans.clear()
            self.scores.clear()

    # What a runtime gives its spans and scores to

    def begin(self, resource: Resource) -> None:
        return None

    def offer_score(self, event: Event) -> None:
        with self._lock:
            shown = self._privacy.shown_attributes(event.attributes)
            self.scores.append(captured_score(event, shown))

    def refuse_score(self, reason: str) -> None:
        with self._lock:
            self._refused[reason] = self._refused.get(reason, 0) + 1

    def leave_out(self, count: int) -> None:
        with self._lock:
            self._sampled_out += count

    def offer(self, span: ReadableSpan | RecordedSpan) -> None:
        with self._lock:
            self._spans.append(captured_span(self._privacy.shown(span)))

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float, reason: str) -> int:
        return 0

    def retire(self, timeout_s: float, reason: str) -> None:
        return None

    def stats(self) -> Stats:
        given = len(self.scores)
        return Stats(
            accepted=len(self),
            sent=len(self),
            sampled_out=self._sampled_out,
            scores=Counts(accepted=given, sent=given, dropped=dict(self._refused)),
        )


class _CountingIds(IdGenerator):
    """1, 2, 3, …: the same in every run."""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


@contextmanager
def capture(*, clock: Clock | None = None, **settings: Any) -> Iterator[CapturedSpans]:
    """Keeps every span that ends inside, instead of sending it. What `init` set up waits.

    Ids count from 1. The environment's settings do not apply, and neither do those of an `init`
    inside: an application that calls it is captured, too.

    Args:
        clock: what times the spans; None for the system's clock.
        settings: as for `spanglass.init`: `capture_content=False`, …

    Raises:
        TypeError: there is no such setting.
    """
    if unknown := settings.keys() - {field.name for field in fields(Settings)}:
        raise TypeError(f"spanglass.init has no setting {', '.join(sorted(unknown))}")
    resolved = resolve({"service": "test", **settings}, {})
    spans = CapturedSpans(Privacy(resolved.capture_content, resolved.mask))
    runtime = Runtime(resolved, spans, _CountingIds())
    before = _state.runtime, _state.captured, _clock.wall, _clock.steady
    _state.runtime = _state.captured = runtime
    if clock is not None:
        _clock.wall = _clock.steady = clock
    try:
        yield spans
    finally:
        _state.runtime, _state.captured, _clock.wall, _clock.steady = before
