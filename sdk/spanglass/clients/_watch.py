"""Answers that are still to be read: streams, and responses as they came over the wire.

A client's stream object stays what it is; only the iterator that it draws from is replaced by
one that looks at each piece as it passes. It does not refer to the stream, so that one that is
dropped goes away, and with it its connection, when it would without us.
"""

from __future__ import annotations

import functools
import inspect
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from spanglass._guard import guard
from spanglass.clients._call import Call, request_id_of
from spanglass.clients._values import get


class _Pieces:
    """Draws from a client's iterator. Anything but iterating is left to that."""

    __slots__ = ("_call", "_inner")

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class SyncPieces(_Pieces):
    """The pieces of a stream."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        call = self._call
        while True:
            call.reading = True
            try:
                piece = self._inner.__next__()
            except StopIteration:
                call.exhausted()
                raise
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                call.reading = False
            if call.take(piece):
                return piece


class AsyncPieces(_Pieces):
    """The pieces of an asynchronous stream."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        call = self._call
        while True:
            call.reading = True
            try:
                piece = await self._inner.__anext__()
            except StopAsyncIteration:
                call.exhausted()
                raise
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                call.reading = False
            if call.take(piece):
                return piece


def is_stream(result: Any) -> bool:
    """Whether a result is a client's stream, which has a response and an iterator of its own."""
    return hasattr(type(result), "__stream__") and hasattr(result, "response")


def is_raw(result: Any) -> bool:
    """Whether a result is a client's wrapper of the response as it came."""
    return hasattr(result, "http_response") and callable(getattr(result, "parse", None))


def watch_stream(stream: Any, call: Call) -> None:
    """Has a call see the pieces of a stream as its reader draws them."""
    call.streams(stream.response.headers)
    is_async = hasattr(type(stream), "__anext__")
    pieces = AsyncPieces if is_async else SyncPieces
    stream._iterator = pieces(stream._iterator, call)
    _on_close(stream.response, call, lambda _, watched: watched.give_up())


def watch_raw(raw: Any, call: Call) -> None:
    """Has a call see a response that the application reads by itself.

    A response that is read already, as with `with_raw_response`, is recorded at once. Of one that
    is streamed, the pieces are seen if it is parsed; otherwise the span lasts until it is closed.
    """
    response = raw.http_response
    if response.is_closed:
        _record(response, call)
        return
    _on_close(response, call, _closed_raw)
    raw.parse = _watched_parse(raw, call)


def _closed_raw(response: Any, call: Call) -> None:
    # While it is read it is closed before its content is there, and once more by `with`.
    if not call.done and ("_content" in response.__dict__ or call.touched()):
        _record(response, call)


def _watched_parse(raw: Any, call: Call) -> Callable[..., Any]:
    original = raw.parse

    def seen(parsed: Any) -> Any:
        with guard("wrap"):
            if is_stream(parsed) and not isinstance(parsed._iterator, _Pieces):
                watch_stream(parsed, call)
        return parsed

    async def seen_later(parsed: Any) -> Any:
        return seen(await parsed)

    @functools.wraps(original)
    def parse(*args: Any, **kwargs: Any) -> Any:
        parsed = original(*args, **kwargs)
        return seen_later(parsed) if inspect.isawaitable(parsed) else seen(parsed)

    return parse


def _on_close(response: Any, call: Call, closed: Callable[[Any, Call], None]) -> None:
    """Calls back when somebody other than the reading client closes a response."""
    kind = type(response)
    # The response may live on after the stream that it belongs to; the call ends with that.
    reference = weakref.ref(call)

    def tell() -> None:
        found = reference()
        if found is not None and not found.reading:
            closed(response, found)

    def close() -> None:
        try:
            kind.close(response)
        finally:
            tell()

    async def aclose() -> None:
        try:
            await kind.aclose(response)
        finally:
            tell()

    response.close, response.aclose = close, aclose


def _record(response: Any, call: Call) -> None:
    """Records a response by its body, where that has been read and is JSON."""
    answer: Any = None
    with guard("wrap"):
        content = response.__dict__.get("_content")
        kind = str(response.headers.get("content-type", ""))
        if isinstance(content, bytes) and kind.partition(";")[0].endswith("json"):
            answer = json.loads(content)
    if answer is None:
        call.give_up()
    else:
        call.whole(answer, request_id_of(get(response, "headers")))
