"""One OTLP request over HTTP, with what the standard library has.

It keeps one connection and knows nothing of retries. The standard library, because it brings no
dependency and no instrumentation of HTTP clients traces it.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import sys
import urllib.request
import zlib
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from spanglass._settings import ASKING, Settings
from spanglass._version import __version__

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
#: An answer is small; whoever sends more is no OTLP receiver.
_MAX_ANSWER: Final = 1 << 20
_GZIP: Final = 31


class Answer(NamedTuple):
    """What the endpoint answered.

    Attributes:
        status: of HTTP.
        retry_after: the header as it came; empty without one.
        body: at most 1 MiB of it.
    """

    status: int
    retry_after: str
    body: bytes


class Transport:
    """Posts bodies to an endpoint. Used by one thread.

    Args:
        settings: credentials, certificates and compression.
        endpoint: where to.
    """

    def __init__(self, settings: Settings, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = self._make_headers(settings)
        self._gzip = settings.compression == "gzip" or (
            settings.compression == "auto" and self._host not in _LOOPBACK
        )
        self._tls = _tls(settings) if self._secure else None
        # To connect can't be interrupted: where the disk takes what is not sent, it must not last
        # until the end of the process.
        self._connect_s = (
            settings.exit_timeout_s * ASKING if settings.spill_dir else settings.timeout_s
        )
        self._connection: http.client.HTTPConnection | None = None
        self._interrupted = False

    def post(self, body: bytes, timeout_s: float) -> Answer:
        """Sends a request and reads the answer.

        Args:
            body: an OTLP request.
            timeout_s: seconds that each step of it may take.

        Raises:
            OSError: the endpoint can't be reached, or went silent.
            http.client.HTTPException: what answers does not speak HTTP.
        """
        headers = self._headers
        if self._gzip:
            packer = zlib.compressobj(level=3, wbits=_GZIP)
            body = packer.compress(body) + packer.flush()
            headers = {**headers, "Content-Encoding": "gzip"}
        reused = self._connection is not None
        try:
            return self._exchange("POST", self._path, body, headers, timeout_s)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            # The server may have closed a connection that nobody used for a while.
            if not reused:
                raise
        return self._exchange("POST", self._path, body, headers, timeout_s)

    def get(self, path: str, timeout_s: float) -> Answer:
        """Asks for a document below the endpoint's path, on a connection of its own.

        Args:
            path: with its query.
            timeout_s: seconds that each step of it may take.

        Raises:
            OSError: the endpoint can't be reached, or went silent.
            http.client.HTTPException: what answers does not speak HTTP.
        """
        headers = {k: v for k, v in self._headers.items() if k != "Content-Type"}
        try:
            return self._exchange("GET", self._path.rstrip("/") + path, None, headers, timeout_s)
        finally:
            self.close()

    def interrupt(self) -> None:
        """Ends the request under way, called on another thread; no other is sent after it."""
        self._interrupted = True
        connection = self._connection
        taken = connection.sock if connection is not None else None
        if taken is not None:
            with contextlib.suppress(OSError):
                taken.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> Answer:
        connect_s = min(timeout_s, self._connect_s)
        if self._connection is None:
            self._connection = self._connect(connect_s)
        connection = self._connection
        connection.timeout = connect_s
        try:
            self._refuse_interrupted()
            if connection.sock is None:
                connection.connect()
                self._refuse_interrupted()
            connection.sock.settimeout(timeout_s)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read(_MAX_ANSWER)
            keep = not response.will_close and response.isclosed()
            answer = Answer(response.status, response.headers.get("Retry-After", ""), content)
        except BaseException:
            self.close()
            raise
        if not keep:
            self.close()
        return answer

    def _refuse_interrupted(self) -> None:
        if self._interrupted:
            raise ConnectionAbortedError("the process ends")

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        proxy = self._proxy()
        host, port = self._host, self._port
        if proxy is not None:
            host, port = proxy.hostname or "", proxy.port or 8080
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        else:
            connection = http.client.HTTPSConnection(
                host, port, timeout=timeout_s, context=self._tls
            )
        if proxy is not None:
            credentials = {}
            if proxy.username:
                pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
                encoded = base64.b64encode(pair.encode()).decode()
                credentials["Proxy-Authorization"] = f"Basic {encoded}"
            # A tunnel serves plain HTTP as well, and the path stays what it is.
            connection.set_tunnel(self._host, self._port, credentials)
        return connection

    def _proxy(self) -> urllib.parse.SplitResult | None:
        if self._host in _LOOPBACK or urllib.request.proxy_bypass(self._host):
            return None
        proxies = urllib.request.getproxies()
        found = proxies.get("https" if self._secure else "http") or proxies.get("all")
        return urlsplit(found if "://" in found else f"http://{found}") if found else None

    @staticmethod
    def _make_headers(settings: Settings) -> dict[str, str]:
        python = ".".join(str(number) for number in sys.version_info[:2])
        headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": f"spanglass/{__version__} python/{python}",
        }
        given = {key.title(): value for key, value in settings.headers.items()}
        if settings.api_key:
            given.setdefault("Authorization", f"Bearer {settings.api_key}")
        return headers | given


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.certificate or None)
    if settings.client_certificate:
        context.load_cert_chain(settings.client_certificate, settings.client_key or None)
    paths = ssl.get_default_verify_paths()
    if not settings.certificate and not (paths.cafile or paths.capath):
        # A Python that came without authorities; many installations have them in `certifi`.
        with contextlib.suppress(ImportError):
            import certifi

            context.load_verify_locations(certifi.where())
    return context
