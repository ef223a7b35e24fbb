"""Traces across threads, processes and services."""

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.baggage import get_all
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import spanglass
from spanglass import _baggage
from spanglass.middleware import ASGIMiddleware, WSGIMiddleware
from spanglass.testing import CapturedSpans, capture

pytestmark = pytest.mark.usefixtures("strict")

TRACEPARENT = f"00-{0xABC:032x}-{0xDEF:016x}-01"


@spanglass.observe
def work(n: int) -> int:
    return n


def sent_by(n: int) -> tuple[int, dict[str, str]]:
    """What a request from here would carry; runs in another process."""
    return n, spanglass.inject()


# Threads and processes


def test_a_thread_keeps_its_parent(spans: CapturedSpans) -> None:
    @spanglass.observe
    def root() -> None:
        with spanglass.context(user_id="u"):
            thread = threading.Thread(target=spanglass.carry(work), args=(1,))
        thread.start()
        thread.join()

    root()
    assert spans.tree() == ["root", ["work"]]
    assert spans.one("work").attributes["user.id"] == "u"


def test_a_pool_keeps_the_parents_of_who_submits(spans: CapturedSpans) -> None:
    with spanglass.ContextExecutor(ThreadPoolExecutor(2)) as pool:

        @spanglass.observe
        def branch(n: int) -> list[int]:
            return list(pool.map(work, [n, n]))

        @spanglass.observe
        async def later(n: int) -> int:
            return await asyncio.get_running_loop().run_in_executor(pool, work, n)

        assert branch(1) == [1, 1]
        assert branch(2) == [2, 2]
        assert asyncio.run(later(3)) == 3
        pool.submit(work, 4).result()
    parents = {span.span_id: span.input["n"] for span in spans if span.name != "work"}
    found = [(parents.get(s.parent_id or ""), s.input["n"]) for s in spans.named("work")]
    assert sorted(found, key=str) == [(1, 1), (1, 1), (2, 2), (2, 2), (3, 3), (None, 4)]


def test_tasks_and_to_thread_need_no_help(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def root() -> None:
        await asyncio.gather(asyncio.to_thread(work, 1), asyncio.to_thread(work, 2))

    asyncio.run(root())
    assert spans.tree() == ["root", ["work", "work"]]


def test_a_coroutine_on_another_loop(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def inner() -> str:
        await asyncio.sleep(0)
        return "done"

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with spanglass.span("root"):
            carried = spanglass.carry(inner)
            assert asyncio.run_coroutine_threadsafe(carried(), loop).result() == "done"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert spans.tree() == ["root", ["inner"]]


def test_what_is_carried_behaves_as_the_bare_function(spans: CapturedSpans) -> None:
    raised = ValueError("no")

    def fail(n: int) -> None:
        """Meaning."""
        raise raised

    carried = spanglass.carry(fail)
    assert (carried.__name__, carried.__doc__) == ("fail", "Meaning.")
    with spanglass.span("elsewhere") as here, pytest.raises(ValueError, match="no") as caught:
        carried(1)
    assert caught.value is raised
    assert spanglass.current_trace_id() is None
    assert here.trace_id is not None


def test_to_another_process_go_headers(spans: CapturedSpans) -> None:
    with spanglass.context(session_id="s", tags=["a,b", "ü"]), spanglass.span("root") as root:
        copied = pickle.loads(pickle.dumps(spanglass.carry(work)))
        with (
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
            spanglass.ContextExecutor(pool) as carrying,
        ):
            n, headers = carrying.submit(sent_by, 7).result()
    copied(1)
    assert n == 7
    assert headers["traceparent"] == f"00-{root.trace_id}-{root.span_id}-01"
    assert _baggage.decode([headers["baggage"]])["spanglass.tags"] == ["a,b", "ü"]
    assert spans.one("work").parent_id == root.span_id
    assert spans.one("work").attributes["session.id"] == "s"


# Headers


def test_a_trace_goes_on_in_another_service(spans: CapturedSpans) -> None:
    said: dict[str, Any] = {
        "session_id": "s 1", "user_id": "ü,;=\\\"%", "tags": ["beta", "x,y", "50%"],
        "feature": "search", "prompt": ("greeting", 3),
        "metadata": {"tier": "gold", "schlüssel": "wert"},
    }  # fmt: skip
    with spanglass.context(**said), spanglass.span("caller") as caller:
        headers = spanglass.inject()
    assert all(c.isascii() and c.isprintable() for value in headers.values() for c in value)
    with spanglass.continue_trace(headers):
        work(1)
    found, first = spans.one("work"), spans.one("caller")
    assert (found.trace_id, found.parent_id) == (caller.trace_id, caller.span_id)
    carried = {k: v for k, v in first.attributes.items() if k != "spanglass.sequence"}
    assert {k: v for k, v in found.attributes.items() if k in carried} == carried
    assert carried["spanglass.metadata.schlüssel"] == "wert"


@pytest.mark.parametrize(
    "shape",
    [
        lambda headers: headers,
        lambda headers: {key.title(): value for key, value in headers.items()},
        lambda headers: {key: [value] for key, value in headers.items()},
        lambda headers: list(headers.items()),
        lambda headers: ((k.encode(), v.encode()) for k, v in headers.items()),
    ],
)
def test_headers_in_every_shape(
    spans: CapturedSpans, shape: Callable[[dict[str, str]], Any]
) -> None:
    async def main() -> None:
        async with spanglass.continue_trace(
            shape({"traceparent": TRACEPARENT, "baggage": "user.id=u"})
        ):
            work(1)

    asyncio.run(main())
    span = spans.one("work")
    assert (span.trace_id, span.parent_id) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert span.attributes["user.id"] == "u"


def test_what_comes_from_outside_never_overrides_what_the_code_sets(spans: CapturedSpans) -> None:
    headers = {"baggage": "user.id=mallory,session.id=theirs,spanglass.tags=in,spanglass.feature=f"}
    with (
        spanglass.context(user_id="ada", tags=["own"]),
        spanglass.continue_trace(headers),
        spanglass.context(session_id="mine"),
    ):
        work(1)
    found = spans.one("work").attributes
    assert (found["user.id"], found["session.id"], found["gen_ai.conversation.id"]) == (
        "ada", "mine", "mine",
    )  # fmt: skip
    assert found["spanglass.tags"] == ("own", "in")
    assert found["spanglass.feature"] == "f"
    with spanglass.continue_trace(headers, baggage=False):
        work(2)
    assert "user.id" not in spans.named("work")[1].attributes


def test_other_members_of_the_baggage_stay(spans: CapturedSpans) -> None:
    headers = {"Baggage": "team=red;p=1, user.id=old"}
    with spanglass.context(user_id="new"):
        assert spanglass.inject(headers) is headers
    assert headers == {"Baggage": "team=red;p=1,user.id=new"}


def test_the_baggage_is_bounded() -> None:
    metadata = {f"spanglass.metadata.k{n}": "ü" * 100 for n in range(200)}
    written = _baggage.encode({"session.id": "s", **metadata, "user.id": "u"})
    assert len(written) <= 8192
    assert written.startswith("session.id=s,user.id=u,")
    read = _baggage.decode([written])
    assert 2 < len(read) <= 66
    assert all(value == "ü" * 100 for key, value in read.items() if "metadata" in key)
    assert (
        len(_baggage.decode([",".join(f"spanglass.metadata.{n}=1" for n in range(10_000))])) == 64
    )


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=5), max_size=5))
def test_every_text_survives_the_way_through_headers(text: str, tags: list[str]) -> None:
    try:
        text.encode(), [tag.encode() for tag in tags]
    except UnicodeEncodeError:
        return
    said = {"user.id": text, "spanglass.tags": tags}
    read = _baggage.decode([_baggage.encode(said)])
    if text.isprintable():
        assert read.get("user.id", "") == text
    if all(tag.isprintable() for tag in tags):
        assert read.get("spanglass.tags", []) == tags


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate", "baggage"]), st.text()))
def test_hostile_headers_do_no_harm(headers: dict[str, str]) -> None:
    with capture() as spans, spanglass.continue_trace(headers):
        assert work(1) == 1
    assert len(spans) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{0:032x}-{1:016x}-01"},
        {"traceparent": f"ff-{1:032x}-{1:016x}-01"},
        [("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)],
        {"traceparent": "x" * 100_000, "baggage": "=,;,%ff%fe,user.id,spanglass.metadata.=1"},
        {"traceparent": None, "baggage": 3},
        [1, ("a",), None],
        "traceparent",
        {},
    ],
    ids=range(8),
)
def test_headers_that_cannot_be_read_are_passed_over(spans: CapturedSpans, headers: Any) -> None:
    with spanglass.span("around"), spanglass.continue_trace(headers):
        work(1)
    assert spans.tree() == ["around", ["work"]]


def test_without_init_a_trace_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanglass._state.absence", "disabled")
    with spanglass.continue_trace({"traceparent": TRACEPARENT, "baggage": "user.id=u"}):
        assert spanglass.inject() == {"traceparent": TRACEPARENT, "baggage": "user.id=u"}
    assert spanglass.inject() == {}


# With OpenTelemetry


def test_opentelemetrys_propagator_takes_up_our_trace_and_we_its(spans: CapturedSpans) -> None:
    with spanglass.span("ours") as ours:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        assert headers["traceparent"] == spanglass.inject()["traceparent"]
        extracted = propagate.extract(spanglass.inject())
    about = trace.get_current_span(extracted).get_span_context()
    assert trace.format_span_id(about.span_id) == ours.span_id
    with spanglass.context(user_id="u v"):
        assert get_all(propagate.extract(spanglass.inject())) == {"user.id": "u v"}
    token = otel_context.attach(extracted)
    try:
        work(1)
    finally:
        otel_context.detach(token)
    assert spans.one("work").parent_id == ours.span_id


def test_the_applications_own_tracing_continues_what_we_continue(spans: CapturedSpans) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("app")
    headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    with spanglass.continue_trace(headers):
        with tracer.start_as_current_span("theirs") as theirs:
            work(1)
        passed = spanglass.inject()
    assert theirs.get_span_context().trace_id == 0xABC
    assert theirs.parent.span_id == 0xDEF  # type: ignore[attr-defined]
    assert spans.one("work").parent_id == f"{0xDEF:016x}", "theirs never gets to where ours go"
    assert passed == headers
    context = spanglass.extract(headers)
    assert trace.get_current_span(context).get_span_context().span_id == 0xDEF
    # A span that was there for the request already stays the application's.
    with tracer.start_as_current_span("GET") as request, spanglass.continue_trace(headers):
        assert trace.get_current_span() is request
        work(2)
    assert spans.named("work")[1].parent_id == f"{0xDEF:016x}"


def test_a_decision_not_to_sample_is_passed_on(spans: CapturedSpans) -> None:
    state = TraceState([("vendor", "1")])
    outer = NonRecordingSpan(SpanContext(5, 6, False, TraceFlags(0), state))
    with trace.use_span(outer), spanglass.span("ours") as ours:
        headers = spanglass.inject()
    assert headers["traceparent"] == f"00-{5:032x}-{ours.span_id}-00"
    assert headers["tracestate"] == "vendor=1"


def test_work_from_a_queue_within_a_span_of_its_own(spans: CapturedSpans) -> None:
    with spanglass.span("worker"):
        with spanglass.continue_trace({"traceparent": TRACEPARENT}):
            work(1)
        work(2)
    first, second = spans.named("work")
    assert first.trace_id == f"{0xABC:032x}"
    assert second.parent_id == spans.one("worker").span_id
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    assert carrier == {}


# Middleware


def asgi_get(app: Any, headers: list[tuple[bytes, bytes]], kind: str = "http") -> list[bytes]:
    sent: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))

    asyncio.run(app({"type": kind, "headers": headers}, None, send))
    return sent


def test_asgi(spans: CapturedSpans) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for n in range(2):
            work(n)
            await send({"body": b"x"})

    headers = [(b"traceparent", TRACEPARENT.encode()), (b"baggage", b"user.id=u")]
    assert asgi_get(ASGIMiddleware(app), headers) == [b"x", b"x"]
    assert {s.trace_id for s in spans} == {f"{0xABC:032x}"}
    assert {s.attributes["user.id"] for s in spans} == {"u"}
    asgi_get(ASGIMiddleware(app, baggage=False), headers)
    assert "user.id" not in spans.all()[-1].attributes
    asgi_get(ASGIMiddleware(app), headers, "lifespan")
    assert spans.all()[-1].parent_id is None


def test_wsgi_also_while_the_answer_is_streamed(spans: CapturedSpans) -> None:
    closed: list[str | None] = []

    class Streamed:
        def __iter__(self) -> Iterator[bytes]:
            for n in range(2):
                work(n)
                yield b"x"

        def close(self) -> None:
            closed.append(spanglass.current_trace_id())

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        work(9)
        return Streamed() if environ["PATH_INFO"] == "/stream" else [b"whole"]

    environ = {"HTTP_TRACEPARENT": TRACEPARENT, "HTTP_BAGGAGE": "user.id=u", "PATH_INFO": "/"}
    wrapped = WSGIMiddleware(app)
    assert wrapped(environ, None) == [b"whole"]
    body: Any = wrapped({**environ, "PATH_INFO": "/stream"}, None)
    for _ in body:
        assert spanglass.current_trace_id() is None
    body.close()
    assert closed == [f"{0xABC:032x}"]
    assert len(spans) == 4
    assert {s.parent_id for s in spans} == {f"{0xDEF:016x}"}
    assert {s.attributes["user.id"] for s in spans} == {"u"}
