"""What stands in a decorated function's place: one for each way in which a call can run.

A generator's span lasts from the first step to the last, and is current only while the generator's
own code runs, never while the caller's does between two steps.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

from spanglass._plan import Plan
from spanglass._spans import inert
from spanglass._streams import Stream


def function(wrapped: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def call(*args: Any, **kwargs: Any) -> Any:
        span = plan.begin(args, kwargs)
        if span is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            plan.raised(span, error)
            raise
        plan.returned(span, result)
        return result

    return call


def coroutine(wrapped: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = plan.begin(args, kwargs)
        if span is None:
            return await wrapped(*args, **kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            plan.raised(span, error)
            raise
        plan.returned(span, result)
        return result

    return call


def generator(wrapped: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner: Generator[Any, Any, Any] = wrapped(*args, **kwargs)
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


def async_generator(wrapped: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner: AsyncGenerator[Any, Any] = wrapped(*args, **kwargs)
        # Without a span the stream records nothing, but the steps are the same.
        stream = Stream(plan.open(args, kwargs) or inert(), plan.capture_output)
        step: Callable[..., Any] = functools.partial(_first_step, inner)
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


def _first_step(inner: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Begins a generator that the event loop does not get to know.

    A loop that ends closes all generators it knows at the same time: ours, and the one within it
    that ours is about to close.
    """
    known = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.__anext__()
    finally:
        sys.set_asyncgen_hooks(*known)
