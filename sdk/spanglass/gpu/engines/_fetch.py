"""Asks an engine, within bounds of time and size.

Source: RFC 9112.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from spanglass._version import __version__

#: Bytes of an answer; an engine's metrics are some hundred kilobytes at most.
MAX_BYTES: Final = 8 << 20
_CHUNK: Final = 64 << 10


class FetchError(Exception):
    """There is no usable answer; the message says why."""


class Fetched(NamedTuple):
    """An answer.

    Attributes:
        text: of it.
        kind: its content type, without parameters.
    """

    text: str
    kind: str


class Fetcher:
    """Asks one server, over a connection that is kept. Used by one thread.

    Args:
        url: the server's; its path is left out.
        timeout_s: seconds that an answer may take, from the first byte to the last.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Fetched:
        """The text at a path.

        Raises:
            FetchError: there is none.
        """
        reused = self._connection is not None
        try:
            return self._get(path)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            self.close()
            # A server closes connections that nobody used for a while.
            if not reused:
                raise FetchError(_explained(error)) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FetchError(_explained(error)) from error
        try:
            return self._get(path)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FetchError(_explained(error)) from error

    def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _get(self, path: str) -> Fetched:
        end = time.monotonic() + self._timeout_s
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        headers = {
            "Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1",
            "User-Agent": f"spanglass-agent/{__version__}",
        }
        connection.request("GET", path, headers=headers)
        self._limit(end)
        response = connection.getresponse()
        body = bytearray()
        while True:
            self._limit(end)
            # `read1` takes what is there: `read` would wait for as much as it was asked for.
            chunk = response.read1(_CHUNK)
            if not chunk:
                break
            body += chunk
            if len(body) > MAX_BYTES:
                self.close()
                raise FetchError(f"it answers with more than {MAX_BYTES >> 20} MiB")
        if response.length:
            self.close()
            raise FetchError(f"the answer ends {response.length} bytes too early")
        keep = not response.will_close
        # Without it the connection counts as busy.
        response.close()
        if not keep:
            self.close()
        if response.status != 200:
            raise FetchError(f"it answers {response.status} to {path}")
        kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        return Fetched(body.decode("utf-8", "replace"), kind)

    def _limit(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            sock.settimeout(left)

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=context
        )


def _explained(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return f"{type(error).__name__}: {error!s:.200}"
