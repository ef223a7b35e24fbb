"""Protobuf's framing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCES
from spanglass_collector.ingest.signals import TRACES
from support import otlp
from support.strategies import requests


@given(st.integers(0, 2**64 - 1), st.binary(max_size=5))
def test_a_varint_reads_back(value: int, behind: bytes) -> None:
    encoded = wire.varint(value)
    assert wire.read_varint(encoded + behind, 0) == (value, len(encoded))


@given(st.integers(0, 2**64 - 1))
def test_a_varint_that_is_cut_off_is_malformed(value: int) -> None:
    encoded = wire.varint(value)
    for size in range(len(encoded)):
        with pytest.raises(wire.Malformed):
            wire.read_varint(encoded[:size], 0)


def test_a_varint_of_more_than_ten_bytes_is_malformed() -> None:
    with pytest.raises(wire.Malformed):
        wire.read_varint(b"\xff" * 10 + b"\x01", 0)


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.binary(max_size=300)), max_size=8))
def test_fields_read_back(fields: list[tuple[int, bytes]]) -> None:
    data = b"".join(wire.field(number, content) for number, content in fields)
    read = [
        (number, data[inner:end]) for number, kind, _, inner, end in wire.fields(data) if kind == 2
    ]
    assert read == fields
    wanted = fields[0][0] if fields else 1
    assert list(wire.messages(data, wanted)) == [c for number, c in fields if number == wanted]


@given(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1))
def test_an_integer_field_is_what_protobuf_reads(number: int, value: int) -> None:
    ((found, kind, begin, inner, end),) = wire.fields(wire.integer_field(number, value))
    assert (found, kind, begin) == (number, 0, 0)
    assert wire.read_varint(wire.integer_field(number, value), inner) == (value, end)


@given(requests())
def test_the_fields_of_a_request_are_its_resources(message: ExportTraceServiceRequest) -> None:
    body = message.SerializeToString()
    resources = list(wire.messages(body, RESOURCES))
    assert resources == [one.SerializeToString() for one in message.resource_spans]
    assert b"".join(wire.field(RESOURCES, content) for content in resources) == body
    assert TRACES.count(body) == len(otlp.all_spans(message))


def test_a_request_cut_at_any_byte_is_malformed_or_ends_between_fields() -> None:
    message = ExportTraceServiceRequest(
        resource_spans=[otlp.resource_spans([otlp.span(attrs={"a": 1})]) for _ in range(3)]
    )
    body = message.SerializeToString()
    ends = {0, *(end for _, _, _, _, end in wire.fields(body))}
    for size in range(len(body)):
        if size in ends:
            assert len(list(wire.fields(body[:size]))) == sorted(ends).index(size)
            continue
        with pytest.raises(wire.Malformed):
            list(wire.fields(body[:size]))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x00", id="field number 0"),
        pytest.param(b"\x0e", id="wire type 6"),
        pytest.param(b"\x0f", id="wire type 7"),
        pytest.param(b"\x09\x01\x02", id="64 bits cut off"),
        pytest.param(b"\x0d\x01\x02", id="32 bits cut off"),
        pytest.param(b"\x0c", id="end of a group that never began"),
        pytest.param(b"\x0b\x08\x01", id="group that never ends"),
        pytest.param(b"\x0b\x14", id="group that ends as another"),
    ],
)
def test_what_no_message_has_is_malformed(data: bytes) -> None:
    with pytest.raises(wire.Malformed):
        list(wire.fields(data))


def test_fixed_fields_and_groups_are_passed_over() -> None:
    group = b"\x0b" + wire.field(7, b"in a group") + b"\x13\x14" + b"\x0c"
    data = b"\x09" + bytes(8) + b"\x0d" + bytes(4) + group + wire.field(2, b"x")
    assert [(number, kind) for number, kind, *_ in wire.fields(data)] == [
        (1, 1), (1, 5), (1, 3), (2, 2),
    ]  # fmt: skip
    assert list(wire.messages(data, 2)) == [b"x"]
    assert list(wire.messages(data, 7)) == []


def test_groups_within_groups_without_end_are_malformed_not_a_crash() -> None:
    with pytest.raises(wire.Malformed):
        list(wire.fields(b"\x0b" * 100_000))


def test_a_number_can_be_written_longer_than_it_has_to_be() -> None:
    longer = b"\x92\x80\x00" + b"\x01x"  # field 2, in three bytes
    assert list(wire.messages(longer, 2)) == [b"x"]
