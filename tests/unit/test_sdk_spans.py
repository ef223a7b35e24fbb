"""`span`, `generation`, `context`, and how they live beside another OpenTelemetry set-up."""

import asyncio
import gc
import json
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import spanglass
from spanglass import _guard, _misuse, _serialize, _state
from spanglass.testing import CapturedSpans, capture

pytestmark = pytest.mark.usefixtures("strict")


def test_a_span_around_a_block(spans: CapturedSpans) -> None:
    with spanglass.span("rank", input={"query": "tents"}, candidates=40) as span:
        span.set(best="a", scores=[0.5, 0.25])
        span.set({"shop.region": "north"}, none=None)
        span.event("cut", kept=3, why={"over": 1})
        span.output(["a"])
    found = spans.one("rank")
    assert found.attributes == {
        "candidates": 40,
        "input.value": '{"query": "tents"}',
        "best": "a",
        "scores": (0.5, 0.25),
        "shop.region": "north",
        "output.value": '["a"]',
    }
    [event] = found.events
    assert (event.name, event.attributes) == ("cut", {"kept": 3, "why": '{"over": 1}'})
    assert found.start_ns <= event.time_ns <= found.end_ns


def test_an_exception_passes_through(spans: CapturedSpans) -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as caught, spanglass.span("fails"):
        raise error
    assert caught.value is error
    found = spans.one("fails")
    assert (found.status, found.attributes["error.type"]) == ("error", "KeyError")


def test_a_failure_that_does_not_leave_the_block(spans: CapturedSpans) -> None:
    with spanglass.span("a") as a:
        a.error("the shop said no")
    with spanglass.span("b") as b:
        b.error(TimeoutError("slow"))
    assert (spans.one("a").status, spans.one("a").status_message) == ("error", "the shop said no")
    assert spans.one("a").attributes["error.type"] == "_OTHER"
    assert spans.one("b").attributes["error.type"] == "TimeoutError"


def test_many_attributes_push_out_none(spans: CapturedSpans) -> None:
    with spanglass.span("wide", kind="tool") as span:
        span.set({f"k{n}": n for n in range(500)})
    found = spans.one("execute_tool wide").attributes
    assert found["gen_ai.operation.name"] == "execute_tool"
    assert len(found) == 502


def test_a_bug_in_recording_still_ends_the_span(
    spans: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("a bug of ours")

    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("spanglass._generation.Generation._record_answer", broken)
    with spanglass.generation("m") as call:
        call.chunk("a")
    assert spans.one("chat m").attributes["spanglass.chunks"] == 1


def test_async_with(spans: CapturedSpans) -> None:
    async def main() -> None:
        async with (
            spanglass.span("outer"),
            spanglass.context(user_id="u"),
            spanglass.generation("m"),
        ):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert spans.tree() == ["outer", ["chat m"]]
    assert spans.one("chat m").attributes["user.id"] == "u"


def test_spans_of_kinds(spans: CapturedSpans) -> None:
    with spanglass.span("get_order", kind="tool", input={"id": 1}) as tool:
        tool.output("shipped")
    with spanglass.span("help", kind="retrieval", input="tents?") as retrieval:
        retrieval.output([{"id": "d1", "score": 0.5, "text": "a tent"}])
    assert spans.one("execute_tool get_order").attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_order",
        "gen_ai.tool.call.arguments": '{"id": 1}',
        "gen_ai.tool.call.result": "shipped",
    }
    found = spans.one("retrieval help")
    assert found.attributes["gen_ai.retrieval.query.text"] == "tents?"
    assert found.output == [{"id": "d1", "score": 0.5, "content": "a tent"}]


def test_an_unknown_kind_is_an_operation_of_its_own(
    spans: CapturedSpans, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with spanglass.span("x", kind="dream"):  # type: ignore[arg-type]
            pass
    assert spans.all()[0].attributes["gen_ai.operation.name"] == "dream"
    assert caplog.text.count("dream") == 1


def test_work_in_the_past(spans: CapturedSpans) -> None:
    day = 1_700_000_000_000_000_000
    with spanglass.span("outer", start_time_ns=day) as outer:
        with spanglass.generation("m", start_time_ns=day + 10) as call:
            call.chunk("a", time_ns=day + 10 + 250_000_000)
            call.chunk("b")
            call.event("noted", time_ns=day + 20)
            call.end(day + 10 + 2_000_000_000)
        with spanglass.span("now"):
            pass
        outer.end(day + 3_000_000_000)
        outer.set(late=1)
    call_, now, outer_ = spans.all()
    assert (outer_.start_ns, outer_.end_ns) == (day, day + 3_000_000_000)
    assert (call_.start_ns, call_.end_ns) == (day + 10, day + 2_000_000_010)
    assert call_.attributes["gen_ai.response.time_to_first_chunk"] == 0.25
    assert call_.events[0].time_ns == day + 20
    assert call_.parent_id == now.parent_id == outer_.span_id
    assert now.start_ns > outer_.end_ns, "a child does not inherit the past"
    assert "late" not in outer_.attributes


def test_a_span_that_is_ended_by_hand(spans: CapturedSpans) -> None:
    span = spanglass.span("by hand").start()
    with spanglass.span("other"):
        pass
    span.end()
    span.end()
    assert spans.tree() == ["by hand", "other"]
    spanglass.span("never started").end()
    assert len(spans) == 2


def test_a_streamed_call_of_a_model(spans: CapturedSpans) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is my order?"},
    ]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    with spanglass.generation(
        "gpt-4o-mini",
        provider="openai",
        messages=messages,
        system="Be kind.",
        tools=tools,
        temperature=0,
        max_completion_tokens=50,
        stop="END",
        n=1,
        stream=True,
        seed=7,
        response_format={"type": "json_schema", "json_schema": {}},
        reasoning_effort="low",
        user=None,
    ) as call:
        messages.append({"role": "user", "content": "changed my mind"})
        call.chunk()
        call.chunk("")
        call.chunk("On its ")
        call.chunk("way.")
        call.output(finish_reason="stop")
        call.usage(
            input_tokens=20,
            output_tokens=5,
            cache_read_tokens=4,
            cache_write_tokens=2,
            reasoning_tokens=1,
        )
        call.response(model="gpt-4o-mini-2024-07-18", id="chatcmpl-1")
    found = spans.one("chat gpt-4o-mini")
    assert (found.kind, found.status) == ("client", "unset")
    attributes = dict(found.attributes)
    assert 0 <= attributes.pop("gen_ai.response.time_to_first_chunk") < 60
    assert 0 < attributes.pop("spanglass.time_per_output_token") < 60
    assert json.loads(attributes.pop("gen_ai.tool.definitions"))[0]["name"] == "look"
    assert json.loads(attributes.pop("gen_ai.system_instructions")) == [
        {"type": "text", "content": "Be kind."}
    ]
    assert json.loads(attributes.pop("gen_ai.input.messages")) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Where is my order?"}]},
    ]
    assert json.loads(attributes.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "On its way."}],
            "finish_reason": "stop",
        }
    ]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.stream": True,
        "gen_ai.request.seed": 7,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "spanglass.chunks": 4,
    }


def test_a_stream_that_is_cut_keeps_what_came(spans: CapturedSpans) -> None:
    def ask(model: str, text: str, error: BaseException) -> None:
        with spanglass.generation(model) as call:
            call.chunk(text)
            raise error

    with pytest.raises(ConnectionError):
        ask("m", "Hel", ConnectionError("cut"))
    with pytest.raises(asyncio.CancelledError):
        ask("n", "Wor", asyncio.CancelledError())
    broken, cancelled = spans.all()
    assert (broken.status, broken.attributes["error.type"]) == ("error", "ConnectionError")
    assert broken.output[0]["parts"][0]["content"] == "Hel"
    assert cancelled.status == "unset"
    assert cancelled.attributes["gen_ai.response.status"] == "cancelled"
    assert cancelled.output[0]["parts"][0]["content"] == "Wor"


def test_the_first_chunk_is_the_first_with_content(spans: CapturedSpans) -> None:
    start = time.time_ns()
    with spanglass.generation("m", start_time_ns=start) as call:
        call.chunk(None, time_ns=start + 1_000)
        call.chunk("", time_ns=start + 2_000)
        call.chunk("a", time_ns=start + 5_000_000_000)
        call.chunk("b", time_ns=start + 9_000_000_000)
    assert spans.one("chat m").attributes["gen_ai.response.time_to_first_chunk"] == 5.0


def test_a_chain_of_callbacks_keeps_no_ancestors_alive(spans: CapturedSpans) -> None:
    # Each step is scheduled inside the span of the step before, and so has it in its context.
    made: list[weakref.ref[trace.Span]] = []

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def step(left: int) -> None:
            with spanglass.span("step", input="x" * 1000) as span:
                made.append(weakref.ref(span.otel))
                if left:
                    loop.call_soon(step, left - 1)
                else:
                    gc.collect()
                    alive.append(sum(ref() is not None for ref in made))
                    done.set()

        step(50)
        await done.wait()

    alive: list[int] = []
    asyncio.run(main())
    assert len(spans.named("step")) == 51
    assert alive[0] <= 3, "itself, the one before, and the one that the next is made in"


def test_embeddings(spans: CapturedSpans) -> None:
    with spanglass.generation("e", operation="embeddings", messages=["a", "b"], dimensions=3) as c:
        c.usage(input_tokens=2, estimated=True)
    found = spans.one("embeddings e")
    assert found.input == ["a", "b"]
    assert found.attributes["gen_ai.embeddings.dimension.count"] == 3
    assert found.attributes["spanglass.tokens_estimated"] is True


def test_content_stays_out_where_it_is_off() -> None:
    with capture(capture_content=False) as spans:
        with spanglass.generation("m", messages="secret", system="secret", tools=["secret"]) as c:
            c.chunk("secret")
            c.output("secret", finish_reason="stop")
        with spanglass.span("s", input="secret") as span:
            span.output("secret")
    assert "secret" not in str([span.attributes for span in spans])
    assert spans.all()[0].attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_contexts_nest_and_reach_every_span_below(spans: CapturedSpans) -> None:
    with (
        spanglass.context(
            session_id="s1",
            user_id="u1",
            tags=["a", "b"],
            metadata={"plan": "pro", "limits": {"x": 1}},
        ),
        spanglass.span("outer"),
    ):
        with (
            spanglass.context(tags=["b", "c"], feature="search", user_id="u2", prompt=("greet", 3)),
            spanglass.span("inner"),
        ):
            pass
        with spanglass.span("after"):
            pass
    with spanglass.span("outside"):
        pass
    common = {
        "session.id": "s1",
        "gen_ai.conversation.id": "s1",
        "spanglass.metadata.plan": "pro",
        "spanglass.metadata.limits": '{"x": 1}',
    }
    assert spans.one("outer").attributes == {
        **common, "user.id": "u1", "spanglass.tags": ("a", "b"),
    }  # fmt: skip
    assert spans.one("after").attributes == spans.one("outer").attributes
    assert spans.one("inner").attributes == {
        **common,
        "user.id": "u2",
        "spanglass.tags": ("a", "b", "c"),
        "spanglass.feature": "search",
        "gen_ai.prompt.name": "greet",
        "gen_ai.prompt.version": "3",
    }
    assert spans.one("outside").attributes == {}


@pytest.mark.parametrize(
    ("prompt", "name", "version"),
    [
        ("p", "p", None),
        (("p", "v1"), "p", "v1"),
        (("p",), "p", None),
        ({"name": "p", "version": 2}, "p", "2"),
    ],
)
def test_prompts(spans: CapturedSpans, prompt: Any, name: str, version: str | None) -> None:
    with spanglass.context(prompt=prompt, tags="one"), spanglass.span("x"):
        pass
    found = spans.one("x").attributes
    assert found["gen_ai.prompt.name"] == name
    assert found.get("gen_ai.prompt.version") == version
    assert found["spanglass.tags"] == ("one",)


def test_the_trace_that_runs_here(spans: CapturedSpans) -> None:
    assert spanglass.current_trace_id() is None
    with spanglass.span("x") as span:
        assert spanglass.current_trace_id() == span.trace_id == f"{1:032x}"
        assert spanglass.trace_url() == f"http://127.0.0.1:8400/traces/{1:032x}"
    assert spanglass.trace_url("abc") == "http://127.0.0.1:8400/traces/abc"


# Beside another OpenTelemetry set-up


class Foreign:
    """The application's own tracing."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("app")

    def parents(self) -> dict[str, str | None]:
        ended = self.exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in ended}
        return {s.name: names.get(s.parent.span_id, "?") if s.parent else None for s in ended}


def test_another_set_up_keeps_its_tree_and_we_share_its_trace_id(spans: CapturedSpans) -> None:
    foreign = Foreign()
    with foreign.tracer.start_as_current_span("GET /ask") as request:
        start = foreign.tracer.start_as_current_span
        with spanglass.span("answer"), start("SELECT"), spanglass.span("deep"):
            pass
        with foreign.tracer.start_as_current_span("INSERT"):
            pass
    assert foreign.parents() == {"GET /ask": None, "SELECT": "GET /ask", "INSERT": "GET /ask"}
    assert spans.tree() == ["answer", ["deep"]]
    trace_id = trace.format_trace_id(request.get_span_context().trace_id)
    assert {span.trace_id for span in spans} == {trace_id}
    assert spans.one("answer").parent_id == trace.format_span_id(request.get_span_context().span_id)


def test_what_another_set_up_does_not_sample_is_ours_to_record(spans: CapturedSpans) -> None:
    foreign = Foreign(sampler=ParentBased(ALWAYS_OFF))
    start = foreign.tracer.start_as_current_span
    with start("GET"), spanglass.span("answer"), start("SELECT"):
        pass
    assert foreign.parents() == {}, "our span must not switch their sampling on"
    assert spans.tree() == ["answer"]


def test_a_callers_trace_is_continued_across_services(spans: CapturedSpans) -> None:
    remote = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(0))
    context = trace.set_span_in_context(NonRecordingSpan(remote))
    from opentelemetry import context as otel_context

    token = otel_context.attach(context)
    try:
        with spanglass.span("answer") as span:
            assert trace.get_current_span().get_span_context().span_id == int(
                span.span_id or "", 16
            )
    finally:
        otel_context.detach(token)
    found = spans.one("answer")
    assert (found.trace_id, found.parent_id) == (f"{7:032x}", f"{9:016x}")


def test_an_instrumentation_that_we_feed_is_part_of_the_tree(spans: CapturedSpans) -> None:
    runtime = _state.runtime
    assert runtime is not None
    library = runtime.provider.get_tracer("library")
    with (
        spanglass.context(user_id="u"),
        spanglass.span("answer"),
        library.start_as_current_span("library call"),
        spanglass.span("hook"),
    ):
        pass
    assert spans.tree() == ["answer", ["library call", ["hook"]]]
    assert spans.one("library call").attributes["user.id"] == "u"


def test_spans_of_threads_do_not_mix(spans: CapturedSpans) -> None:
    barrier = threading.Barrier(4)

    def work(n: int) -> None:
        with spanglass.span(f"outer {n}"):
            barrier.wait(10)
            with spanglass.span(f"inner {n}"):
                barrier.wait(10)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, spans.tree()[::2])) == [f"outer {n}" for n in range(4)]
    by_id = {span.span_id: span for span in spans}
    for n in range(4):
        assert by_id[str(spans.one(f"inner {n}").parent_id)].name == f"outer {n}"


# The guard


def test_an_error_of_ours_never_reaches_the_application(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spans: CapturedSpans
) -> None:
    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug of ours")

    for name in ("json_text", "text", "attribute"):
        for module in ("_spans", "_generation", "_context", "_streams"):
            if hasattr(getattr(spanglass, module), name):
                monkeypatch.setattr(f"spanglass.{module}.{name}", broken)
    before = spanglass.stats().internal_errors

    @spanglass.observe
    def add(a: int) -> int:
        with spanglass.context(user_id="u"), spanglass.span("s", input=1, a=1) as span:
            span.set(b=1)
            span.output(2)
            span.event("e", x=1)
        with spanglass.generation("m", messages="x", temperature=1) as call:
            call.output("y")
        return a + 1

    @spanglass.observe
    def numbers() -> Iterator[int]:
        yield 1

    for _ in range(3):
        assert add(1) == 2
        assert list(numbers()) == [1]
    assert spanglass.stats().internal_errors - before > 10
    assert len(spans.named("add")) == 3, "the span is there, without what could not be recorded"
    warnings = [r for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == len({(r.args or [""])[0] for r in warnings})  # type: ignore[index]


def test_an_error_of_ours_is_raised_where_our_tests_ask_for_it(
    monkeypatch: pytest.MonkeyPatch, spans: CapturedSpans
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("spanglass._spans.attribute", broken)
    with pytest.raises(RuntimeError, match="a bug of ours"):
        spanglass.span("x").set(a=1)


def test_wrong_arguments_do_no_harm(monkeypatch: pytest.MonkeyPatch, spans: CapturedSpans) -> None:
    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    with spanglass.span() as span:  # type: ignore[call-arg]
        span.set(1)  # type: ignore[arg-type]
        span.event()  # type: ignore[call-arg]
    with spanglass.generation(b"m", messages=object(), temperature=object()) as call:  # type: ignore[arg-type]
        call.usage(input_tokens="many")  # type: ignore[arg-type]
        call.output(object(), finish_reason=object())  # type: ignore[arg-type]
    with spanglass.context(tags=3, metadata=4):  # type: ignore[arg-type]
        pass
    assert len(spans) == 1


def test_the_guard_lets_through_what_is_not_ours() -> None:
    with pytest.raises(KeyboardInterrupt), _guard.guard("x"):
        raise KeyboardInterrupt
    assert _serialize.SECRET == "[secret]"


def test_a_misspelt_argument_is_named_and_costs_nothing_else(
    monkeypatch: pytest.MonkeyPatch, spans: CapturedSpans, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr(_misuse, "_said", set())
    before = spanglass.stats().internal_errors
    with spanglass.context(sesion_id="s-1", user_id="u"), spanglass.generation("m") as call:  # type: ignore[call-arg]
        for _ in range(2):
            call.usage(input_tokens=3, outputs=4)  # type: ignore[call-arg]
        call.output()
    assert spanglass.observe(nme="x")(len)([1]) == 1  # type: ignore[call-overload]  # type: ignore[call-overload]
    client = object()
    assert spanglass.wrap(client, providr="x") is client
    chat = spans.one("chat m")
    assert chat.attributes["user.id"] == "u"
    assert chat.attributes["gen_ai.usage.input_tokens"] == 3
    said = [record.getMessage() for record in caplog.records]
    assert [each for each in said if "'outputs'" in each] == [
        "spanglass: Generation.usage() has no argument 'outputs': it is left out"
        "; did you mean 'output_tokens'?"
    ]
    assert any("'sesion_id'" in each and "did you mean 'session_id'" in each for each in said)
    assert any("'nme'" in each and "did you mean 'name'" in each for each in said)
    assert any("'providr'" in each and "did you mean 'provider'" in each for each in said)
    assert not caplog.text.count("Traceback")
    assert spanglass.stats().internal_errors == before


def test_an_error_of_ours_is_none_of_the_callers(
    monkeypatch: pytest.MonkeyPatch, spans: CapturedSpans, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> Any:
        raise TypeError("a bug of ours")

    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("spanglass._spans.attribute", broken)
    before = spanglass.stats().internal_errors
    with spanglass.span("x") as span:
        span.set(a=1)
    assert spanglass.stats().internal_errors == before + 1
    assert "a bug of ours" in caplog.text


def test_what_is_no_list_of_tags_leaves_the_rest_of_a_context(spans: CapturedSpans) -> None:
    with (
        spanglass.context(session_id="s-1", tags=3, metadata=[4]),  # type: ignore[arg-type]
        spanglass.span("x"),
    ):
        pass
    assert spans.one("x").attributes["session.id"] == "s-1"
