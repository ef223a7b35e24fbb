"""Requests that cost more to read than their size says, and large ones taken apart."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from spanglass_collector.ingest import bounds, wire
from spanglass_collector.ingest.bounds import PIECE, Unreadable
from spanglass_collector.ingest.check import Checked, Window, check_quickly, check_request
from spanglass_collector.ingest.forms import MOST_BUCKETS, SPANS
from spanglass_collector.ingest.metric_form import METRICS
from spanglass_store.otlp.schema import JSON_FIELD, STAMPS
from support import otlp

WINDOW = Window(days_back=30)
MIB = 1 << 20
F = wire.field


def serialised_span(more: bytes = b"") -> bytes:
    return bytes(otlp.span().SerializeToString()) + more


def framed(*spans: bytes) -> bytes:
    return F(1, F(2, b"".join(F(2, one) for one in spans)))


def attribute(value: bytes) -> bytes:
    return F(9, F(1, b"a") + F(2, value))


def minimal() -> bytes:
    """The least that can be kept of a span."""
    return (
        F(1, otlp.trace_id()) + F(2, otlp.span_id())
        + b"\x39" + time.time_ns().to_bytes(8, "little")
    )  # fmt: skip


# What unpacks from a few kilobytes: bodies by their size.
EMPTY: dict[str, Callable[[int], bytes]] = {
    "spans": lambda size: F(1, F(2, b"\x12\x00" * (size // 2))),
    "scopes": lambda size: F(1, b"\x12\x00" * (size // 2)),
    "resources": lambda size: b"\x0a\x00" * (size // 2),
    "unknown fields": lambda size: b"\x78\x00" * (size // 2),
    "unknown fields of a resource": lambda size: F(1, b"\x78\x00" * (size // 2)),
    "spans beside a malformed one": lambda size: F(
        1, F(2, F(2, F(5, b"\xff"))) + b"\x12\x00" * (size // 2)
    ),
    "malformed spans": lambda size: framed(*[F(5, b"\xff")] * (size // 5)),
    "attributes of many spans": lambda size: framed(
        *[serialised_span(b"\x4a\x00" * 2_000)] * (size // 4_000)
    ),
    "entries of many spans": lambda size: framed(
        *[serialised_span(attribute(F(6, b"\x0a\x00" * 2_000)))] * (size // 4_000)
    ),
    "items of many lists": lambda size: framed(
        serialised_span(attribute(F(5, F(1, F(5, b"\x0a\x00" * 20))) * (size // 60)))
    ),
}

#: What takes no look at each unless it is much.
SKIPPED = {"unknown fields", "unknown fields of a resource", "malformed spans"}


@pytest.mark.parametrize("size", [100_000, 2 * MIB])
@pytest.mark.parametrize("what", EMPTY)
def test_millions_of_empty_messages_are_refused_and_keep_nobody_waiting(
    what: str, size: int
) -> None:
    body = EMPTY[what](size)
    assert check_quickly(body, WINDOW) is None, "left for later"
    if what in SKIPPED and size < PIECE:
        assert check_request(body, WINDOW).accepted == 0
        return
    if what == "items of many lists" and size > PIECE:
        assert check_request(body, WINDOW).rejected == {"too_many_values": 1}
        return
    with pytest.raises(Unreadable, match="empty"):
        check_request(body, WINDOW)


ONE_LARGE_SPAN = {
    "attributes": b"\x4a\x00" * 600_000,
    "attributes that have a key": b"\x4a\x03\x0a\x01a" * 600_000,
    "fields of an attribute": F(9, b"\x78\x00" * 600_000),
    "events": b"\x5a\x00" * 600_000,
    "attributes of an event": F(11, b"\x1a\x00" * 600_000),
    "entries": attribute(F(6, b"\x0a\x00" * 600_000)),
    "items": attribute(F(5, b"\x0a\x00" * 600_000)),
    "items of inner lists": attribute(F(5, F(1, F(5, b"\x0a\x00" * 100)) * 6_000)),
}


@pytest.mark.parametrize("what", ONE_LARGE_SPAN)
def test_a_span_with_too_many_values_is_rejected_alone(what: str) -> None:
    body = framed(minimal(), serialised_span(ONE_LARGE_SPAN[what]), minimal())
    assert check_quickly(body, WINDOW) is None
    result = check_request(body, WINDOW)
    assert (result.accepted, result.rejected) == (2, {"too_many_values": 1})
    assert "500,000" in result.message()


def test_a_few_empty_spans_are_rejected_one_by_one() -> None:
    result = check_request(F(1, F(2, b"\x12\x00" * 900)), WINDOW)
    assert result.rejected == {"trace_id": 900}


def test_a_large_span_that_is_malformed_is_rejected_alone() -> None:
    broken = serialised_span(F(9, b"\xff" * 10) + F(9, b"x" * PIECE))
    result = check_request(framed(minimal(), broken, minimal()), WINDOW)
    assert (result.accepted, result.rejected) == (2, {"malformed": 1})


def test_values_nested_without_end_in_a_large_span_are_malformed() -> None:
    deep = b""
    for _ in range(5_000):
        deep = F(5, F(1, deep))
    result = check_request(
        framed(minimal(), serialised_span(attribute(deep) + F(9, b"x" * PIECE))), WINDOW
    )
    assert (result.accepted, result.rejected) == (1, {"malformed": 1})


# -- data points ---------------------------------------------------------------------------------


def points(kind: int, *of: bytes) -> bytes:
    """A request with a metric of a kind and its points."""
    at = b"\x19" + time.time_ns().to_bytes(8, "little")
    metric = F(1, b"m") + F(kind, b"".join(F(1, at + one) for one in of))
    return F(1, F(2, F(2, metric)))


@pytest.mark.parametrize(
    ("kind", "inside"),
    [(5, b"\x31" + bytes(8) + b"\x2a\x00" * 2_000), (11, b"\x32\x00" * 2_000)],
    ids=["exemplars", "quantiles"],
)
def test_empty_parts_of_points_are_refused(kind: int, inside: bytes) -> None:
    body = points(kind, *[inside] * 60)
    assert check_quickly(body, WINDOW, form=METRICS) is None, "left for later"
    with pytest.raises(Unreadable, match="empty"):
        check_request(body, WINDOW, form=METRICS)


def test_a_histogram_of_very_many_buckets_is_rejected_alone() -> None:
    many, some = (F(8, F(2, bytes(n))) for n in (MOST_BUCKETS + 1, MOST_BUCKETS))
    result = check_request(points(10, many, some), WINDOW, form=METRICS)
    assert (result.accepted, result.rejected) == (1, {"too_many_buckets": 1})
    assert "10,000 buckets" in result.message()


@pytest.mark.parametrize("side", [8, 9])
def test_all_buckets_of_a_request_have_a_limit(side: int) -> None:
    body = points(10, *[F(side, F(2, bytes(MOST_BUCKETS)))] * 300)
    with pytest.raises(Unreadable, match="buckets"):
        check_request(body, WINDOW, form=METRICS)


def test_many_histograms_of_an_ordinary_size_are_kept() -> None:
    body = points(10, *[F(8, F(2, bytes(160))) + F(9, F(2, bytes(160)))] * 8_000)
    assert check_request(body, WINDOW, form=METRICS).accepted == 8_000


# -- what people send ----------------------------------------------------------------------------


HONEST: dict[str, Callable[[], bytes]] = {
    "minimal spans": lambda: framed(*(minimal() for _ in range(2 * MIB // 40))),
    "a resource for each span": lambda: F(1, F(2, F(2, minimal()))) * (2 * MIB // 43),
    "short attributes": lambda: framed(
        *[serialised_span(F(9, F(1, b"a.b") + F(2, b"\x18\x01")) * 20)] * 8_000
    ),
    "a span of many attributes": lambda: framed(
        minimal() + F(9, F(1, b"key-1234") + F(2, b"\x18\x01")) * 490_000
    ),
    "a long text": lambda: framed(serialised_span(attribute(F(1, b"some text " * 300_000)))),
    "zero bytes": lambda: framed(serialised_span(attribute(F(7, bytes(3 * MIB))))),
    "embeddings": lambda: otlp.request(
        otlp.span(
            attrs={f"embedding.{n}": [1 / (n + k + 1) for k in range(1536)] for n in range(9)}
        )
    ).SerializeToString(),
    "tokens": lambda: otlp.request(
        *(otlp.span(attrs={"tokens": [n % 200 for n in range(2_000)]}) for _ in range(100))
    ).SerializeToString(),
    "conversations": lambda: otlp.request(
        *(
            otlp.span(attrs={"m": [{"role": "user", "content": str(n)} for n in range(60)]})
            for _ in range(400)
        )
    ).SerializeToString(),
}


@pytest.mark.parametrize("what", HONEST)
def test_what_says_something_is_kept_whatever_its_size(what: str) -> None:
    body = HONEST[what]()
    assert len(body) > bounds.FEW_BYTES
    sent = otlp.all_spans(ExportTraceServiceRequest.FromString(body))
    result = check_request(body, WINDOW)
    assert not result.rejected
    assert [one.span_id for one in spans_of(result)] == [one.span_id for one in sent]


def spans_of(result: Checked) -> list[Span]:
    found: list[Span] = []
    for content, count in zip(result.resources, result.counts, strict=True):
        spans = [s for of in ResourceSpans.FromString(content).scope_spans for s in of.spans]
        assert len(spans) == count
        found += spans
    return found


def test_an_ordinary_batch_is_checked_at_once_and_handed_on_as_it_came() -> None:
    # One in some hundred batches has ids that look like more: these have not.
    request = otlp.request(
        *(
            otlp.chat_span(n, n, {"text": "words " * 50}, trace=b"t" * 16, id=b"%08d" % n)
            for n in range(1_500)
        )
    )
    body = request.SerializeToString()
    assert bounds.FEW_BYTES < len(body) < MIB
    result = check_quickly(body, WINDOW)
    assert result is not None
    assert [F(1, content) for content in result.resources] == [body]
    assert result.counts == [1_500]


@pytest.mark.parametrize(
    "body",
    [
        framed(serialised_span(attribute(F(1, b"x" * MIB)))),
        framed(*(serialised_span(attribute(F(6, F(1, F(1, b"k"))))) for _ in range(2_000))),
        framed(F(5, b"\xff"), serialised_span(attribute(F(1, b"x" * bounds.FEW_BYTES)))),
        framed(*(minimal() for _ in range(6_000))),
    ],
    ids=["large", "nested", "malformed", "many"],
)
def test_what_can_take_long_is_left_for_later(body: bytes) -> None:
    assert check_quickly(body, WINDOW) is None
    assert check_request(body, WINDOW).accepted > 0


def test_a_large_request_in_pieces_is_the_same_request() -> None:
    request = ExportTraceServiceRequest()
    for service in "ab":
        request.resource_spans.add(schema_url="r").CopyFrom(
            otlp.resource_spans(
                (otlp.span(f"{service}{n}", attrs={"t": "x" * 300}) for n in range(2_000)),
                service=service,
            )
        )
        request.resource_spans[-1].schema_url = service
        request.resource_spans[-1].scope_spans.add(schema_url="other", spans=[otlp.span()])
    rejected: Counter[str] = Counter()
    found = list(bounds.pieces(request.SerializeToString(), SPANS, rejected))
    assert len(found) > 4
    assert max(map(len, found)) < PIECE + 1_000
    assert not rejected
    told = [
        (of_resource.schema_url, of_resource.resource, of_scope.schema_url, of_scope.scope, one)
        for message in (request, *map(ExportTraceServiceRequest.FromString, found))
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for one in of_scope.spans
    ]
    half = len(told) // 2
    assert told[:half] == told[half:]


def test_a_resource_that_each_span_would_have_to_keep_is_bounded() -> None:
    """A copy in each row: a megabyte of it with ten thousand spans is ten gigabytes."""
    scope = F(2, b"".join(F(2, minimal()) for _ in range(6_000)))
    long = F(1, F(1, F(1, b"a") + F(2, F(1, b"x" * 60_000))))
    with pytest.raises(Unreadable, match="each of their spans"):
        check_request(F(1, long + scope), WINDOW)
    longer = F(1, F(1, F(1, b"a") + F(2, F(1, b"x" * 100_000))))
    with pytest.raises(Unreadable, match="copy"):
        check_request(F(1, longer + scope + scope), WINDOW)
    assert check_request(F(1, longer + F(2, F(2, minimal()))), WINDOW).accepted == 1


def test_a_sample_finds_small_messages_in_any_pattern() -> None:
    for period in range(2, 8):
        small = b"\x4a" + bytes((period - 2,)) + b"a" * (period - 2)
        assert bounds.is_dense(small * (bounds.FEW_BYTES // period + 1)), period
    assert not bounds.is_dense(b"some text of words " * 10_000)
    assert not bounds.is_dense(b"\x4a\x00" * 100), "too few to matter"


@pytest.mark.parametrize("number", [*sorted(STAMPS), JSON_FIELD])
@pytest.mark.parametrize("longer", [False, True], ids=["tag", "tag written longer"])
def test_a_clients_claim_to_our_fields_is_dropped(number: int, longer: bool) -> None:
    tag = wire.varint(number << 3 | wire.LENGTH_DELIMITED)
    if longer:
        tag = tag[:-1] + bytes((tag[-1] | 0x80, 0))
    claim = tag + b"\x05other"
    for body in (
        F(1, F(2, F(2, minimal())) + claim),
        framed(serialised_span(attribute(F(5, F(1, F(1, b"x")) + claim)))),
    ):
        result = check_request(body, WINDOW)
        assert result.accepted == 1
        assert b"other" not in result.resources[0]
