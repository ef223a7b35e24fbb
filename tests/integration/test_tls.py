"""With a certificate every door speaks TLS and nothing else; without a good one none opens."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from spanglass_collector.tls import read_certificate
from spanglass_store.errors import StoreError
from support import otlp
from support.certificates import NAME, Pair, make
from support.commands import Commands
from support.running import EXPORT, RunningService
from support.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make(tmp_path_factory.mktemp("tls"), "good")


@pytest.fixture(scope="module")
def secure(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    flags = ("--tls-cert", pair.cert, "--tls-key", pair.key)
    with RunningService(tmp_path_factory.mktemp("secure") / "data", *flags) as running:
        yield running


def test_every_door_speaks_it(secure: RunningService, pair: Pair, cli: Commands) -> None:
    secure.send(otlp.request(otlp.span("over http")))
    credentials = grpc.ssl_channel_credentials(pair.cert.read_bytes())
    options = [("grpc.ssl_target_name_override", NAME)]
    with grpc.secure_channel(secure.addresses["otlp_grpc"], credentials, options) as channel:
        body = otlp.request(otlp.span("over grpc")).SerializeToString()
        channel.unary_unary(EXPORT)(body, timeout=PATIENCE_S)
    assert secure.settle().stored == 2
    rows = secure.sql("SELECT name FROM spans ORDER BY name")
    assert [row["name"] for row in rows] == ["over grpc", "over http"]
    # Commands on this machine know the certificate, whatever name is in it.
    done = cli.on(secure.data_dir)("sql", "SELECT count() AS n FROM spans", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert b"2" in done.stdout


@pytest.mark.parametrize("door", ["otlp_http", "web", "otlp_grpc"])
def test_nothing_else_is_spoken(secure: RunningService, pair: Pair, door: str) -> None:
    address = secure.addresses[door]
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{address}/", timeout=PATIENCE_S)
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=str(pair.cert))
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as wrapped,
    ):
        assert wrapped.version() in ("TLSv1.2", "TLSv1.3")
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain,
        pytest.raises(ssl.SSLError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname=NAME)


def test_files_that_do_not_do_are_named(pair: Pair, tmp_path: Path, cli: Commands) -> None:
    other, locked = make(tmp_path, "other"), make(tmp_path, "locked", b"secret")
    empty = tmp_path / "empty.pem"
    empty.touch()
    torn = tmp_path / "torn.pem"
    torn.write_bytes(pair.cert.read_bytes()[:200])
    cases = {
        (pair.cert, ""): "--tls-cert is set and --tls-key is not",
        ("", pair.key): "--tls-key is set and --tls-cert is not",
        (tmp_path / "none", pair.key): "none can't be read: No such file",
        (pair.cert, tmp_path): "can't be read: Is a directory",
        (empty, pair.key): "has no certificate in it",
        (pair.cert, pair.cert): "has no private key in it",
        (pair.cert, other.key): "is not that of the certificate",
        (locked.cert, locked.key): "has a passphrase",
        (torn, pair.key): "can't be used for TLS",
    }  # fmt: skip
    for (cert, key), said in cases.items():
        with pytest.raises(StoreError, match=said):
            read_certificate(str(cert), str(key))
    assert read_certificate("", "") is None
    doors = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--web", "127.0.0.1:0")
    done = cli("serve", "--data-dir", tmp_path / "data", "--tls-cert", pair.cert, *doors)
    assert done.returncode == 1
    assert b"TLS takes both, or neither" in done.stderr
    assert "secret" not in repr(read_certificate(str(pair.cert), str(pair.key))).lower()
