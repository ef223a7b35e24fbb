"""`@spanglass.observe`: a function whose every call is a span.

The decorated function keeps its signature, its laziness and its exceptions. A generator stays
one: its span lasts from the first step to the last, and is current only while the generator's
own code runs, never while the caller's does between two steps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import FunctionType
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast, overload

from spanglass import _names as names
from spanglass import _state
from spanglass._guard import guard, log, report
from spanglass._kinds import EMBEDDING, TOOL, Kind, KindName, kind_of
from spanglass._serialize import shorten
from spanglass._spans import Capture, Span, inert
from spanglass._streams import Stream

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_RECEIVERS: Final = frozenset({"self", "cls", "mcs"})
#: What the argument is called that a retriever searches by, and the one that says how many.
_QUERIES: Final = ("query", "question", "q", "text", "search", "prompt")
_TOP_K: Final = ("top_k", "k", "limit", "n_results")
#: What a reranker calls the documents that it is given.
_CANDIDATES: Final = ("documents", "docs", "candidates", "passages", "chunks", "nodes")
_VARARGS: Final = 0x04
#: What a decorated function can be told by.
_MARK: Final = "__spanglass_observed__"


class _Plan:
    """What is known about a decorated function before it is called."""

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

    def succeed(self, span: Span, result: object) -> None:
        """Ends a call's span with what it returned. Never raises."""
        try:
            if result is not None and (self.capture_output is not False or self.kind.facts):
                span._record_output(result, self.capture_output)
        except Exception as error:
            report("observe", error)
        _end(span)

    def fail(self, span: Span, error: BaseException) -> None:
        """Ends a call's span with what it raised. Never raises."""
        with guard("observe"):
            if span._recording:
                span._fail(error)
        _end(span)


# None of these raises. They are written out, not guarded by a context manager, because every
# call of every decorated function goes through them.


def _enter(span: Span) -> None:
    try:
        span._attach()
    except Exception as error:
        report("observe", error)


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


class _Decorator(Protocol):
    """What `observe` is with options: what it decorates keeps its type."""

    @overload
    def __call__(self, function: type[S], /) -> type[S]: ...

    @overload
    def __call__(self, function: classmethod[S, P, R], /) -> classmethod[S, P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def observe(function: type[S], /) -> type[S]: ...


@overload
def observe(function: classmethod[S, P, R], /) -> classmethod[S, P, R]: ...


@overload
def observe(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def observe(
    *,
    name: str | None = None,
    kind: KindName | None = None,
    capture_input: Capture | None = None,
    capture_output: Capture | None = None,
) -> _Decorator: ...


def observe(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    kind: KindName | None = None,
    capture_input: Capture | None = None,
    capture_output: Capture | None = None,
) -> Any:
    """Makes every call of a function a span, with its arguments and what it returns.

        @spanglass.observe
        def answer(question: str) -> str: …

        @spanglass.observe(kind="tool")
        async def get_order_status(order_id: str) -> dict: …

    Works on functions, methods, coroutine functions, generators and async generators. What is
    yielded is recorded, too. Exceptions are recorded and go on unchanged.

    On a class it works on the public methods that the class itself defines, and on `__call__`;
    the class stays the same object. Methods that are decorated already keep what they have.

    Args:
        function: the function or class, where the decorator is used without parentheses.
        name: name of the span; by default the function's. For a class what stands before the
            methods' names; by default its own.
        kind: what it stands for: `tool`, `agent`, `retriever`, `workflow`, `embedding`, …
        capture_input: whether arguments are recorded: True, False or "redacted"; None for what
            `init` says.
        capture_output: whether the result is recorded, likewise.
    """

    def decorate(function: Any) -> Any:
        try:
            return _decorated(function, name, kind, capture_input, capture_output)
        except Exception as error:
            report("observe", error)
            return function  # better unobserved than broken

    return decorate if function is None else decorate(function)


def _decorated(
    function: Any,
    name: str | None,
    kind: str | None,
    capture_input: Capture | None,
    capture_output: Capture | None,
) -> Callable[..., Any]:
    if isinstance(function, staticmethod | classmethod):
        inner = _decorated(function.__func__, name, kind, capture_input, capture_output)
        return cast("Callable[..., Any]", type(function)(inner))
    if isinstance(function, type):
        _decorate_methods(function, name, kind, capture_input, capture_output)
        return function
    if not callable(function):
        log.warning(
            "@spanglass.observe is for functions, methods and classes; %r stays as it is", function
        )
        return cast("Callable[..., Any]", function)
    plan = _Plan(function, name, kind_of(kind), capture_input, capture_output)
    # An object that can be called is what its method is; a partial is seen through.
    seen_through = inspect.isroutine(function) or isinstance(function, functools.partial)
    called = function if seen_through else type(function).__call__
    if inspect.isasyncgenfunction(called):
        made = _async_generator(function, plan)
    elif inspect.iscoroutinefunction(called):
        made = _coroutine(function, plan)
    elif inspect.isgeneratorfunction(called):
        made = _generator(function, plan)
    else:
        made = _function(function, plan)
    setattr(made, _MARK, True)
    return made


def _decorate_methods(
    cls: type,
    name: str | None,
    kind: str | None,
    capture_input: Capture | None,
    capture_output: Capture | None,
) -> None:
    before = name or cls.__qualname__.rpartition("<locals>.")[2]
    for key, found in list(vars(cls).items()):
        method = found.__func__ if isinstance(found, staticmethod | classmethod) else found
        hidden = key.startswith("_") and key != "__call__"
        if hidden or not isinstance(method, FunctionType) or hasattr(method, _MARK):
            continue
        with guard("observe"):
            named = f"{before}.{key}"
            setattr(cls, key, _decorated(found, named, kind, capture_input, capture_output))


def _function(function: Callable[..., Any], plan: _Plan) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        span = plan.open(args, kwargs)
        if span is None:
            return function(*args, **kwargs)
        _enter(span)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _leave(span)
            plan.fail(span, error)
            raise
        _leave(span)
        plan.succeed(span, result)
        return result

    return call


def _coroutine(function: Callable[..., Any], plan: _Plan) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = plan.open(args, kwargs)
        if span is None:
            return await function(*args, **kwargs)
        _enter(span)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            _leave(span)
            plan.fail(span, error)
            raise
        _leave(span)
        plan.succeed(span, result)
        return result

    return call


def _generator(function: Callable[..., Any], plan: _Plan) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner: Generator[Any, Any, Any] = function(*args, **kwargs)
        span = plan.open(args, kwargs)
        if span is None:
            return (yield from inner)
        stream = Stream(span, plan.capture_output)
        step: Callable[..., Any] = inner.__next__
        given: tuple[Any, ...] = ()
        while True:
            stream.resume()
            try:
                item = step(*given)
            except StopIteration as end:
                stream.succeed()
                return end.value
            except BaseException as error:
                stream.fail(error)
                raise
            stream.suspend(item)
            try:
                sent = yield item
            except GeneratorExit as closed:
                stream.resume()
                try:
                    inner.close()
                except BaseException as error:
                    stream.fail(error)
                    raise
                stream.fail(closed)
                raise
            except BaseException as error:
                step, given = inner.throw, (error,)
            else:
                step, given = (inner.__next__, ()) if sent is None else (inner.send, (sent,))

    return call


def _async_generator(function: Callable[..., Any], plan: _Plan) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        # Without a span the stream records nothing, but the steps are the same.
        stream = Stream(plan.open(args, kwargs) or inert(), plan.capture_output)
        step: Callable[..., Any] = inner.__anext__
        given: tuple[Any, ...] = ()
        while True:
            stream.resume()
            try:
                item = await step(*given)
            except StopAsyncIteration:
                stream.succeed()
                return
            except BaseException as error:
                stream.fail(error)
                raise
            stream.suspend(item)
            try:
                sent = yield item
            except GeneratorExit as closed:
                stream.resume()
                try:
                    await inner.aclose()
                except BaseException as error:
                    stream.fail(error)
                    raise
                stream.fail(closed)
                raise
            except BaseException as error:
                step, given = inner.athrow, (error,)
            else:
                step, given = inner.asend, (sent,)

    return call
