"""`@spanglass.observe`: a function whose every call is a span.

The decorated function keeps its signature, its laziness and its exceptions.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, MethodDescriptorType
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast, overload

from spanglass import _wrappers as wrappers
from spanglass._guard import forgiving, guard, log, report
from spanglass._kinds import KindName, kind_of
from spanglass._plan import Plan
from spanglass._spans import Capture

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_METHODS: Final = (FunctionType, MethodDescriptorType, classmethod, staticmethod)
#: What a decorated function can be told by.
_MARK: Final = "__spanglass_observed__"


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


@forgiving
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
    if isinstance(function, str):  # as in `@observe("answer")`
        name, function = name or function, None

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
    plan = Plan(function, name, kind_of(kind), capture_input, capture_output)
    # An object that can be called is what its method is; a partial is seen through.
    seen_through = inspect.isroutine(function) or isinstance(function, functools.partial)
    called = function if seen_through else type(function).__call__
    if inspect.isasyncgenfunction(called):
        made = wrappers.async_generator(function, plan)
    elif inspect.iscoroutinefunction(called):
        made = wrappers.coroutine(function, plan)
    elif inspect.isgeneratorfunction(called):
        made = wrappers.generator(function, plan)
    else:
        made = wrappers.function(function, plan)
    if not seen_through or not isinstance(function, FunctionType):
        _keep_methods(made, function)
    setattr(made, _MARK, True)
    return made


def _keep_methods(made: Any, function: Any) -> None:
    """What an object offers beside being called: `cache_info` of a cache, `delay` of a task."""
    for key in dir(type(function)):
        if key.startswith("_") or hasattr(made, key):
            continue
        # Properties are not read: that may do anything.
        if isinstance(inspect.getattr_static(function, key), _METHODS):
            with guard("observe"):
                setattr(made, key, getattr(function, key))


def _decorate_methods(
    cls: type,
    name: str | None,
    kind: str | None,
    capture_input: Capture | None,
    capture_output: Capture | None,
) -> None:
    before = name or cls.__qualname__.rpartition("<locals>.")[2]
    found_any = False
    for key, found in list(vars(cls).items()):
        method = found.__func__ if isinstance(found, staticmethod | classmethod) else found
        hidden = key.startswith("_") and key != "__call__"
        if hidden or not isinstance(method, FunctionType):
            continue
        found_any = True
        if hasattr(method, _MARK):
            continue
        with guard("observe"):
            named = f"{before}.{key}"
            setattr(cls, key, _decorated(found, named, kind, capture_input, capture_output))
    if not found_any:
        log.warning(
            "@spanglass.observe finds no public method that %r defines in Python;"
            " it stays as it is",
            cls,
        )
