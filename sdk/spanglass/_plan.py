"""What a decorated function records of a call: its name, its arguments, its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from spanglass import _names as names
from spanglass import _state
from spanglass._guard import guard, report
from spanglass._kinds import EMBEDDING, TOOL, Kind
from spanglass._serialize import shorten
from spanglass._spans import Capture, Span

_RECEIVERS: Final = frozenset({"self", "cls", "mcs"})
#: What the argument is called that a retriever searches by, and the one that says how many.
_QUERIES: Final = ("query", "question", "q", "text", "search", "prompt")
_TOP_K: Final = ("top_k", "k", "limit", "n_results")
#: What a reranker calls the documents that it is given.
_CANDIDATES: Final = ("documents", "docs", "candidates", "passages", "chunks", "nodes")
_VARARGS: Final = 0x04


class Plan:
    """What is known about a decorated function before it is called. No method raises.

    Args:
        function: that is decorated.
        name: of the spans; None for the function's.
        kind: what they stand for.
        capture_input: whether arguments are recorded.
        capture_output: whether results are recorded.
    """

    __slots__ = (
        "about",
        "capture_input",
        "capture_output",
        "kind",
        "name",
        "parameters",
        "rest",
        "skip",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        kind: Kind,
        capture_input: Capture | None,
        capture_output: Capture | None,
    ) -> None:
        qualified = getattr(function, "__qualname__", None) or type(function).__name__
        self.name = name or str(qualified).rpartition("<locals>.")[2]
        self.kind = kind
        # What a model is told about a tool is what its author wrote.
        described = (inspect.getdoc(function) or "").partition("\n\n")[0] if kind is TOOL else ""
        self.about = {names.TOOL_TYPE: "function"} if kind is TOOL else {}
        if described:
            self.about[names.TOOL_DESCRIPTION] = shorten(described, 1_000)
        self.capture_input = capture_input
        # A vector tells nobody anything, and is large.
        self.capture_output = False if capture_output is None and kind is EMBEDDING else (
            capture_output
        )  # fmt: skip
        code = getattr(inspect.unwrap(function), "__code__", None)
        names_: tuple[str, ...] = code.co_varnames[: code.co_argcount] if code else ()
        if inspect.ismethod(function):
            names_ = names_[1:]
        self.skip = 1 if names_ and names_[0] in _RECEIVERS else 0
        self.parameters = names_[self.skip :]
        rest = "args"
        if code and code.co_flags & _VARARGS:
            rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        self.rest = rest

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, without the object that a method belongs to."""
        given = args[self.skip :] if self.skip else args
        found = dict(zip(self.parameters, given, strict=False))
        if len(given) > len(self.parameters):
            found[self.rest] = given[len(self.parameters) :]
        if kwargs:
            found.update(kwargs)
        return found

    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span | None:
        """Starts a call's span, not current yet; None where nothing is recorded."""
        try:
            if _state.runtime is None:
                _state.miss()
                return None
            kind = self.kind
            span = Span(kind.span_name(self.name), kind)
            if kind.name_key:
                span._attributes[kind.name_key] = self.name
            if self.about:
                span._attributes.update(self.about)
            if self.capture_input is not False and (args or kwargs):
                self._record_arguments(span, args, kwargs)
            span._start()
        except Exception as error:
            report("observe", error)
            return None
        return span

    def _record_arguments(self, span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            given = self.arguments(args, kwargs)
            if self.kind.searches:
                self._record_query(span, given)
            elif given:
                span._record_input(given, self.capture_input)
        except Exception as error:
            report("observe", error)

    def _record_query(self, span: Span, given: dict[str, Any]) -> None:
        for key in _TOP_K:
            if type(given.get(key)) is int:
                span._attributes[names.RETRIEVAL_TOP_K] = given[key]
                break
        named = [given[key] for key in _QUERIES if isinstance(given.get(key), str)]
        for key in _CANDIDATES:
            if isinstance(given.get(key), list | tuple):
                span._attributes[names.CANDIDATE_COUNT] = len(given[key])
                break
        texts = named or [value for value in given.values() if isinstance(value, str)]
        span._record_input(texts[0] if texts else given, self.capture_input)

    # These are written out, not guarded by a context manager, because every call of every
    # decorated function goes through them.

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span | None:
        """Starts a call's span and makes it current; None where nothing is recorded."""
        span = self.open(args, kwargs)
        if span is not None:
            try:
                span._attach()
            except Exception as error:
                report("observe", error)
        return span

    def returned(self, span: Span, result: object) -> None:
        """Ends a call's span with what it returned."""
        _leave(span)
        try:
            if result is not None and (self.capture_output is not False or self.kind.facts):
                span._record_output(result, self.capture_output)
        except Exception as error:
            report("observe", error)
        _end(span)

    def raised(self, span: Span, error: BaseException) -> None:
        """Ends a call's span with what it raised."""
        _leave(span)
        with guard("observe"):
            if span._recording:
                span._fail(error)
        _end(span)


def _leave(span: Span) -> None:
    try:
        span._detach()
    except Exception as error:
        report("observe", error)


def _end(span: Span) -> None:
    try:
        span._end(None)
    except Exception as error:
        report("observe", error)
