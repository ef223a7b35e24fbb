"""Inserts whose body is bytes that ClickHouse decodes itself.

`clickhouse-connect` scans and encodes a statement each time it is sent, which for the decoding
statement costs as much as two thousand spans. So this one path prepares the statement once and
speaks HTTP itself, over a connection a thread.
"""

import http.client
import json
import select
import ssl
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from spanglass_store.client import explained, unreachable
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import StoreUnavailable

#: A field of a number that no OTLP message has. ClickHouse skips blanks between a statement and
#: its data, and the first byte of a request happens to be a line break: so it is not the first.
_SHIELD: Final = b"\x80\x7d\x00"


class BulkInsert:
    """One prepared `INSERT … FORMAT ProtobufSingle`. Safe to share between threads.

    Args:
        endpoint: where to, as its owner.
        statement: the statement, up to and including the format.
        settings: query settings of every insert.
    """

    def __init__(
        self, endpoint: Endpoint, statement: str, settings: Mapping[str, str | int]
    ) -> None:
        self._endpoint = endpoint
        self._head = statement.encode() + b"\n" + _SHIELD
        self._path = "/?" + urlencode({**endpoint.settings, **settings, "wait_end_of_query": 1})
        user, password = endpoint.user(Role.OWNER)
        self._headers = {
            "X-ClickHouse-User": user,
            "X-ClickHouse-Key": password,
            "Content-Type": "application/octet-stream",
        }
        self._local = threading.local()

    def __call__(self, body: bytes, token: str, timeout_s: float = 300.0) -> int:
        """Inserts a body; its rows are on disk when this returns.

        Returns:
            How many rows were written, those of materialized views too.

        Args:
            body: serialised messages.
            token: what ClickHouse knows this insert by, should it be sent twice.
            timeout_s: how long one insert may take, in seconds; beyond, its outcome is unknown.

        Raises:
            QueryRefused: if ClickHouse can't take these rows, now or later.
            StoreOverloaded: if it can't take as many at once.
            StoreUnavailable: if it can't be reached, is short of something, or gave no answer.
        """
        connection = self._connection(timeout_s)
        try:
            connection.putrequest("POST", f"{self._path}&insert_deduplication_token={token}")
            for name, value in self._headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self._head) + len(body)))
            connection.endheaders()
            connection.send(self._head)
            connection.send(body)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._local.connection = None
            raise unreachable(self._endpoint, error) from error
        if response.status != 200 or answer:
            raise explained(answer.decode("utf-8", "replace"), self._endpoint)
        # An answer that is cut off where the server died can look like a success. A whole one
        # carries a summary, and no text.
        try:
            return int(json.loads(response.headers["X-ClickHouse-Summary"])["written_rows"])
        except (TypeError, ValueError, KeyError) as error:
            raise StoreUnavailable(
                "ClickHouse's answer was cut off: what it did is not known."
            ) from error

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and _was_closed(connection):
            connection.close()
            connection = None
        if connection is None:
            host, port = self._endpoint.host, self._endpoint.port
            if self._endpoint.secure:
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(
                    host, port, timeout=timeout_s, context=context
                )
            else:
                connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
            self._local.connection = connection
        return connection


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has ended an idle connection: then there is an end to be read."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])
