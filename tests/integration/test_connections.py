"""Connections that take more than a request needs: heads, bodies nobody may send, their number."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvicorn
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from spanglass_collector.receivers import connections
from spanglass_collector.receivers.connections import MOST_HEAD, bounded, most_connections
from spanglass_dashboards.admission import (
    MOST_BODIES_WITHOUT_KEY,
    MOST_BODY,
    MOST_WITHOUT_KEY,
    Admission,
)
from spanglass_dashboards.app import create_app
from spanglass_dashboards.context import Context
from spanglass_store.access import Gate
from spanglass_store.endpoint import Endpoint
from spanglass_store.errors import StoreUnavailable
from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys, Scope
from support import otlp
from support.running import EXPORT, RunningService

DOORS = ("otlp_http", "web")
MIB = 1 << 20


def ask(address: str, request: bytes, *, then: bytes = b"", times: int = 0) -> bytes:
    """What is answered to a request; the connection stays open on our side."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        # The answer may come, and the connection end, before all of it is sent.
        with contextlib.suppress(ConnectionError):
            for _ in range(times):
                connection.sendall(then)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                answer += chunk
                if b"\r\n\r\n" in answer:
                    break
        return answer


def status(answer: bytes) -> int:
    return int(answer.split()[1])


# -- heads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("hosts", [0, 2])
def test_a_request_has_one_host(service: RunningService, door: str, hosts: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\n" + b"Host: 127.0.0.1\r\n" * hosts + b"\r\n"
    answer = ask(service.addresses[door], head)
    assert status(answer) == 400
    assert f"this one has {hosts}".encode() in answer


LONG = {
    "a header": b"X-A: " + b"a" * MOST_HEAD,
    "many headers": b"a: b\r\n" * (MOST_HEAD // 6 + 1),
    "a whole long header": b"X-A: " + b"a" * MOST_HEAD + b"\r\n\r\n",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", LONG)
def test_a_head_has_a_limit(service: RunningService, door: str, what: str) -> None:
    begin = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert status(ask(service.addresses[door], begin + LONG[what])) == 431


@pytest.mark.parametrize("door", DOORS)
def test_an_address_has_a_limit(service: RunningService, door: str) -> None:
    assert status(ask(service.addresses[door], b"GET /" + b"a" * MOST_HEAD)) == 431


def test_what_stands_between_the_chunks_of_a_body_has_a_limit(service: RunningService) -> None:
    begin = (
        b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1"
    )
    address = service.addresses["otlp_http"]
    # What comes in one read with the head, up to 256 KiB, is not counted.
    assert ask(address, begin, then=b";a=" + b"b" * 8_000, times=100) == b"", "cut off"


def test_headers_of_an_ordinary_length_are_fine(service: RunningService) -> None:
    response = service.api("GET", "/api/v1/session", headers={"x-long": "a" * 30_000})
    assert response.status_code == 200


# -- bodies --------------------------------------------------------------------------------------


def announced(size: int, *headers: str) -> bytes:
    lines = [
        "POST /api/v1/sql HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
        f"Content-Length: {size}", *headers,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_a_body_from_a_web_page_is_refused_before_it_comes(service: RunningService) -> None:
    answer = ask(service.addresses["web"], announced(1_000, "Origin: http://evil.example"))
    assert status(answer) == 403
    assert b"application/problem+json" in answer


def test_a_body_beyond_the_limit_is_refused_before_it_comes(service: RunningService) -> None:
    answer = ask(service.addresses["web"], announced(MOST_BODY + 1))
    assert status(answer) == 413
    assert b"application/problem+json" in answer


def test_a_body_that_does_not_say_its_size_is_read_up_to_the_limit(service: RunningService) -> None:
    begin = announced(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    answer = ask(service.addresses["web"], begin, then=chunk, times=MOST_BODY // MIB + 1)
    assert status(answer) == 413


def test_who_still_sends_reads_the_answer(service: RunningService) -> None:
    """And the next request on the connection is one."""
    response = service.http.post(
        f"{service.web}/api/v1/sql", content=b"x" * (4 * MIB), headers={"origin": "http://evil"}
    )
    assert response.status_code == 403
    assert service.api("GET", "/api/v1/session").status_code == 200


def test_a_large_body_within_the_limit_is_read(service: RunningService) -> None:
    scores = [
        {"name": "n", "value": 1, "session_id": "s", "explanation": "e" * 90_000} for _ in range(60)
    ]
    assert service.api("POST", "/api/v1/scores", json=scores).status_code == 201


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, str]]:
    with RunningService(tmp_path_factory.mktemp("keyed") / "data") as running:
        database = Database(f"sqlite:///{running.data_dir / 'state.sqlite3'}")
        _, secret = Keys(database).create(Scope.INGEST, "blue")
        database.close()
        running.restart()
        yield running, secret


def test_a_body_without_a_key_is_refused_before_it_comes(
    keyed: tuple[RunningService, str],
) -> None:
    service, _ = keyed
    assert status(ask(service.addresses["web"], announced(1_000))) == 401


def test_a_grpc_message_without_a_key_is_refused_before_it_comes(
    keyed: tuple[RunningService, str],
) -> None:
    service, secret = keyed
    never = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    async def send() -> grpc.StatusCode:
        async with grpc.aio.insecure_channel(service.addresses["otlp_grpc"]) as channel:
            try:
                await channel.stream_unary(EXPORT)(stalled(), timeout=30)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    assert asyncio.run(send()) is grpc.StatusCode.UNAUTHENTICATED
    service.grpc(otlp.request(otlp.span()), metadata=[("authorization", f"Bearer {secret}")])
    service.settle()


# -- how many, and how long ----------------------------------------------------------------------


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.asynccontextmanager
async def serving(limit: int, app: ASGIApp = _hello) -> AsyncIterator[int]:
    """A server for so many connections; its port."""
    config = uvicorn.Config(
        app, port=0, http=bounded(limit), ws="none", lifespan="off", log_config=None,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"hello\r\n0\r\n\r\n"), 30)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_beyond_the_limit_the_longest_idle_connection_makes_room() -> None:
    async def run() -> None:
        async with serving(3) as port:
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            # The first has said something since.
            await get(*idle[0])
            another = await asyncio.open_connection("127.0.0.1", port)
            await get(*another)
            assert await asyncio.wait_for(idle[1][0].read(), 30) == b"", "closed"
            await get(*idle[0])
            await get(*idle[2])
            for _, each in (*idle, another):
                each.close()

    asyncio.run(run())


def test_a_head_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)

    async def run() -> None:
        async with serving(10) as port:
            for begin in (b"", b"GET / HTTP/1.1\r\nX: "):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                if begin:
                    # Also on a connection that has had its answers.
                    await get(reader, writer)
                writer.write(begin)
                answer = await asyncio.wait_for(reader.read(), 30)
                assert b" 408 " in answer
                writer.close()

    asyncio.run(run())


def test_an_answer_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", 0.2)
    gone = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

        async def write() -> None:
            while True:
                await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})
                await asyncio.sleep(0)

        writing = asyncio.create_task(write())
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        gone.set()

    async def run() -> None:
        async with serving(10, endless) as port:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                await asyncio.wait_for(gone.wait(), 30)

    asyncio.run(run())


def test_an_answer_that_breaks_off_is_no_whole_one(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"[1"
        raise StoreUnavailable("the store is gone")

    context = Context(
        Endpoint("127.0.0.1", 1, {}), Gate(Keys(Database(f"sqlite:///{tmp_path}/state.sqlite3")), "x"),
        metrics=lambda: b"", is_ready=lambda: "",
    )  # fmt: skip
    app = create_app(context)
    app.router.routes.insert(0, Route("/broken", lambda _: StreamingResponse(broken())))

    async def run() -> bytes:
        async with serving(10, app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /broken HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            return answer

    answer = asyncio.run(run())
    assert b"[1" in answer
    assert b"nosniff" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_bodies_without_a_key_leave_room_for_others(tmp_path: Path) -> None:
    keys = Keys(Database(f"sqlite:///{tmp_path}/state.sqlite3"))
    context = Context(
        Endpoint("127.0.0.1", 1, {}), Gate(keys, "x"), metrics=lambda: b"", is_ready=lambda: ""
    )
    door = Admission(_hello, context)

    async def run() -> None:
        never = asyncio.Event()

        async def post(path: str, ends: bool) -> int:
            """The status; it stays with the sender that never ends."""
            said: list[int] = []
            body = iter([bytes(MOST_WITHOUT_KEY)])

            async def receive() -> Any:
                chunk = next(body, None)
                if chunk is None:
                    await never.wait()
                return {"type": "http.request", "body": chunk, "more_body": not ends}

            async def send(message: Any) -> None:
                said.append(message.get("status", 0))

            headers = [(b"host", b"localhost")]
            scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
            await door(scope, receive, send)
            return said[0]

        most = MOST_BODIES_WITHOUT_KEY // MOST_WITHOUT_KEY
        waiting = [asyncio.create_task(post("/feedback/x", ends=False)) for _ in range(most)]
        await asyncio.sleep(0)
        assert await post("/feedback/x", ends=True) == 503
        assert await post("/api/v1/scores", ends=True) == 200
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await post("/feedback/x", ends=True) == 200

    asyncio.run(run())


def test_connections_leave_files_for_everything_else() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert most_connections() * 4 < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
