"""Statements to ClickHouse over HTTP, for a role, with errors that say what to do.

The connection is `clickhouse-connect`'s; what is added is the role (user, projects, limits) and
one mapping of errors: unavailable (try again), refused (the statement is wrong).
"""

import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client as Connection
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    ProgrammingError,
)
from clickhouse_connect.driver.httputil import get_pool_manager

from spanglass_store.embedded.config import PROJECTS_HEADER
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import (
    QueryRefused,
    StoreError,
    StoreOverloaded,
    StoreUnavailable,
)
from spanglass_store.schema import READABLE_TABLES, SHARED_TABLES

log = logging.getLogger(__name__)

#: The oldest server whose protobuf reader does what the ingest needs.
OLDEST: Final = (25, 8)
#: ClickHouse's error numbers that a later try can get past, by what is the matter (their names
#: are in its `ErrorCodes.cpp`).
TRANSIENT_CODES: Final = frozenset({
    # the disk is full, failing or read-only
    24, 74, 75, 76, 77, 88, 172, 204, 214, 239, 240, 242, 243, 294, 424, 425, 521, 586, 641, 774,
    # sockets, names, other servers
    95, 96, 198, 203, 209, 210, 265, 279, 297, 364, 410, 519, 749, 762,
    # Keeper and replicas
    225, 244, 254, 255, 285, 286, 289, 319, 369, 416, 529, 571, 659, 904, 999,
    # storage elsewhere
    499, 500, 693, 707, 736, 737, 900, 901, 903, 905,
    # too much at once: queries, parts, mutations, threads, quotas
    201, 202, 252, 290, 439, 574, 677, 692, 700, 745, 776, 1019,
    # something was stopped, moved or locked for a moment
    216, 218, 236, 384, 394, 473, 733, 735, 738,
    # exceptions of libraries: of the file system, of the network, of the allocator
    1000, 1001, 1002,
})  # fmt: skip
#: Numbers for a statement that took too much memory, time or too many rows.
OVERLOAD_CODES: Final = frozenset({158, 159, 160, 173, 241, 307, 396, 777, 778, 1020})
#: Those that are a reader's own limits rather than a shortage.
_READERS_LIMITS: Final = frozenset({158, 159, 160, 201, 307, 396})
#: Unknown user, wrong password, authentication failed: a setting that somebody has to mend, so
#: what waits for the store goes on waiting.
_LOGIN_CODES: Final = frozenset({192, 193, 194, 516})
#: In every error of ClickHouse; an error page of what stands before it can have a number, too.
_IS_CLICKHOUSE: Final = "DB::Exception"
#: What is read of an answer at a time, in bytes.
_CHUNK: Final = 256 << 10
#: How lines begin with which an answer ends that could not be finished.
_BROKE_OFF: Final = (b"__exception__", b"Code: ")
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
        timeout_s: how long to wait for an answer, in seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        role: Role = Role.OWNER,
        projects: Sequence[str] | None = None,
        timeout_s: int = 600,
    ) -> None:
        self.endpoint = endpoint
        self.role = role
        self._projects = projects
        self._timeout_s = timeout_s
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
                    connect_timeout=min(5, self._timeout_s),
                    send_receive_timeout=self._timeout_s,
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
            conditions = {
                table: f"project IN ({allowed}{', ' + repr('') if table in SHARED_TABLES else ''})"
                for table in READABLE_TABLES
            }
            filters = ", ".join(
                f"'{self.database}.{table}': '" + condition.replace("'", "\\'") + "'"
                for table, condition in conditions.items()
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
            raise _of_driver(error, self.endpoint, self.role) from error
        return Rows(
            tuple(result.column_names),
            tuple(t.name for t in result.column_types),
            result.result_rows,
        )

    def row(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[Any, ...]:
        """The row of a query that always has one, such as an aggregate without groups.

        Raises:
            QueryRefused: as `query`.
            StoreUnavailable: as `query`, and where there is no row: a server that runs out of
                something, like disk, may answer with nothing at all.
        """
        found = self.query(sql, parameters, settings).rows
        if not found:
            raise _nothing()
        return tuple(found[0])

    def named_row(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """As `row`, by the names of its columns."""
        found = self.query(sql, parameters, settings).dicts()
        if not found:
            raise _nothing()
        return found[0]

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
                # For statements that do not take the format at their end, like some `EXPLAIN`s.
                transport_settings={**headers, "X-ClickHouse-Format": fmt},
            )
        except Exception as error:
            raise _of_driver(error, self.endpoint, self.role) from error
        return bytes(answer)

    def lines(
        self,
        sql: str,
        fmt: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Iterator[bytes]:
        """A query's answer in a format of one line a row, line by line while it comes.

        Raises:
            QueryRefused: before the first line, as `text` does.
            StoreUnavailable: as `text` does, and if the answer breaks off in the middle.
        """
        guard, headers = self._guard()
        try:
            stream = self._connect().raw_stream(
                sql,
                parameters=dict(parameters or {}),
                settings={**guard, **(settings or {})},
                fmt=fmt,
                transport_settings=headers,
            )
        except Exception as error:
            raise _of_driver(error, self.endpoint, self.role) from error
        with stream:
            rest = b""
            while True:
                try:
                    chunk: bytes = stream.read(_CHUNK)  # type: ignore[union-attr]
                except Exception as error:
                    raise unreachable(self.endpoint, error) from error
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                if newline:
                    lines = whole.split(b"\n")
                    # It said 200 by now; what goes wrong later is a text among the rows.
                    if any(line.startswith(_BROKE_OFF) for line in lines):
                        raise explained(whole.decode("utf-8", "replace"), self.endpoint, self.role)
                    yield from lines
                if not chunk:
                    break
            if rest:
                raise explained(rest.decode("utf-8", "replace"), self.endpoint, self.role)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that answers nothing."""
        try:
            self._connect().command(sql, parameters=dict(parameters or {}), use_database=False)
        except Exception as error:
            raise _of_driver(error, self.endpoint, self.role) from error

    def insert(self, table: str, columns: Iterable[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts Python values, one block."""
        try:
            self._connect().insert(table, rows, column_names=list(columns), database=self.database)
        except Exception as error:
            raise _of_driver(error, self.endpoint, self.role) from error

    def check(self) -> str:
        """The server's version, if it can be reached and is one that we work with.

        Raises:
            StoreUnavailable: if it can't be reached.
            StoreError: if it is too old.
        """
        version = str(self.row("SELECT version()")[0])
        numbers = tuple(int(n) for n in version.split(".")[:2])
        if numbers < OLDEST:
            raise StoreError(
                f"ClickHouse at {self.endpoint.host} is {version}; Spanglass needs"
                f" {OLDEST[0]}.{OLDEST[1]} or later. Upgrade it, or leave out --clickhouse to use"
                " the embedded one."
            )
        return version


def _nothing() -> StoreUnavailable:
    """Our error where a row had to be."""
    return StoreUnavailable("ClickHouse answered with nothing.")


def _of_driver(error: Exception, endpoint: Endpoint, role: Role) -> StoreError:
    """Our error for one of the driver's."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, DatabaseError) and _IS_CLICKHOUSE in str(error):
        return explained(str(error), endpoint, role)
    if isinstance(error, ProgrammingError | ValueError | TypeError | LookupError):
        return QueryRefused(f"The values do not fit the statement: {error}")
    return unreachable(endpoint, error)


def unreachable(endpoint: Endpoint, error: Exception) -> StoreUnavailable:
    """Our error for a server that did not answer."""
    if isinstance(error, ClickHouseError | OSError | HTTPException):
        return StoreUnavailable(
            f"Can't reach ClickHouse at {endpoint.host}:{endpoint.port}."
            " Check that it runs and that the address is right."
        )
    return StoreUnavailable(f"ClickHouse gave no answer: {type(error).__name__}: {error}")


def explained(text: str, endpoint: Endpoint, role: Role = Role.OWNER) -> StoreError:
    """Our error for what ClickHouse said, by its error number."""
    found = _CODE.search(text)
    if found is None or _IS_CLICKHOUSE not in text:
        said = " ".join(text.split())[:300]
        return StoreUnavailable(f"ClickHouse gave an answer that is none: {said}")
    code = int(found[1])
    message = _TEXT.search(text)
    # ClickHouse repeats the statement in some of its messages; ours are long.
    said = (message[1] if message else text).partition(" In scope SELECT")[0].strip()[:800]
    own_limit = code in _READERS_LIMITS or said.startswith(("Query memory", "User memory"))
    if role is not Role.OWNER and own_limit:
        return QueryRefused(said, code)
    if code in OVERLOAD_CODES:
        return StoreOverloaded(f"ClickHouse has too little for that: {said}", code)
    if code in TRANSIENT_CODES:
        return StoreUnavailable(f"ClickHouse can't do that right now: {said}", code)
    if code in _LOGIN_CODES:
        return StoreUnavailable(
            f"ClickHouse at {endpoint.host}:{endpoint.port} refused the user or password."
            " Check the address given with --clickhouse.",
            code,
        )
    return QueryRefused(said, code)
