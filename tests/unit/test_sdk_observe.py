"""`@observe`: the decorated function behaves as the bare one does, and every call is a span."""

import asyncio
import functools
import gc
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

import spanglass
from spanglass import _state
from spanglass.testing import CapturedSpan, CapturedSpans, capture

pytestmark = pytest.mark.usefixtures("strict")


def test_a_call_is_a_span(spans: CapturedSpans) -> None:
    @spanglass.observe
    def greet(name: str, *rest: int, loud: bool = False, **more: str) -> str:
        return f"hello {name}"

    assert greet("ada", 1, 2, loud=True, mood="good") == "hello ada"
    span = spans.one("greet")
    assert span.input == {"name": "ada", "rest": [1, 2], "loud": True, "mood": "good"}
    assert span.output == "hello ada"
    assert (span.kind, span.status, span.parent_id) == ("internal", "unset", None)
    assert span.end_ns >= span.start_ns


def test_the_signature_and_the_docstring_stay() -> None:
    def bare(a: int, /, b: str = "x", *, c: bool) -> list[int]:
        """Meaning."""
        return [a]

    decorated = spanglass.observe(bare)
    assert inspect.signature(decorated) == inspect.signature(bare)
    assert (decorated.__name__, decorated.__doc__) == ("bare", "Meaning.")
    assert decorated.__wrapped__ is bare  # type: ignore[attr-defined]


def test_what_a_function_is_stays_what_it_is() -> None:
    @spanglass.observe
    async def coroutine() -> None: ...

    @spanglass.observe
    def generator() -> Iterator[int]:
        yield 1

    @spanglass.observe
    async def stream() -> AsyncIterator[int]:
        yield 1

    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(stream)


@given(
    st.lists(st.integers(), max_size=4),
    st.dictionaries(st.sampled_from("abcz"), st.integers(), max_size=3),
)
def test_result_and_exception_are_those_of_the_bare_function(
    args: list[int], kwargs: dict[str, int]
) -> None:
    def bare(a: int, b: int = 2, *rest: int, c: int = 3) -> tuple[object, ...]:
        if a % 3 == 0:
            raise ValueError(a)
        return a, b, rest, c

    def outcome(function: Callable[..., object]) -> tuple[object, ...]:
        try:
            return "returned", function(*args, **kwargs)
        except Exception as error:
            return "raised", type(error), str(error)

    with capture():
        assert outcome(spanglass.observe(bare)) == outcome(bare)


@given(
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=6),
    st.lists(st.sampled_from(["next", "send", "throw", "close"]), max_size=8),
)
def test_a_generator_is_driven_as_the_bare_one(items: list[object], actions: list[str]) -> None:
    def bare() -> Generator[object, object, str]:
        for item in items:
            try:
                got = yield item
            except KeyError as error:
                yield f"caught {error}"
            else:
                if got == "stop":
                    return "stopped"
        return "done"

    def outcomes(make: Callable[[], Generator[object, object, str]]) -> list[object]:
        generator = make()
        result: list[object] = []
        for action in actions:
            try:
                if action == "next":
                    result.append(next(generator))
                elif action == "send":
                    result.append(generator.send("stop" if len(result) > 2 else None))
                elif action == "throw":
                    result.append(generator.throw(KeyError("k")))
                else:
                    generator.close()
            except StopIteration as end:
                result.append(("end", end.value))
            except KeyError as error:
                result.append(("raised", str(error)))
        generator.close()
        return result

    with capture():
        assert outcomes(spanglass.observe(bare)) == outcomes(bare)


@given(
    st.integers(min_value=0, max_value=4),
    st.lists(st.sampled_from(["next", "send", "throw", "close"]), max_size=6),
)
def test_an_async_generator_is_driven_as_the_bare_one(size: int, actions: list[str]) -> None:
    async def bare() -> AsyncGenerator[object, object]:
        for item in range(size):
            try:
                got = yield item
            except KeyError as error:
                yield f"caught {error}"
            else:
                if got is not None:
                    yield got

    async def outcomes(make: Callable[[], AsyncGenerator[object, object]]) -> list[object]:
        generator = make()
        result: list[object] = []
        for action in actions:
            try:
                if action == "next":
                    result.append(await anext(generator))
                elif action == "send":
                    result.append(await generator.asend("sent" if result else None))
                elif action == "throw":
                    result.append(await generator.athrow(KeyError("k")))
                else:
                    await generator.aclose()
            except StopAsyncIteration:
                result.append("end")
            except KeyError as error:
                result.append(("raised", str(error)))
        await generator.aclose()
        return result

    with capture():
        assert asyncio.run(outcomes(spanglass.observe(bare))) == asyncio.run(outcomes(bare))


def test_the_exception_is_the_same_object_and_is_recorded(spans: CapturedSpans) -> None:
    class OutOfStock(Exception):
        pass

    raised = OutOfStock("no tents")

    @spanglass.observe
    def order() -> None:
        raise raised

    with pytest.raises(OutOfStock) as caught:
        order()
    assert caught.value is raised
    assert raised.__cause__ is None
    assert raised.__context__ is None
    assert not hasattr(raised, "__notes__")
    span = spans.one("order")
    assert span.status == "error"
    assert span.status_message.endswith("OutOfStock: no tents")
    assert span.attributes["error.type"].endswith("OutOfStock")
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "no tents"
    assert "in order" in event.attributes["exception.stacktrace"]


def test_the_stack_is_written_once_by_the_span_that_failed(spans: CapturedSpans) -> None:
    @spanglass.observe
    def inner(n: int) -> None:
        raise ValueError(n)

    @spanglass.observe
    def outer() -> None:
        for n in range(3):
            try:
                inner(n)
            except ValueError as error:
                last = error
        raise KeyError("own") from last

    @spanglass.observe
    def outermost() -> None:
        outer()

    with pytest.raises(KeyError):
        outermost()

    def has_stack(span: CapturedSpan) -> bool:
        return "exception.stacktrace" in span.events[0].attributes

    assert [(span.name, has_stack(span)) for span in spans] == [
        ("inner", True), ("inner", True), ("inner", True), ("outer", True), ("outermost", False),
    ]  # fmt: skip
    assert {span.status for span in spans} == {"error"}


def test_an_exception_that_cannot_be_shown(spans: CapturedSpans) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    @spanglass.observe
    def fail() -> None:
        raise Mute

    with pytest.raises(Mute):
        fail()
    assert "RuntimeError" in spans.one("fail").events[0].attributes["exception.message"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_giving_up_is_marked_and_is_no_error(
    spans: CapturedSpans, stop: type[BaseException]
) -> None:
    @spanglass.observe
    def work() -> None:
        raise stop

    with pytest.raises(stop):
        work()
    span = spans.one("work")
    assert span.attributes["spanglass.cancelled"] is True
    assert span.status == "unset"


def test_nested_calls_are_a_tree(spans: CapturedSpans) -> None:
    @spanglass.observe
    def leaf(n: int) -> int:
        return n

    @spanglass.observe
    def branch(n: int) -> int:
        return leaf(n) + leaf(n + 1)

    @spanglass.observe
    def root() -> int:
        return branch(1) + leaf(9)

    root()
    assert spans.tree() == ["root", ["branch", ["leaf", "leaf"], "leaf"]]
    assert len({span.trace_id for span in spans}) == 1


def test_concurrent_tasks_keep_their_parents(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def leaf(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @spanglass.observe
    async def branch(n: int) -> int:
        found = await asyncio.gather(*(leaf(n * 10 + i) for i in range(3)))
        await asyncio.sleep(0)
        return sum(found) + await leaf(n)

    @spanglass.observe
    async def root() -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(5):
                group.create_task(branch(n))

    asyncio.run(root())
    by_id = {span.span_id: span for span in spans}
    for span in spans.named("leaf"):
        parent = by_id[str(span.parent_id)]
        assert parent.name == "branch"
        n = span.input["n"]
        assert parent.input["n"] in (n // 10, n)
    assert {by_id[str(s.parent_id)].name for s in spans.named("branch")} == {"root"}
    assert len(spans) == 1 + 5 + 20


def test_a_cancelled_task(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def endless() -> None:
        await asyncio.sleep(1000)

    async def main() -> None:
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert spans.one("endless").attributes["spanglass.cancelled"] is True


def test_methods_without_the_object_they_belong_to(spans: CapturedSpans) -> None:
    class Shop:
        secret = "keep"

        @spanglass.observe
        def buy(self, what: str) -> str:
            return what

        @classmethod
        @spanglass.observe
        def make(cls, size: int) -> int:
            return size

        @spanglass.observe
        @staticmethod
        def add(a: int, b: int) -> int:
            return a + b

        @spanglass.observe
        @classmethod
        def wrapped(cls, size: int) -> int:
            return size

    shop = Shop()
    assert (shop.buy("tent"), Shop.make(3), shop.add(1, 2), Shop.wrapped(4)) == ("tent", 3, 3, 4)
    inputs = {span.name: span.input for span in spans}
    assert inputs == {
        "Shop.buy": {"what": "tent"},
        "Shop.make": {"size": 3},
        "Shop.add": {"a": 1, "b": 2},
        "Shop.wrapped": {"size": 4},
    }
    observed = spanglass.observe(Shop().buy.__wrapped__.__get__(shop))  # type: ignore[attr-defined]
    assert observed("rope") == "rope"
    assert spans.all()[-1].input == {"what": "rope"}


def test_what_is_recorded_is_what_was_passed(spans: CapturedSpans) -> None:
    @spanglass.observe
    def chat(messages: list[str]) -> list[str]:
        messages.append("answer")
        return messages

    history = ["question"]
    result = chat(history)
    result.append("next question")
    span = spans.one("chat")
    assert span.input == {"messages": ["question"]}
    assert span.output == ["question", "answer"]


def test_generators_record_what_they_yield(spans: CapturedSpans) -> None:
    @spanglass.observe
    def words() -> Iterator[str]:
        yield "Hel"
        yield "lo"

    @spanglass.observe
    def mixed() -> Iterator[object]:
        rows: list[int] = [1]
        yield rows
        rows.append(2)
        yield "x"

    assert list(words()) == ["Hel", "lo"]
    list(mixed())
    assert spans.one("words").output == "Hello"
    assert spans.one("words").attributes["spanglass.chunks"] == 2
    assert spans.one("mixed").output == [[1], "x"]


def test_a_generators_span_lasts_from_the_first_step_to_the_last(spans: CapturedSpans) -> None:
    @spanglass.observe
    def words() -> Iterator[str]:
        yield "a"
        yield "b"

    steps = words()
    assert len(spans) == 0
    next(steps)
    next(steps)
    assert len(spans) == 0
    assert next(steps, "end") == "end"
    assert len(spans) == 1


def test_no_context_is_current_across_a_yield(spans: CapturedSpans) -> None:
    @spanglass.observe
    def inner() -> None: ...

    @spanglass.observe
    def outer(name: str) -> Iterator[int]:
        with spanglass.span("within"):
            inner()
            yield 1
            inner()
        yield 2

    with spanglass.span("caller"):
        one, two = outer("a"), outer("b")
        before = spanglass.current_trace_id()
        # Interleaved, as two streams in one task are.
        next(one)
        inner()
        next(two)
        assert trace.get_current_span().name == "caller"  # type: ignore[attr-defined]
        list(one)
        list(two)
        assert spanglass.current_trace_id() == before
    stream = ["outer", ["within", ["inner", "inner"]]]
    assert spans.tree() == ["caller", [*stream, "inner", *stream]]


def test_async_streams_side_by_side(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def step(n: int) -> None:
        await asyncio.sleep(0)

    @spanglass.observe(kind="agent")
    async def stream(n: int) -> AsyncIterator[str]:
        await step(n)
        yield "a"
        await step(n)
        yield "b"

    async def consume(n: int) -> str:
        return "".join([chunk async for chunk in stream(n)])

    async def main() -> None:
        assert await asyncio.gather(*(consume(n) for n in range(4))) == ["ab"] * 4

    asyncio.run(main())
    by_id = {span.span_id: span for span in spans}
    for span in spans.named("step"):
        assert by_id[str(span.parent_id)].input == span.input
    assert len(spans.named("invoke_agent stream")) == 4
    for span in spans.named("invoke_agent stream"):
        assert span.output == "ab"
        assert span.attributes["gen_ai.response.time_to_first_chunk"] >= 0


def test_a_stream_that_nobody_reads_on(spans: CapturedSpans) -> None:
    @spanglass.observe
    def words() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append(True)

    closed: list[bool] = []
    steps = words()
    next(steps)
    del steps
    gc.collect()
    assert closed == [True]
    span = spans.one("words")
    assert span.attributes["spanglass.cancelled"] is True
    assert span.output == "a"
    assert span.status == "unset"


def test_a_stream_that_nobody_reads_on_when_its_loop_ends(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def words() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        steps = words()
        kept.append(steps)
        await anext(steps)

    closed: list[bool] = []
    kept: list[AsyncIterator[str]] = []
    complaints: list[dict[str, Any]] = []
    asyncio.run(main())
    assert not complaints, "the loop closes it once"
    assert closed == [True]
    assert spans.one("words").attributes["spanglass.cancelled"] is True


def test_a_stream_that_breaks(spans: CapturedSpans) -> None:
    @spanglass.observe
    async def words() -> AsyncIterator[str]:
        yield "a"
        raise ConnectionError("cut")

    async def main() -> None:
        async for _ in words():
            pass

    with pytest.raises(ConnectionError):
        asyncio.run(main())
    span = spans.one("words")
    assert (span.status, span.output) == ("error", "a")


def test_kinds_have_their_operation_and_names(spans: CapturedSpans) -> None:
    @spanglass.observe(kind="tool")
    def get_order_status(order_id: str) -> dict[str, str]:
        return {"status": "shipped"}

    @spanglass.observe(kind="agent", name="helper")
    def agent(task: str) -> str:
        return "done"

    @spanglass.observe(kind="workflow")
    def nightly() -> None: ...

    @spanglass.observe(kind="retriever")
    def search(index: str, query: str, top_k: int = 3) -> list[tuple[str, float]]:
        return [("a tent", 0.9)]

    @spanglass.observe(kind="embedding")
    def embed(texts: list[str]) -> list[list[float]]:
        return [[0.1] * 3]

    get_order_status("HO-1")
    agent("find it")
    nightly()
    search("help", "tents", top_k=2)
    embed(["a"])
    tool = spans.one("execute_tool get_order_status").attributes
    assert tool["gen_ai.operation.name"] == "execute_tool"
    assert tool["gen_ai.tool.name"] == "get_order_status"
    assert tool["gen_ai.tool.call.arguments"] == '{"order_id": "HO-1"}'
    assert tool["gen_ai.tool.call.result"] == '{"status": "shipped"}'
    helper = spans.one("invoke_agent helper")
    assert helper.attributes["gen_ai.agent.name"] == "helper"
    assert (helper.input, helper.output) == ({"task": "find it"}, "done")
    assert spans.one("invoke_workflow nightly").attributes["gen_ai.workflow.name"] == "nightly"
    found = spans.one("retrieval search")
    assert found.kind == "client"
    assert found.attributes["gen_ai.retrieval.query.text"] == "tents"
    assert found.attributes["gen_ai.retrieval.top_k"] == 2
    assert found.output == [{"content": "a tent", "score": 0.9}]
    vectors = spans.one("embeddings embed")
    assert vectors.attributes["gen_ai.operation.name"] == "embeddings"
    assert vectors.input == {"texts": ["a"]}
    assert vectors.output is None


def test_content_can_be_left_out() -> None:
    @spanglass.observe(capture_input=False)
    def a(x: int) -> int:
        return x

    @spanglass.observe(capture_output=False)
    def b(x: int) -> int:
        return x

    @spanglass.observe(capture_input=True)
    def c(x: int) -> int:
        return x

    def outcome(span: Any) -> tuple[object, object]:
        return span.input, span.output

    with capture() as spans:
        a(1), b(1), c(1)
    assert [outcome(s) for s in spans] == [(None, 1), ({"x": 1}, None), ({"x": 1}, 1)]
    with capture(capture_content=False) as spans:
        a(1), b(1), c(1)
    assert [outcome(s) for s in spans] == [(None, None), (None, None), ({"x": 1}, None)]


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_decorated_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert spanglass.observe(3) == 3  # type: ignore[call-overload]
    assert caplog.text.count("is for functions, methods and classes") == 1


def test_a_class_has_its_public_methods_observed(spans: CapturedSpans) -> None:
    class Base:
        def inherited(self) -> None: ...

    class Plain(Base):
        limit = len
        size: int = 3

        def __init__(self) -> None:
            self._hidden()

        def __call__(self, a: int) -> int:
            return a

        def _hidden(self) -> None: ...

        @property
        def shown(self) -> int:
            return 1

        def method(self, a: int) -> int:
            return a

        @staticmethod
        def static(a: int) -> int:
            return a

        @classmethod
        def make(cls, a: int) -> int:
            return a

        def generator(self) -> Iterator[str]:
            yield "x"

        async def coroutine(self, a: int) -> int:
            return a

        @spanglass.observe(name="own name")
        def own(self) -> None: ...

    assert spanglass.observe(Plain) is Plain
    plain = Plain()
    assert (plain.shown, plain.limit([1])) == (1, 1)
    plain.inherited()
    assert len(spans) == 0
    assert (plain(1), plain.method(2), Plain.static(3), Plain.make(4)) == (1, 2, 3, 4)
    assert list(plain.generator()) == ["x"]
    assert asyncio.run(plain.coroutine(5)) == 5
    plain.own()
    assert [(s.name, s.input) for s in spans] == [
        ("Plain.__call__", {"a": 1}),
        ("Plain.method", {"a": 2}),
        ("Plain.static", {"a": 3}),
        ("Plain.make", {"a": 4}),
        ("Plain.generator", None),
        ("Plain.coroutine", {"a": 5}),
        ("own name", None),
    ]


def test_a_class_with_options(spans: CapturedSpans) -> None:
    @spanglass.observe(name="shop", kind="tool", capture_output=False)
    class Tools:
        def search(self, query: str) -> str:
            return query

    assert Tools().search("tent") == "tent"
    span = spans.one("execute_tool shop.search")
    assert (span.input, span.output) == ({"query": "tent"}, None)


def test_builtins_partials_and_objects_that_can_be_called(spans: CapturedSpans) -> None:
    class Adder:
        def __call__(self, a: int) -> int:
            return a + 1

    class Later:
        async def __call__(self, a: int) -> int:
            return a + 1

    async def later(a: int, b: int) -> int:
        return a + b

    assert spanglass.observe(len)([1, 2]) == 2
    assert spanglass.observe(functools.partial(pow, 2))(5) == 32
    assert spanglass.observe(Adder())(1) == 2
    assert asyncio.run(spanglass.observe(Later())(1)) == 2
    assert asyncio.run(spanglass.observe(functools.partial(later, 1))(2)) == 3
    assert spanglass.observe(eval)("1 + 1") == 2
    assert [span.output for span in spans] == [2, 32, 2, 2, 3, 2]


def test_what_an_object_offers_beside_being_called(spans: CapturedSpans) -> None:
    class Task:
        def __call__(self, a: int) -> int:
            return a

        def delay(self, a: int) -> str:
            return f"later {a}"

        @property
        def costly(self) -> int:
            raise RuntimeError("nobody asked")

    @functools.lru_cache
    def square(a: int) -> int:
        return a * a

    cached: Any = spanglass.observe(square)
    assert [cached(2), cached(2)] == [4, 4]
    assert cached.cache_info().hits == 1
    cached.cache_clear()
    assert cached.cache_info().currsize == 0
    task: Any = spanglass.observe(Task())
    assert task(1) == 1
    assert task.delay(1) == "later 1"
    assert len(spans) == 3


def test_without_init_functions_just_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_state, "absence", "not_initialised")

    @spanglass.observe
    def add(a: int, b: int) -> int:
        with spanglass.span("x") as span, spanglass.generation("m") as call:
            span.set(a=1)
            call.chunk("x")
            call.usage(input_tokens=1)
            assert span.trace_id is None
        return a + b

    @spanglass.observe
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    @spanglass.observe
    async def later() -> AsyncIterator[int]:
        yield 1

    async def main() -> list[int]:
        return [n async for n in later()]

    before = spanglass.stats().dropped.get("not_initialised", 0)
    assert add(1, 2) == 3
    assert list(numbers()) == [1, 2]
    assert asyncio.run(main()) == [1]
    assert spanglass.stats().dropped["not_initialised"] - before == 5
    assert spanglass.current_trace_id() is None
    assert spanglass.trace_url() is None
    assert spanglass.flush() is True
    assert caplog.text.count("init() has not been called") <= 1


def test_deep_recursion_still_ends_in_a_recursion_error(spans: CapturedSpans) -> None:
    @spanglass.observe(capture_input=False)
    def down(n: int) -> int:
        return down(n + 1)

    with pytest.raises(RecursionError):
        down(0)


def test_a_name_without_its_keyword(spans: CapturedSpans) -> None:
    decorate: Any = spanglass.observe("lookup")  # type: ignore[call-overload]
    assert decorate(len)([1]) == 1
    assert [span.name for span in spans] == ["lookup"]


def test_a_class_that_python_does_not_run_is_said_to_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for cls in (dict, int):
        assert spanglass.observe(cls) is cls
        assert f"no public method that {cls!r} defines in Python" in caplog.text
