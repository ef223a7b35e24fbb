"""`spanglass sql`: the store from a terminal."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service, opened_store
from spanglass_store.client import Store
from spanglass_store.endpoint import Role
from spanglass_store.errors import StoreError


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("sql")(sql)


def sql(
    query: Annotated[
        str, typer.Argument(help="A ClickHouse SELECT; `-` reads it from standard input.")
    ],
    format: Annotated[  # noqa: A002  (the flag's name is contract)
        Format, typer.Option("--format", help="How the answer is written.")
    ] = Format.TABLE,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="A value for {name:Type}, as name=value. Repeatable."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Runs a read-only query on `spans`, `traces`, `scores`.

    spanglass sql "SELECT name, count() FROM spans GROUP BY name ORDER BY 2 DESC"
    spanglass sql "SELECT * FROM traces WHERE user_id = {u:String}" --param u=42 --format json
    """
    text = sys.stdin.read() if query == "-" else query
    params = _params(param or [])
    if format is Format.PARQUET and output is None and sys.stdout.isatty():
        raise StoreError(
            "Parquet is not for a terminal. Write it to a file: --output result.parquet."
        )
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        answer = service.request(
            "POST", "/api/v1/sql", json={"query": text, "params": params}
        ).json()
        _write(answer, format, output)
        return
    with opened_store(settings) as owner:
        reader = Store(owner.endpoint, Role.PAYLOAD_READER)
        from spanglass_dashboards.api.sql import Query
        from spanglass_dashboards.api.sql import answer as run

        _write(json.loads(run(reader, Query(query=text, params=params))), format, output)
        reader.close()


def _params(given: list[str]) -> dict[str, str]:
    result = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not separator or not name:
            raise StoreError(f"--param {each!r} should look like name=value.")
        result[name] = value
    return result


def _write(answer: dict[str, Any], fmt: Format, output: Path | None) -> None:
    columns, rows = answer["columns"], answer["rows"]
    if fmt is Format.TABLE and output is None:
        print_table(columns, rows)
        count = len(rows)
        errors.print(f"{count:,} {'row' if count == 1 else 'rows'}", style="dim", highlight=False)
    else:
        body = _rendered(columns, rows, fmt)
        if output is not None:
            try:
                output.write_bytes(body)
            except OSError as error:
                raise StoreError(f"Can't write {output}: {error.strerror}.") from error
        else:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
    if answer["truncated"]:
        errors.print(
            f"Only the first {len(rows):,} rows are shown: aggregate, or page with LIMIT.",
            style="yellow",
        )


def _rendered(columns: list[str], rows: list[list[Any]], fmt: Format) -> bytes:
    if fmt is Format.JSON:
        items = [dict(zip(columns, row, strict=True)) for row in rows]
        return (json.dumps(items, ensure_ascii=False, indent=2) + "\n").encode()
    if fmt is Format.PARQUET:
        return _parquet(columns, rows)
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for v in row
        )
    return text.getvalue().encode()


def _array(values: list[Any]) -> Any:
    import pyarrow as pa

    for kind in (None, pa.uint64()):
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            continue
    # What has no Arrow type of its own, like a map of mixed values, is written as JSON text.
    return pa.array([json.dumps(value, ensure_ascii=False) for value in values])


def _parquet(columns: list[str], rows: list[list[Any]]) -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [_array([row[n] for row in rows]) for n in range(len(columns))]
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), sink)
    return sink.getvalue()
