"""`spanglass tail`: spans as they arrive."""

import time
from typing import Annotated, Any

import typer

from spanglass_collector.cli.output import console, visible
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service
from spanglass_store.errors import StoreError

_COLUMNS = (
    "start_time, trace_id, service, name, operation, status, duration_ns, response_model,"
    " request_model, input_tokens, output_tokens, toUnixTimestamp64Micro(ingested_at), span_id"
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("tail")(tail)


def tail(
    service: Annotated[
        str, typer.Option(help="Only this service's spans.", show_default=False)
    ] = "",
    errors_only: Annotated[bool, typer.Option("--errors", help="Only spans that failed.")] = False,
    llm: Annotated[bool, typer.Option("--llm", help="Only GenAI operations.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="Spans to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Keep going.")] = True,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows spans as they arrive.

    spanglass tail
    spanglass tail --llm --errors --service checkout
    """
    remote, _ = find_service(data_dir, url, key)
    if remote is None:
        raise StoreError("No service runs here. Start one with `spanglass serve`, or give --url.")
    where = ["1"]
    params: dict[str, Any] = {}
    if service:
        where.append("service = {service:String}")
        params["service"] = service
    if errors_only:
        where.append("status = 'error'")
    if llm:
        where.append("operation != ''")
    condition = " AND ".join(where)

    def ask(query: str, values: dict[str, Any]) -> list[list[Any]]:
        body = {"query": query, "params": {**params, **values}}
        return list(remote.request("POST", "/api/v1/sql", json=body).json()["rows"])

    shown = ask(
        f"SELECT {_COLUMNS} FROM spans WHERE {condition}"
        " AND start_time > now64(9) - INTERVAL 1 HOUR"
        " ORDER BY ingested_at DESC, span_id DESC LIMIT {n:UInt32}",
        {"n": max(lines, 1)},
    )[::-1]
    for row in shown if lines else []:
        _print(row)
    # Rows of one batch share their time of arrival: the span id tells them apart.
    last, seen = (int(shown[-1][11]), {r[12] for r in shown}) if shown else (0, set[str]())
    while follow:
        time.sleep(0.5)
        rows = ask(
            f"SELECT {_COLUMNS} FROM spans WHERE {condition}"
            " AND start_time > now64(9) - INTERVAL 1 HOUR"
            " AND toUnixTimestamp64Micro(ingested_at) >= {last:Int64}"
            " ORDER BY ingested_at, span_id LIMIT 1000",
            {"last": last},
        )
        fresh = [row for row in rows if row[12] not in seen]
        for row in fresh:
            _print(row)
        if fresh:
            newest = int(fresh[-1][11])
            seen = {row[12] for row in rows if int(row[11]) == newest} | (
                seen if newest == last else set()
            )
            last = newest


def _print(row: list[Any]) -> None:
    start, trace_id, service, name, operation, status, duration, response, request, into, out = row[
        :11
    ]
    clock = str(start)[11:23]
    parts = [clock, f"{duration / 1e6:>9,.1f} ms", f"{service:<20.20}", name]
    if operation:
        model = response or request
        tokens = f"{into or 0}→{out or 0}" if into or out else ""
        parts.append(" ".join(x for x in (model, tokens) if x))
    parts.append(trace_id)
    line = visible("  ".join(part for part in parts if part))
    console.print(
        line, style="red" if status == "error" else "", highlight=False, markup=False,
        soft_wrap=True,
    )  # fmt: skip
