"""One row a span and one row a trace, whatever comes twice, late, or around midnight."""

import time
from typing import Any

from support import otlp
from support.running import RunningService

_TRACE = (
    "SELECT spans, errors, status, input_tokens, output_tokens, total_tokens, root_name,"
    " root_service, complete, duration_ns, services, operations, models"
    " FROM traces WHERE trace_id = {t:String}"
)


def trace_row(service: RunningService, trace: bytes) -> dict[str, Any]:
    service.settle()
    return service.one(_TRACE, t=trace.hex())


def listed(service: RunningService, trace: bytes, **params: Any) -> list[dict[str, Any]]:
    """The trace in the list of traces."""
    service.settle()
    page = service.get("/api/v1/traces", text=trace.hex(), **params)
    items: list[dict[str, Any]] = page["items"]
    return items


def test_a_request_that_is_sent_twice_is_stored_once(service: RunningService) -> None:
    trace = otlp.trace_id()
    root = otlp.span("root", trace=trace, duration=9_000_000)
    chat = otlp.chat_span(100, 20, trace=trace, parent=root.span_id, error="no")
    message = otlp.request(root, chat)
    before = service.settle().stored
    service.send(message)
    once = trace_row(service, trace)
    service.send(message)
    service.grpc(message)
    assert trace_row(service, trace) == once
    assert (once["spans"], once["errors"], once["total_tokens"]) == (2, 1, 120)
    rows = service.sql("SELECT span_id FROM spans WHERE trace_id = {t:String}", t=trace.hex())
    assert len(rows) == 2
    assert len(service.trace(trace)) == 2
    (item,) = listed(service, trace)
    assert (item["spans"], item["errors"], item["input_tokens"]) == (2, 1, 100)
    assert service.account().stored - before == 6, "accounts are of what was sent"


def test_the_same_span_twice_in_one_request_is_stored_once(service: RunningService) -> None:
    chat = otlp.chat_span(7, 3)
    service.send(otlp.request(chat, chat))
    assert trace_row(service, chat.trace_id)["total_tokens"] == 10
    assert trace_row(service, chat.trace_id)["spans"] == 1
    assert len(service.trace(chat.trace_id)) == 1


def test_a_span_that_is_sent_again_with_more_replaces_the_first(service: RunningService) -> None:
    """As SDKs do that export a span when it begins and again when it ends."""
    one = otlp.span("begun")
    service.send(otlp.request(one))
    service.settle()
    one.name = "ended"
    service.send(otlp.request(one))
    (shown,) = service.trace(one.trace_id)
    assert shown["name"] == "ended"
    assert service.stored_span(one.span_id, "name")["name"] == "ended"


def test_a_late_span_makes_its_trace_right(service: RunningService) -> None:
    trace = otlp.trace_id()
    now = time.time_ns()
    root = otlp.span("root", trace=trace, start=now - 3 * otlp.SECOND, duration=2 * otlp.SECOND)
    child = otlp.chat_span(10, 5, trace=trace, parent=root.span_id, start=now - 2 * otlp.SECOND)
    service.send(otlp.request(child, service="worker"))
    early = trace_row(service, trace)
    assert (early["root_name"], early["complete"], early["spans"]) == (
        "chat gpt-4o-mini", False, 1,
    )  # fmt: skip
    service.send(otlp.request(root, service="front"))
    late = trace_row(service, trace)
    assert (late["root_name"], late["root_service"], late["complete"], late["spans"]) == (
        "root", "front", True, 2,
    )  # fmt: skip
    assert late["duration_ns"] == 2 * otlp.SECOND
    assert sorted(late["services"]) == ["front", "worker"]
    failed = otlp.span(trace=trace, parent=root.span_id, error="late", start=now)
    service.send(otlp.request(failed))
    last = trace_row(service, trace)
    assert (last["spans"], last["errors"], last["status"]) == (3, 1, "error")
    assert last["duration_ns"] == 3 * otlp.SECOND + 5_000_000
    (item,) = listed(service, trace)
    assert (item["root_name"], item["status"], item["spans"]) == ("root", "error", 3)


def test_parents_that_repeat_their_childrens_tokens_are_not_counted(
    service: RunningService,
) -> None:
    trace = otlp.trace_id()
    agent = otlp.chat_span(300, 60, {"gen_ai.operation.name": "invoke_agent"}, trace=trace)
    outer = otlp.chat_span(300, 60, trace=trace, parent=agent.span_id)
    first = otlp.chat_span(100, 20, trace=trace, parent=outer.span_id)
    second = otlp.chat_span(200, 40, trace=trace, parent=outer.span_id)
    tool = otlp.span("execute_tool", trace=trace, parent=outer.span_id)
    embedding = otlp.chat_span(
        7, 0, {"gen_ai.operation.name": "embeddings"}, trace=trace, parent=tool.span_id
    )
    # Leaf first, each on its own: order of arrival does not matter.
    for one in (second, embedding, outer, first, agent, tool):
        service.send(otlp.request(one))
    row = trace_row(service, trace)
    assert (row["input_tokens"], row["output_tokens"], row["total_tokens"]) == (307, 60, 367)
    assert sorted(row["operations"]) == ["chat", "embeddings", "invoke_agent"]
    assert row["models"] == ["gpt-4o-mini"]


def midnight() -> int:
    """The last midnight (UTC), in nanoseconds since 1970."""
    return time.time_ns() // otlp.DAY * otlp.DAY


def test_a_trace_around_midnight_is_one_trace(service: RunningService) -> None:
    trace = otlp.trace_id()
    root = otlp.span("root", trace=trace, start=midnight() - otlp.SECOND, duration=3 * otlp.SECOND)
    child = otlp.chat_span(10, 5, trace=trace, parent=root.span_id, start=midnight() + otlp.SECOND)
    later = otlp.chat_span(20, 5, trace=trace, parent=root.span_id, start=midnight() + otlp.SECOND)
    for one in (child, root, later):
        service.send(otlp.request(one))
        service.settle()
    row = trace_row(service, trace)
    assert (row["spans"], row["total_tokens"], row["root_name"]) == (3, 40, "root")
    assert row["duration_ns"] == 3 * otlp.SECOND
    assert len(service.trace(trace)) == 3

    def at(offset: int) -> str:
        seconds = (midnight() + offset * otlp.SECOND) / otlp.SECOND
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    # It started before midnight: it is in that day's list, whole, and not in the next one's.
    (item,) = listed(service, trace, start=at(-3600), end=at(0))
    assert (item["spans"], item["total_tokens"]) == (3, 40)
    assert listed(service, trace, start=at(0), end=at(3600)) == []
    (item,) = listed(service, trace, start=at(-3600), end=at(3600))
    assert item["spans"] == 3


def test_an_end_before_the_start_is_stored_as_no_duration_and_marked(
    service: RunningService,
) -> None:
    one = otlp.span(duration=-2 * otlp.SECOND)
    service.send(otlp.request(one))
    row = service.stored_span(
        one.span_id, "duration_ns, end_before_start, start_time = end_time AS same"
    )
    assert row == {"duration_ns": 0, "end_before_start": True, "same": True}
    (shown,) = service.trace(one.trace_id)
    assert (shown["duration_ns"], shown["end_before_start"]) == (0, True)
    assert trace_row(service, one.trace_id)["duration_ns"] == 0


def test_a_span_without_an_end_has_no_duration(service: RunningService) -> None:
    one = otlp.span()
    one.end_time_unix_nano = 0
    service.send(otlp.request(one))
    (shown,) = service.trace(one.trace_id)
    assert (shown["duration_ns"], shown["end_before_start"]) == (0, True)


def test_an_end_beyond_what_a_time_can_say_does_not_hide_the_span(
    service: RunningService,
) -> None:
    one = otlp.span()
    one.end_time_unix_nano = 2**64 - 1
    service.send(otlp.request(one))
    service.settle()
    assert service.api("GET", f"/api/v1/traces/{one.trace_id.hex()}").status_code == 200


def test_spans_of_one_id_in_different_traces_are_different_spans(service: RunningService) -> None:
    first, second = otlp.span("first", id=b"\x07" * 8), otlp.span("second", id=b"\x07" * 8)
    service.send(otlp.request(first, second))
    assert [one["name"] for one in service.trace(first.trace_id)] == ["first"]
    assert [one["name"] for one in service.trace(second.trace_id)] == ["second"]


def test_a_trace_is_shown_in_the_order_of_its_spans_starts(service: RunningService) -> None:
    trace, now = otlp.trace_id(), time.time_ns()
    spans = [otlp.span(str(n), trace=trace, start=now - n * 1_000) for n in range(50)]
    service.send(otlp.request(*spans))
    assert [one["name"] for one in service.trace(trace)] == [str(n) for n in reversed(range(50))]


def test_one_span_of_a_trace(service: RunningService) -> None:
    trace = otlp.trace_id()
    spans = [otlp.span(str(n), trace=trace, attrs={"input.value": f"in {n}"}) for n in range(3)]
    service.send(otlp.request(*spans))
    service.settle()
    path = f"/api/v1/traces/{trace.hex().upper()}/spans/{spans[1].span_id.hex().upper()}"
    (one,) = service.get(path)["spans"]
    assert (one["name"], one["input"]) == ("1", "in 1")
    assert service.api("GET", path[:-1] + "g").status_code == 404


def test_a_long_chain_of_model_calls_does_not_break_the_list(service: RunningService) -> None:
    trace = otlp.trace_id()
    attrs: dict[str, otlp.Value] = {
        "gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 3,
    }  # fmt: skip
    spans, parent = [], b""
    for n in range(1, 12_001):
        spans.append(otlp.span("chat", trace=trace, id=n.to_bytes(8, "big"), attrs=attrs))
        spans[-1].parent_span_id = parent
        parent = spans[-1].span_id
    for begin in range(0, len(spans), 4_000):
        service.send(otlp.request(*spans[begin : begin + 4_000]))
    service.settle()
    (listed,) = [
        item
        for item in service.get("/api/v1/traces", text=trace.hex())["items"]
        if item["trace_id"] == trace.hex()
    ]
    assert (listed["spans"], listed["output_tokens"]) == (12_000, 3)
