"""OTLP over gRPC: a generic handler that leaves the request's bytes as they are.

Source: OpenTelemetry protocol 1.9, section "OTLP/gRPC".
"""

import asyncio
import logging
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from spanglass_collector.ingest.intake import RETRY_AFTER_S, Intake, Overloaded, Unreadable
from spanglass_collector.ingest.quotas import OverQuota
from spanglass_collector.receivers.connections import most_connections
from spanglass_collector.tls import Certificate
from spanglass_store.access import Denied, Gate
from spanglass_store.errors import StoreError, StoreUnavailable
from spanglass_store.state.keys import Scope

log = logging.getLogger(__name__)

#: How long a message may take to arrive, in seconds.
_BODY_S: Final = 60.0

#: The service of each signal.
SERVICES: Final = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


class OtlpGrpc:
    """The gRPC server.

    Args:
        intake: takes the requests.
        gate: decides who may send.
        address: `HOST:PORT` to listen on; port 0 takes a free one.
        certificate: for TLS; None for none.
    """

    def __init__(
        self, intake: Intake, gate: Gate, address: str, certificate: Certificate | None = None
    ) -> None:
        self._certificate = certificate
        self._intake = intake
        self._gate = gate
        self._address = address
        self._server: grpc.aio.Server | None = None
        #: The port that is listened on, once started.
        self.port = 0

    async def start(self) -> None:
        """Listens.

        Raises:
            StoreError: if the address can't be had.
        """
        limit = self._intake.max_body_bytes
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.so_reuseport", 0),
                ("grpc.max_concurrent_streams", 100),
                ("grpc.max_allowed_incoming_connections", most_connections()),
                ("grpc.server_handshake_timeout_ms", 20_000),
                ("grpc.max_connection_idle_ms", 600_000),
                # Who has gone without a word is missed within two minutes.
                ("grpc.keepalive_time_ms", 90_000),
                ("grpc.keepalive_timeout_ms", 20_000),
            ],
        )
        # As a stream, whose messages are read when we ask for them: not before the key is known.
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    service,
                    {"Export": grpc.stream_unary_rpc_method_handler(partial(self._export, signal))},
                )
                for signal, service in SERVICES.items()
            ]
        )
        try:
            if self._certificate is None:
                self.port = server.add_insecure_port(self._address)
            else:
                pair = self._certificate.key, self._certificate.chain
                credentials = grpc.ssl_server_credentials([pair])
                self.port = server.add_secure_port(self._address, credentials)
        except RuntimeError as error:
            raise StoreError(
                f"Can't listen on {self._address} for OTLP/gRPC: the port is in use or the address"
                " is not this machine's. Choose another with --otlp-grpc."
            ) from error
        await server.start()
        self._server = server

    async def stop(self, grace_s: float) -> None:
        """Takes no more and lets what is under way finish within `grace_s` seconds."""
        if self._server is not None:
            await self._server.stop(grace_s)

    async def _export(self, signal: str, _: Any, context: Any) -> bytes:
        metadata = {k: v for k, v in (context.invocation_metadata() or ()) if isinstance(v, str)}
        # No web page speaks gRPC, and the authority is whatever name the sender's setting has.
        metadata.pop("host", None)
        try:
            principal = self._gate.admit(metadata, Scope.INGEST)
        except Denied as denied:
            self._intake.stats.denied += 1
            code = (
                grpc.StatusCode.UNAUTHENTICATED
                if denied.status == 401
                else grpc.StatusCode.PERMISSION_DENIED
            )
            await context.abort(code, str(denied))
        except StoreUnavailable as error:
            code = grpc.StatusCode.UNAVAILABLE
            told = _retry_info(code, str(error), RETRY_AFTER_S)
            await context.abort(code, str(error), (told,))
        try:
            self._intake.admit(principal.project)
        except OverQuota as over:
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            told = _retry_info(code, str(over), over.retry_after_s)
            await context.abort(code, str(over), (told,))
        body = await self._read(context)
        reserved = 0
        try:
            self._intake.reserve(len(body), principal.project)
            reserved = len(body)
            outcome = await self._intake.take(signal, body, principal)
        except Unreadable as error:
            self._intake.stats.unreadable += 1
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            code = grpc.StatusCode.UNAVAILABLE
            told = _retry_info(code, str(error), RETRY_AFTER_S)
            await context.abort(code, str(error), (told,))
        finally:
            self._intake.release(reserved, principal.project)
        if not outcome.rejected:
            return b""
        response = self._intake.doors[signal].form.response(outcome.rejected, outcome.message)
        return bytes(response.SerializeToString())

    async def _read(self, context: Any) -> bytes:
        """The call's message."""
        stats = self._intake.stats
        try:
            async with asyncio.timeout(_BODY_S):
                body = await context.read()
        except TimeoutError:
            stats.unreadable += 1
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"The message did not come within {_BODY_S:.0f} s. Send smaller batches.",
            )
        if body is grpc.aio.EOF:
            # One that is too large is refused by gRPC itself, which has told the sender. Calls
            # without a message are nobody's.
            stats.too_large += 1
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The call has no message.")
        return bytes(body)


def _retry_info(code: grpc.StatusCode, message: str, seconds: int) -> tuple[str, bytes]:
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
    status = Status(code=code.value[0], message=message, details=[detail])
    return "grpc-status-details-bin", status.SerializeToString()
