"""OTLP over gRPC: statuses, compression, metadata."""

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from support import otlp
from support.running import Launch, RunningService


def refused(service: RunningService, body: bytes, **options: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        service.grpc(body, **options)  # type: ignore[arg-type]
    error = caught.value
    assert isinstance(error, grpc.RpcError)
    return error


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_spans_are_taken(service: RunningService, compression: grpc.Compression | None) -> None:
    one = otlp.chat_span(5, 6)
    answer = service.grpc(otlp.request(one), compression=compression)
    assert answer == ExportTraceServiceResponse()
    assert service.stored_span(one.span_id, "input_tokens") == {"input_tokens": 5}


def test_an_empty_request_is_taken(service: RunningService) -> None:
    assert service.grpc(b"") == ExportTraceServiceResponse()


@pytest.mark.parametrize(
    "body",
    [b"\xff\xff\xff", b"hello, world", otlp.request(otlp.span()).SerializeToString()[:-1]],
    ids=["no tag", "text", "cut off"],
)
def test_garbage_is_an_invalid_argument_and_counted(service: RunningService, body: bytes) -> None:
    before = service.requests("unreadable")
    error = refused(service, body)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no OTLP trace request" in error.details()
    assert service.requests("unreadable") == before + 1


def test_other_services_and_methods_are_unimplemented(service: RunningService) -> None:
    prefix = "/opentelemetry.proto.collector"
    with grpc.insecure_channel(service.addresses["otlp_grpc"]) as channel:
        for method in (f"{prefix}.trace.v1.TraceService/Other", "/x/Export", f"{prefix}.x/Export"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(method)(b"", timeout=30)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_metadata_of_any_kind_does_no_harm(service: RunningService) -> None:
    one = otlp.span()
    metadata = [("user-agent-2", "x"), ("some-bin", b"\x00\xff"), ("host", "collector.example")]
    service.grpc(otlp.request(one), metadata=metadata)  # type: ignore[arg-type]
    assert service.stored_span(one.span_id, "name")


def test_without_room_the_sender_is_told_to_come_back(launch: Launch) -> None:
    """A disk that counts as full: 503 and UNAVAILABLE, each with the time to wait."""
    service = launch("--min-free-bytes", str(1 << 60))
    error = refused(service, otlp.request(otlp.span()).SerializeToString())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    (detail,) = rpc_status.from_call(error).details
    info = RetryInfo()
    assert detail.Unpack(info)
    assert info.retry_delay.seconds == 2
    response = service.post(otlp.request(otlp.span()))
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert b"disk" in response.content
    assert service.requests("overloaded") == 2
    assert service.account().received == 0
