"""What is exported, hour by hour: how much there is, and the bytes of one hour."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, Literal

import orjson
from google.protobuf.json_format import MessageToDict

from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.otlp.encode import ENCODERS, Encoder

Format = Literal["otlp", "otlp-json", "jsonl", "parquet"]
Table = Literal["traces", "logs", "metrics", "scores", "pii_findings"]

#: Endings of files, by format.
SUFFIXES: Final[Mapping[str, str]] = {
    "otlp": "binpb", "otlp-json": "otlp.jsonl", "jsonl": "jsonl", "parquet": "parquet",
}  # fmt: skip
#: Table and time of what can be exported, by its name.
_SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "traces": ("spans", "start_time"),
    "logs": ("logs", "time"),
    "metrics": ("metrics", "time"),
    "scores": ("scores", "created_at"),
    "pii_findings": ("pii_findings", "start_time"),
}
#: Rows in one request.
_BATCH: Final = 500
_SETTINGS: Final = {"output_format_json_quote_64bit_integers": 0}
#: Conditions, by the column that tables may have for them.
_CONDITIONS: Final = ("project", "service", "environment", "user_id", "session_id", "trace_id")


@dataclass(frozen=True)
class Chunk:
    """One hour of one project."""

    project: str
    hour: datetime
    rows: int


@dataclass(frozen=True)
class ExportFilter:
    """What is exported; everything that is given has to hold for a row.

    Attributes:
        projects: those that may be read; None is all.
        start: earliest time, inclusive; None for all.
        end: latest time, exclusive; None for all.
    """

    projects: tuple[str, ...] | None = None
    project: str = ""
    service: str = ""
    environment: str = ""
    user_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def where(self, store: Store, table: str, time: str) -> tuple[str, dict[str, Any]]:
        """SQL of the conditions, and values of their parameters.

        Raises:
            StoreError: if the table has no column for one.
        """
        has = {str(row[0]) for row in store.query(f"DESCRIBE TABLE {store.database}.{table}").rows}
        where: list[str] = ["1"]
        values: dict[str, Any] = {}
        if self.projects is not None:
            where.append("project IN {projects:Array(String)}")
            values["projects"] = list(self.projects)
        for name in _CONDITIONS:
            if value := getattr(self, name):
                if name not in has:
                    raise StoreError(f"{table} can't be chosen by {name}: leave it out.")
                where.append(f"{name} = {{{name}:String}}")
                values[name] = value
        for name, sign in (("start", ">="), ("end", "<")):
            moment = getattr(self, name)
            if moment is not None:
                where.append(f"{time} {sign} {{{name}:DateTime64(9, 'UTC')}}")
                values[name] = moment.astimezone(UTC).replace(tzinfo=None)
        return " AND ".join(where), values


def chunks(store: Store, what: Table, which: ExportFilter) -> list[Chunk]:
    """The hours that have something, the earliest first.

    Args:
        store: as the owner: readers' limits would cut an hour off.
        what: which kind of telemetry.
        which: conditions; they say which projects may be read.
    """
    table, time = _SOURCES[what]
    where, values = which.where(store, table, time)
    rows = store.query(
        f"SELECT project, toStartOfHour({time}) AS hour, count() FROM {store.database}.{table}"
        f" FINAL WHERE {where} GROUP BY project, hour ORDER BY project, hour",
        values,
        _SETTINGS,
    ).rows
    return [
        Chunk(str(project), hour.replace(tzinfo=UTC), int(count)) for project, hour, count in rows
    ]


def chunk_bytes(
    store: Store, what: Table, which: ExportFilter, chunk: Chunk, fmt: Format
) -> Iterator[bytes]:
    """One hour in a format, while it is read.

    Args:
        store: as the owner, for somebody who may read payload.
        what: which kind of telemetry.
        which: conditions.
        chunk: the hour.
        fmt: how it is written.

    Raises:
        StoreError: if this can't be written in that format.
    """
    table, time = _SOURCES[what]
    where, values = which.where(store, table, time)
    values |= {
        "chunk_project": chunk.project,
        "chunk_start": chunk.hour.replace(tzinfo=None),
        "chunk_end": (chunk.hour + timedelta(hours=1)).replace(tzinfo=None),
    }
    where += (
        " AND project = {chunk_project:String}"
        f" AND {time} >= {{chunk_start:DateTime64(9, 'UTC')}}"
        f" AND {time} < {{chunk_end:DateTime64(9, 'UTC')}}"
    )
    source = f"FROM {store.database}.{table} AS s FINAL WHERE {where}"
    if fmt in ("jsonl", "parquet"):
        sql = f"SELECT * {source}"
        if fmt == "parquet":
            yield store.text(sql, "Parquet", values, _SETTINGS)
            return
        for line in store.lines(sql, "JSONEachRow", values, _SETTINGS):
            yield line + b"\n"
        return
    encoder = ENCODERS.get(what)
    if encoder is None:
        raise StoreError(
            f"{what} can't be written as OTLP: use --format jsonl or parquet. OTLP is for"
            f" {' and '.join(ENCODERS)}."
        )
    # A trace together, so that its resource stands once for all of its spans.
    sql = f"SELECT {', '.join(encoder.columns)} {source} ORDER BY trace_id, s.{time}"
    for request in _requests(store, sql, values, encoder):
        if fmt == "otlp":
            yield request
        else:
            yield orjson.dumps(_as_json(request, encoder)) + b"\n"


def _requests(
    store: Store, sql: str, values: Mapping[str, Any], encoder: Encoder
) -> Iterator[bytes]:
    lines = store.lines(sql, "JSONCompactEachRowWithNames", values, _SETTINGS)
    names = orjson.loads(next(lines, b"[]"))
    while batch := list(islice(lines, _BATCH)):
        # A number beyond 64 bits is none of ours.
        yield encoder.encode(dict(zip(names, orjson.loads(line), strict=True)) for line in batch)


def _as_json(request: bytes, encoder: Encoder) -> dict[str, Any]:
    """A request as OTLP's JSON has it: ids in hexadecimal, enums as numbers."""
    document: dict[str, Any] = MessageToDict(
        encoder.request.FromString(request), use_integers_for_enums=True
    )
    found: dict[str, Any] = _with_hexadecimal_ids(document)
    return found


def _with_hexadecimal_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_hexadecimal_ids(each) for each in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(each).hex()
            if key in ("traceId", "spanId", "parentSpanId") and isinstance(each, str)
            else _with_hexadecimal_ids(each)
            for key, each in value.items()
        }
    return value
