"""A traced client is the client that it was: results, exceptions, attempts; and never our errors."""

from __future__ import annotations

import gc
import inspect
import json
import logging
import re
import weakref
from typing import Any

import anthropic
import openai
import pytest

import spanglass
from spanglass import _guard
from spanglass.testing import CapturedSpans
from support.sdk_clients import (
    CLAUDE,
    MODEL,
    QUESTION,
    STYLES,
    Style,
    anthropic_client,
    call,
    fault,
    openai_client,
    traced,
    user,
)
from support.sdk_sink import run_python

both = pytest.mark.parametrize("style", STYLES)
CLIENTS = {"openai": openai_client, "anthropic": anthropic_client}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("chat.completions.create", {"model": MODEL, "messages": user(QUESTION)}),
    "anthropic": (
        "messages.create", {"model": CLAUDE, "max_tokens": 100, "messages": user(QUESTION)}
    ),
}  # fmt: skip


def plain(value: Any) -> Any:
    """A result without what is new each time."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    shown = json.dumps(value.model_dump(mode="json"), sort_keys=True, default=str)
    return re.sub(r'(chatcmpl-|msg_|req_)[0-9a-f]{32}|"created": \d+|[0-9a-f]{32}', "", shown)


def outcome(client: Any, provider: str, **more: Any) -> tuple[Any, ...]:
    method, arguments = REQUESTS[provider]
    try:
        result = call(client, method, **arguments, **more)
    except Exception as error:
        text = re.sub(r"req_[0-9a-f]{32}", "", str(error))
        cause = type(error.__cause__)
        return type(error), text, cause, getattr(error, "status_code", None)
    return type(result), plain(result)


@both
@pytest.mark.usefixtures("strict", "spans")
@pytest.mark.parametrize("provider", CLIENTS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "kind",
    ["", "401", "404", "429; retry-after=0.01", "500", "529; retry-after=0.01; times=1", "break",
     "error-event", "malformed", "refusal"],
)  # fmt: skip
def test_the_outcome_is_the_same(
    style: Style, provider: str, stream: bool, kind: str, url: str
) -> None:
    more: dict[str, Any] = {"stream": stream, "extra_headers": fault(kind) if kind else None}
    make = CLIENTS[provider]
    # Retries of real waits are few: all but two kinds are not tried again.
    retries = 1 if "retry-after" in kind else 0
    bare = outcome(make(style, url, max_retries=retries), provider, **more)
    # To ask for counts makes each piece a little longer, and this error tells by how much.
    wishes = {"include_usage": False} if kind == "malformed" else {}
    client = traced(make(style, url, max_retries=retries), **wishes)
    assert outcome(client, provider, **more) == bare


@both
@pytest.mark.parametrize("provider", CLIENTS)
def test_it_is_the_same_object_of_the_same_type(style: Style, provider: str, url: str) -> None:
    client = CLIENTS[provider](style, url)
    kind, methods = type(client), {n: inspect.signature(getattr(client, n)) for n in ("copy",)}
    request = inspect.iscoroutinefunction(client.request)
    assert spanglass.wrap(client) is client
    assert type(client) is kind
    assert {n: inspect.signature(getattr(client, n)) for n in methods} == methods
    assert inspect.iscoroutinefunction(client.request) is request
    once = client.request
    assert spanglass.wrap(client) is client
    assert client.request is once
    assert type(client.with_options(timeout=1)) is kind
    assert isinstance(client, openai.OpenAI | openai.AsyncOpenAI | anthropic.Anthropic
                      | anthropic.AsyncAnthropic)  # fmt: skip


def test_resources_that_were_there_before_are_traced(url: str, spans: CapturedSpans) -> None:
    client = openai_client("sync", url)
    completions = client.chat.completions
    spanglass.wrap(client)
    completions.create(model=MODEL, messages=user(QUESTION))
    assert len(spans) == 1


def test_streams_keep_their_type_and_go_away(url: str, spans: CapturedSpans) -> None:
    for make, (method, arguments), kind in (
        (openai_client, REQUESTS["openai"], openai.Stream),
        (anthropic_client, REQUESTS["anthropic"], anthropic.Stream),
    ):
        client = traced(make("sync", url))
        create: Any = client
        for name in method.split("."):
            create = getattr(create, name)
        stream = create(**arguments, stream=True)
        assert type(stream) is kind
        with stream as entered:
            assert entered is stream
            pieces = list(stream)
        assert pieces
        assert list(stream) == []
        gone = weakref.ref(stream)
        del stream, entered
        gc.collect()
        assert gone() is None
    assert len(spans) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["begin", "whole", "piece", "end", "estimate"])
def test_our_errors_stay_ours(
    where: str,
    stream: bool,
    url: str,
    spans: CapturedSpans,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug of ours")

    client = traced(openai_client("sync", url))
    monkeypatch.setattr(f"spanglass.clients._chat.Chat.{where}", broken)
    monkeypatch.setattr(_guard, "_seen", set())
    before = _guard.internal_errors()
    method, arguments = REQUESTS["openai"]
    with caplog.at_level(logging.WARNING, "spanglass"):
        result = call(client, method, **arguments, stream=stream)
    assert result
    used = {"begin": True, "whole": not stream, "estimate": True}.get(where, stream)
    assert (_guard.internal_errors() > before) is used
    assert caplog.text.count("the application is not affected") == (1 if used else 0)
    assert len(spans) == (0 if where == "begin" else 1)


class Unreadable:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("kind", ["cyclic", "object", "set", "nothing", "bytes", "huge"])
def test_what_cannot_be_sent_fails_as_it_did(kind: str, url: str, spans: CapturedSpans) -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    messages: Any = {
        "cyclic": [{"role": "user", "content": cyclic}],
        "object": [{"role": "user", "content": Unreadable()}],
        "set": {1, 2},
        "nothing": None,
        "bytes": [{"role": "user", "content": b"x"}],
        "huge": user("x" * 3_000_000),
    }[kind]

    def attempt(client: Any) -> tuple[Any, ...]:
        try:
            client.chat.completions.create(model=MODEL, messages=messages)
        except Exception as error:
            return type(error), re.sub(r"0x[0-9a-f]+|req_\w+", "", str(error))
        return ()

    bare = attempt(openai_client("sync", url))
    assert bare
    assert attempt(traced(openai_client("sync", url))) == bare
    assert [span.status for span in spans] in ([], ["error"])
    assert all(len(str(span.attributes)) < 200_000 for span in spans)


@pytest.mark.parametrize("thing", [None, 3, "client", object(), openai, openai.OpenAI, print])
def test_what_is_no_client_stays_as_it_is(thing: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spanglass"):
        assert spanglass.wrap(thing) is thing
    assert caplog.text.count("spanglass.wrap is for clients") == 1


def test_a_client_that_cannot_be_changed_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Frozen(openai.OpenAI):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "request":
                raise AttributeError(name)
            super().__setattr__(name, value)

    client = Frozen(api_key="any")
    with caplog.at_level(logging.WARNING, "spanglass"):
        assert spanglass.wrap(client) is client
    assert "the application is not affected" in caplog.text
    assert "request" not in vars(client)


PROGRAM = """
import sys
import spanglass
loaded = {"openai", "anthropic", "httpx", "httpx2", "pydantic"} & set(sys.modules)
assert not loaded, loaded
import openai
sys.path.insert(0, sys.argv[1])
from sample_server import BackgroundServer, Settings
with BackgroundServer(Settings(speed=0)) as server:
    client = spanglass.wrap(openai.OpenAI(base_url=server.base_url, api_key="any"))
    ask = dict(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello?"}])
    assert client.chat.completions.create(**ask).choices
    assert [piece for piece in client.chat.completions.create(**ask, stream=True)]
    client.models.list()
assert "anthropic" not in sys.modules
assert spanglass.stats().dropped == {"not_initialised": 2}, spanglass.stats()
"""


def test_nothing_of_a_provider_is_imported_and_init_may_be_missing() -> None:
    from support.running import ROOT

    done = run_python(PROGRAM, str(ROOT / "examples"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("spanglass.init() has not been called") == 1
