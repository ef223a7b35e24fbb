"""The data set is what it says, and the load generator counts what it sends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.data import Pool, long_trace
from bench.load import Order, _Sender


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(spans_per_request=100, bodies=8, corpus_bytes=1 << 20)


def spans(body: bytes | bytearray) -> Iterator[Span]:
    request = ExportTraceServiceRequest.FromString(bytes(body))
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def test_bodies_have_the_promised_size_and_number_of_spans(pool: Pool) -> None:
    sent = [pool.fresh(time.time_ns()) for _ in range(16)]
    assert [len(list(spans(each.body))) for each in sent] == [100] * 16
    assert 680 < sum(len(each.body) for each in sent) / 1600 < 780


def test_every_span_is_new_and_belongs_to_a_whole_trace(pool: Pool) -> None:
    now = time.time_ns()
    found = [span for _ in range(16) for span in spans(pool.fresh(now).body)]
    names = {span.span_id for span in found}
    assert len(names) == len(found)
    traces = {span.span_id: span.trace_id for span in found}
    assert len(set(traces.values())) == len(found) / 5
    for span in found:
        if span.parent_span_id:
            assert traces[span.parent_span_id] == span.trace_id
        assert now - 120e9 < span.start_time_unix_nano <= span.end_time_unix_nano <= now


def test_texts_are_json_and_hold_no_stand_in(pool: Pool) -> None:
    for span in spans(pool.fresh(time.time_ns()).body):
        for attribute in span.attributes:
            text = attribute.value.string_value
            assert "~~~" not in text
            assert "^^^" not in text
            if attribute.key.endswith((".messages", ".arguments", ".documents", ".result")):
                json.loads(text)


def test_the_same_seed_sends_the_same_ids(pool: Pool) -> None:
    def ids() -> list[str]:
        pool.rewind(5)
        return [pool.fresh(time.time_ns()).trace_id for _ in range(4)]

    assert ids() == ids()


def test_a_single_span_is_a_request_too() -> None:
    sent = Pool(spans_per_request=1, bodies=2, corpus_bytes=1 << 19).fresh(time.time_ns())
    assert [span.trace_id.hex() for span in spans(sent.body)] == [sent.trace_id]


def test_a_long_trace_is_one_tree() -> None:
    trace, bodies = long_trace(203, time.time_ns(), spans_per_request=50)
    found = [span for body in bodies for span in spans(body)]
    assert len(found) == 203
    assert {span.trace_id.hex() for span in found} == {trace}
    names = {span.span_id for span in found}
    roots = [span for span in found if span.parent_span_id not in names]
    assert [root.name for root in roots] == ["invoke_agent planner"]


@pytest.mark.parametrize("rate", [0.0, 50_000.0])
def test_the_load_generator_sends_again_what_was_refused(pool: Pool, rate: float) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if len(received) == 3 and not refused:
                refused.append(body)
                writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
                continue
            received.append(body)
            # Every tenth request is answered in chunks, with one span rejected.
            if len(received) % 10 == 0:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"4\r\n\x0a\x02\x08\x01\r\n0\r\n\r\n"
                )
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    refused: list[bytes] = []
    probes: list[dict[str, object]] = []

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        order = Order(
            "127.0.0.1", port, spans=3_000, seconds=20, connections=3, rate=rate, probe_every_s=60
        )
        result = await _Sender(order, pool, probes.append).run()
        server.close()
        assert (result.retries, result.requests, result.failures) == (1, 30, {})
        assert (result.spans, result.rejected) == (2_997, 3)
        assert len(result.latencies_ms) == 30

    asyncio.run(run())
    assert refused[0] in received
    assert len(probes) == 1
