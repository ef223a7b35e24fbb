"""Puts itself between a client and its requests.

The `openai` and `anthropic` packages, and others generated the same way, send everything through
one method of the client, `request`: a call of `create` and of `parse`, a helper that streams, a
retry. An instance attribute in its place sees them all, whichever resource they come from, and
the client's class stays untouched.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace

from spanglass import _names as names
from spanglass import _state
from spanglass._guard import guard, report
from spanglass.clients import _iterators, _providers
from spanglass.clients._call import Call, current
from spanglass.clients._chat import Chat
from spanglass.clients._routes import exchange_for
from spanglass.clients._values import get
from spanglass.clients._watch import is_raw, is_stream, watch_raw, watch_stream

if TYPE_CHECKING:
    from spanglass._runtime import Runtime

_BASES: Final = ("SyncAPIClient", "AsyncAPIClient")
_RAW_HEADER: Final = "x-stainless-raw-response"
_MARK: Final = "_spanglass"
#: Operations that are one call of a model.
_CALLS: Final = frozenset({"chat", "text_completion", "embeddings", "generate_content"})


class Wish(NamedTuple):
    """What `wrap` was told about a client, for its copies, too."""

    provider: str | None
    include_usage: bool | None


def is_client(client: object) -> bool:
    """Whether an object is a client of the kind that is known here."""
    if isinstance(client, type):
        return False
    return any(
        kind.__name__ in _BASES and kind.__module__.endswith("._base_client")
        for kind in type(client).__mro__
    )


def install(client: Any, provider: str | None, include_usage: bool | None) -> None:
    """Traces a client from now on. A client that is traced already takes the new wishes.

    Args:
        client: for which `is_client` holds.
        provider: as for `spanglass.wrap`.
        include_usage: as for `spanglass.wrap`.
    """
    wish = Wish(provider, include_usage)
    traced = getattr(client.request, _MARK, None)
    if traced is not None:
        if wish != Wish(None, None):
            traced.wish = wish
        return
    state = _Traced(client, wish)
    original = client.request
    make = _async_request if inspect.iscoroutinefunction(original) else _sync_request
    client.request = make(original, state)
    setattr(client.request, _MARK, state)
    for name in ("copy", "with_options"):
        if callable(getattr(client, name, None)):
            setattr(client, name, _wrapping(getattr(client, name), state))
    _see_retries(client)


class _Traced:
    """A client that is traced.

    Attributes:
        wish: what the application said about it.
    """

    __slots__ = ("_client", "wish")

    def __init__(self, client: Any, wish: Wish) -> None:
        self._client = client
        self.wish = wish

    def begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Call | None, tuple[Any, ...], dict[str, Any]]:
        """The call that a request is; None for one that asks no model.

        Returns:
            The call, and the request's arguments as they are to be sent.
        """
        try:
            given = kwargs["options"] if "options" in kwargs else args[1]
            exchange = exchange_for(str(given.method), str(given.url))
            if exchange is None:
                return None, args, kwargs
            runtime = _state.runtime
            if runtime is None:
                _state.miss()
                return None, args, kwargs
            if _is_recorded_around(runtime):
                return None, args, kwargs
            provider = self._provider()
            given, args, kwargs = _without_iterators(given, args, kwargs)
            body = _body_of(given)
            asks = self._asks_for_usage(provider, exchange is Chat, given, body)
            reader = exchange(body, runtime.settings.max_content_chars)
            host, port = _providers.address_of(self._client)
            call = Call(reader.begin(provider.name, host, port), reader, asks)
            if asks:
                args, kwargs = _with_options(_asking(given), args, kwargs)
        except Exception as error:
            report("wrap", error)
            return None, args, kwargs
        return call, args, kwargs

    def _provider(self) -> _providers.Provider:
        if self.wish.provider:
            return _providers.named(self.wish.provider)
        return _providers.provider_of(self._client)

    def _asks_for_usage(
        self, provider: _providers.Provider, is_chat: bool, given: Any, body: Mapping[str, Any]
    ) -> bool:
        """Whether a stream is asked for token counts though the caller did not say."""
        if not is_chat or body.get("stream") is not True or _is_raw_request(given):
            return False
        if get(body, "stream_options") is not None or "data_sources" in body:
            return False
        wanted = self.wish.include_usage
        return provider.counts_streams if wanted is None else wanted


def _sync_request(original: Callable[..., Any], state: _Traced) -> Callable[..., Any]:
    @functools.wraps(original)
    def request(*args: Any, **kwargs: Any) -> Any:
        call, args, kwargs = state.begin(args, kwargs)
        if call is None:
            return original(*args, **kwargs)
        call.enter()
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            call.leave()
            call.fail(error)
            raise
        return _received(result, call)

    return request


def _async_request(original: Callable[..., Any], state: _Traced) -> Callable[..., Any]:
    @functools.wraps(original)
    async def request(*args: Any, **kwargs: Any) -> Any:
        call, args, kwargs = state.begin(args, kwargs)
        if call is None:
            return await original(*args, **kwargs)
        call.enter()
        try:
            result = await original(*args, **kwargs)
        except BaseException as error:
            call.leave()
            call.fail(error)
            raise
        return _received(result, call)

    return request


def _received(result: Any, call: Call) -> Any:
    """Looks at what a request has come to, and returns it."""
    call.leave()
    with guard("wrap"):
        if is_stream(result):
            watch_stream(result, call)
        elif is_raw(result):
            watch_raw(result, call)
        else:
            call.whole(result)
    return result


def _wrapping(original: Callable[..., Any], state: _Traced) -> Callable[..., Any]:
    """A method that makes a client, whose client is traced as well."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        with guard("wrap"):
            if is_client(made):
                install(made, *state.wish)
        return made

    return make


def _see_retries(client: Any) -> None:
    """Has the current call see what a client gets around by sending a request again."""
    with guard("wrap"):
        judge, wait = client._should_retry, client._calculate_retry_timeout

        @functools.wraps(judge)
        def should_retry(response: Any, *args: Any, **kwargs: Any) -> Any:
            call = current.get()
            if call is not None:
                call.refused(getattr(response, "status_code", None))
            return judge(response, *args, **kwargs)

        @functools.wraps(wait)
        def calculate_retry_timeout(*args: Any, **kwargs: Any) -> Any:
            seconds = wait(*args, **kwargs)
            call = current.get()
            if call is not None:
                call.resend(seconds)
            return seconds

        client._should_retry = should_retry
        client._calculate_retry_timeout = calculate_retry_timeout


def _is_recorded_around(runtime: Runtime) -> bool:
    """Whether an instrumentation records this call already: its span is around what is seen here.

    Told by what the span says that it is, in the dialects of the instrumentations that there are;
    an agent's span around several calls is none.
    """
    around: Any = trace.get_current_span()
    scope = getattr(around, "instrumentation_scope", None)
    if scope is None or scope.name == runtime.scope.name or not runtime.owns(around):
        return False
    found = around.attributes or {}
    return (
        found.get(names.OPERATION) in _CALLS
        or found.get("openinference.span.kind") in ("LLM", "EMBEDDING")
        or "llm.request.type" in found
    )


def _body_of(options: Any) -> Mapping[str, Any]:
    """What a request sends: the body, with what the caller adds to it, and files by name."""
    parts: dict[str, Any] = {}
    for each in (options.json_data, getattr(options, "extra_json", None)):
        if isinstance(each, Mapping):
            parts.update((name, value) for name, value in each.items() if _is_sent(value))
    files = getattr(options, "files", None)
    if files:
        parts["files"] = list(files.items() if isinstance(files, Mapping) else files)
    return parts


def _is_sent(value: object) -> bool:
    """Whether a parameter has a value, and not a client's mark for none."""
    return value is not None and type(value).__name__ not in ("NotGiven", "Omit")


def _without_iterators(
    options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """A request whose body can be read twice, and its arguments."""
    body = _iterators.read(options.json_data)
    if body is options.json_data:
        return options, args, kwargs
    options = copy.copy(options)
    options.json_data = body
    return options, *_with_options(options, args, kwargs)


def _with_options(
    options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a request with other options."""
    if "options" in kwargs:
        return args, {**kwargs, "options": options}
    return (args[0], options, *args[2:]), kwargs


def _asking(options: Any) -> Any:
    """A request's options with the wish for token counts; the caller's stay as they are."""
    result = copy.copy(options)
    result.json_data = {**options.json_data, "stream_options": {"include_usage": True}}
    return result


def _is_raw_request(options: Any) -> bool:
    """Whether the caller reads the response by itself, and so would see what was added."""
    headers = options.headers
    return isinstance(headers, Mapping) and any(
        str(name).lower() == _RAW_HEADER for name in headers
    )
