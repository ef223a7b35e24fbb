"""Statements to ClickHouse over HTTP, for a role, with errors that say what to do.

The connection is `clickhouse-connect`'s; what is added is the role (user, projects, limits) and
one mapping of errors: unavailable (try again), refused (the statement is wrong).
"""

import logging
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client as Connection
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httputil import get_pool_manager

from spanglass_store.embedded.config import PROJECTS_HEADER
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import QueryRefused, StoreError, StoreUnavailable
from spanglass_store.schema import READABLE_TABLES

log = logging.getLogger(__name__)

#: The oldest server whose protobuf reader does what the ingest needs.
OLDEST: Final = (25, 8)
#: ClickHouse's error numbers that a later try can get past: no memory, too many queries, no
#: space, a read-only disk, timeouts, too many parts, a network or a Keeper that is away.
TRANSIENT_CODES: Final = frozenset(
    {74, 75, 76, 159, 160, 164, 173, 202, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 319,
     394, 396, 425, 439, 473, 522, 571, 626, 668, 692, 999}
)  # fmt: skip
_CODE = re.compile(r"(?:error code|Code:?) (\d+)", re.IGNORECASE)
_TEXT = re.compile(r"DB::Exception: (.*?)\s*(?:\([A-Z_]+\) )?\(version [^)]*\)", re.DOTALL)


@dataclass(frozen=True)
class Rows:
    """A query's answer: the columns' names and types, and rows of Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Store:
    """One ClickHouse, for one role. Safe to share between threads.

    Args:
        endpoint: where it is.
        role: who asks.
        projects: which projects a reader sees; None is all of them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        role: Role = Role.OWNER,
        projects: Sequence[str] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.role = role
        self._projects = projects
        self._pool = get_pool_manager(maxsize=16, retries=False)
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @property
    def database(self) -> str:
        return self.endpoint.database

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._pool.clear()

    def _connect(self) -> Connection:
        with self._lock:
            if self._connection is None:
                user, password = self.endpoint.user(self.role)
                # The owner connects before there is a database.
                database = None if self.role is Role.OWNER else self.database
                self._connection = clickhouse_connect.get_client(
                    host=self.endpoint.host,
                    port=self.endpoint.port,
                    username=user,
                    password=password,
                    database=database,
                    secure=self.endpoint.secure,
                    settings=dict(self.endpoint.settings),
                    autogenerate_session_id=False,
                    connect_timeout=5,
                    send_receive_timeout=600,
                    query_retries=0,
                    pool_mgr=self._pool,
                    client_name="spanglass",
                )
            return self._connection

    def _guard(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Settings and headers that keep a reader to its projects."""
        if self.role is Role.OWNER:
            return {}, {}
        if self.endpoint.isolated:
            shown = "*" if self._projects is None else ",".join(self._projects)
            return {}, {PROJECTS_HEADER: shown}
        settings: dict[str, Any] = {
            "readonly": 1,
            "final": 1,
            "max_execution_time": 30,
            "max_result_rows": 100_001,
            "result_overflow_mode": "break",
        }
        if self._projects is not None:
            allowed = ", ".join("'" + p.replace("'", "") + "'" for p in self._projects) or "''"
            condition = f"project IN ({allowed})".replace("'", "\\'")
            filters = ", ".join(
                f"'{self.database}.{table}': '{condition}'" for table in READABLE_TABLES
            )
            settings["additional_table_filters"] = "{" + filters + "}"
        return settings, {}

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Rows:
        """Runs a `SELECT` with server-side parameters (`{name:Type}`).

        Raises:
            QueryRefused: if the statement is wrong, not allowed, or over a limit.
            StoreUnavailable: if the server can't be reached or is short of something.
        """
        guard, headers = self._guard()
        try:
            result = self._connect().query(
                sql,
                parameters=dict(parameters or {}),
                settings={**guard, **(settings or {})},
                transport_settings=headers,
            )
        except Exception as error:
            raise _explained(error, self.endpoint) from error
        return Rows(
            tuple(result.column_names),
            tuple(t.name for t in result.column_types),
            result.result_rows,
        )

    def text(
        self,
        sql: str,
        fmt: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """A query's answer in one of ClickHouse's own formats (`CSVWithNames`, `Parquet`, …)."""
        guard, headers = self._guard()
        try:
            answer = self._connect().raw_query(
                sql,
                parameters=dict(parameters or {}),
                settings={**guard, **(settings or {})},
                fmt=fmt,
                transport_settings=headers,
            )
        except Exception as error:
            raise _explained(error, self.endpoint) from error
        return bytes(answer)

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> None:
        """Runs a statement that answers nothing; `data` is the body of an `INSERT … FORMAT`."""
        try:
            self._connect().command(
                sql,
                parameters=dict(parameters or {}),
                data=data,
                settings=dict(settings or {}),
                use_database=False,
            )
        except Exception as error:
            raise _explained(error, self.endpoint) from error

    def insert(self, table: str, columns: Iterable[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts Python values, one block."""
        try:
            self._connect().insert(table, rows, column_names=list(columns), database=self.database)
        except Exception as error:
            raise _explained(error, self.endpoint) from error

    def check(self) -> str:
        """The server's version, if it can be reached and is one that we work with.

        Raises:
            StoreUnavailable: if it can't be reached.
            StoreError: if it is too old.
        """
        version = str(self.query("SELECT version()").rows[0][0])
        numbers = tuple(int(n) for n in version.split(".")[:2])
        if numbers < OLDEST:
            raise StoreError(
                f"ClickHouse at {self.endpoint.host} is {version}; Spanglass needs"
                f" {OLDEST[0]}.{OLDEST[1]} or later. Upgrade it, or leave out --clickhouse to use"
                " the embedded one."
            )
        return version


def _explained(error: Exception, endpoint: Endpoint) -> StoreError:
    """Our error for one of the driver's."""
    if isinstance(error, StoreError):
        return error
    text = str(error)
    found = _CODE.search(text)
    if isinstance(error, DatabaseError) and found:
        code = int(found[1])
        message = _TEXT.search(text)
        # ClickHouse repeats the statement in some of its messages; ours are long.
        said = (message[1] if message else text).partition(" In scope SELECT")[0].strip()[:800]
        if code in TRANSIENT_CODES:
            return StoreUnavailable(f"ClickHouse can't do that right now: {said}")
        if code in (192, 193, 194, 516):
            return StoreError(
                f"ClickHouse at {endpoint.host}:{endpoint.port} refused the user or password."
                " Check the address given with --clickhouse."
            )
        return QueryRefused(said, code)
    if isinstance(error, ClickHouseError | OSError) or "HTTP" in type(error).__name__:
        return StoreUnavailable(
            f"Can't reach ClickHouse at {endpoint.host}:{endpoint.port}."
            " Check that it runs and that the address is right."
        )
    return StoreUnavailable(f"ClickHouse gave no answer: {type(error).__name__}: {text}")
