"""`spanglass export`: telemetry as files, an hour a file."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from spanglass_collector.cli.conditions import conditions
from spanglass_collector.cli.output import errors
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Service,
    Url,
    find_service,
    opened_store,
)
from spanglass_collector.settings import Settings
from spanglass_store.errors import StoreError

_MANIFEST: Final = "export.json"
_VERSION: Final = 1
_KINDS: Final = ("traces", "logs", "metrics", "scores", "pii_findings")
#: What can be written as OTLP, and so be imported again.
_OTLP_KINDS: Final = ("traces", "logs")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("export")(export)


def export(
    output: Annotated[Path, typer.Argument(help="Folder for the files; it is made.")],
    fmt: Annotated[
        str, typer.Option("--format", help="otlp, otlp-json, jsonl or parquet.")
    ] = "otlp",
    what: Annotated[
        str, typer.Option(help="A list of traces, logs, metrics, scores and pii_findings.")
    ] = "",
    project: Annotated[str | None, typer.Option(help="Of this project alone.")] = None,
    service: Annotated[str | None, typer.Option(help="Of this service.")] = None,
    environment: Annotated[str | None, typer.Option(help="Of this environment.")] = None,
    user: Annotated[str | None, typer.Option(help="Of this user.")] = None,
    session: Annotated[str | None, typer.Option(help="Of this session.")] = None,
    trace: Annotated[str | None, typer.Option(help="Of this trace.")] = None,
    start: Annotated[str | None, typer.Option(help="What is of then or later: 2026-01-02.")] = None,
    end: Annotated[str | None, typer.Option(help="What is of before.")] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Writes telemetry as files: one for each hour of a project.

    The same command again goes on where it was cut off. Files of the formats otlp and otlp-json can
    be brought back with `spanglass import`, or sent to any other receiver of OTLP.

    spanglass export ./out --project shop --start 2026-01-01
    spanglass export ./out --format parquet --what traces,scores
    """
    from spanglass_store.export.chunks import SUFFIXES

    if fmt not in SUFFIXES:
        raise typer.BadParameter(f"--format {fmt!r}: choose from {', '.join(SUFFIXES)}")
    of_otlp = fmt.startswith("otlp")
    kinds = what.split(",") if what else list(_OTLP_KINDS if of_otlp else _KINDS)
    for kind in kinds:
        if kind not in _KINDS:
            raise typer.BadParameter(f"--what {kind!r}: choose from {', '.join(_KINDS)}")
    which = conditions(
        project=project, service=service, environment=environment, user_id=user,
        session_id=session, trace_id=trace, start=start, end=end,
    )  # fmt: skip
    asked = {"version": _VERSION, "format": fmt, "what": kinds, "selection": which}
    _prepare(output, asked)
    running, settings = find_service(data_dir, url, key)
    rows = files = 0
    with _source(running, settings) as source, _progress() as progress:
        for kind in kinds:
            found = list(source.chunks(kind, which))
            task = progress.add_task(kind, total=sum(chunk["rows"] for chunk in found))
            for chunk in found:
                hour = datetime.fromisoformat(str(chunk["hour"]))
                name = f"{hour:%Y-%m-%dT%H}.{SUFFIXES[fmt]}"
                path = output / kind / chunk["project"] / name
                # One that is there is whole: it got its name at the end.
                if not path.exists():
                    _write(path, source.read(kind, which, chunk, fmt))
                    files += 1
                progress.advance(task, chunk["rows"])
                rows += chunk["rows"]
    errors.print(
        f"{rows:,} rows are in {output}; {files} files were written.",
        highlight=False,
        soft_wrap=True,
    )


def _prepare(output: Path, asked: Mapping[str, Any]) -> None:
    """Makes the folder, or sees that it is of the same export.

    Raises:
        StoreError: if it is not, or can't be made.
    """
    manifest = output / _MANIFEST
    try:
        if manifest.exists():
            if json.loads(manifest.read_text("utf-8")) == asked:
                return
            raise StoreError(
                f"{output} holds another export. Choose another folder, or the same options to go"
                " on with it."
            )
        if output.exists() and any(output.iterdir()):
            raise StoreError(f"{output} is not empty. Choose a new folder.")
        output.mkdir(parents=True, exist_ok=True, mode=0o700)
        manifest.write_text(json.dumps(asked, indent=2) + "\n", "utf-8")
    except (OSError, ValueError) as error:
        raise StoreError(f"Can't write into {output}: {error}.") from error


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"Can't write {path}: {error.strerror}. The same command goes on from here."
        ) from error


class _Source:
    """Where chunks come from: a service, or a store that is open here."""

    def __init__(
        self,
        chunks: Callable[[str, Mapping[str, str]], Iterator[dict[str, Any]]],
        read: Callable[[str, Mapping[str, str], Mapping[str, Any], str], Iterator[bytes]],
    ) -> None:
        self.chunks = chunks
        self.read = read


@contextlib.contextmanager
def _source(running: Service | None, settings: Settings) -> Iterator[_Source]:
    if running is not None:
        yield _of_service(running)
        return
    from spanglass_dashboards.api.time_range import storable
    from spanglass_store.export.chunks import Chunk, ExportFilter, chunk_bytes, chunks

    def filtered(which: Mapping[str, str]) -> ExportFilter:
        times = {
            name: storable(datetime.fromisoformat(which[name]))
            for name in ("start", "end")
            if name in which
        }
        return ExportFilter(None, **{**which, **times})  # type: ignore[arg-type]

    with opened_store(settings) as store:

        def list_(kind: str, which: Mapping[str, str]) -> Iterator[dict[str, Any]]:
            for each in chunks(store, kind, filtered(which)):  # type: ignore[arg-type]
                yield vars(each)

        def read(
            kind: str, which: Mapping[str, str], chunk: Mapping[str, Any], fmt: str
        ) -> Iterator[bytes]:
            return chunk_bytes(store, kind, filtered(which), Chunk(**chunk), fmt)  # type: ignore[arg-type]

        yield _Source(list_, read)


def _of_service(service: Service) -> _Source:
    path = "/api/v1/export"

    def list_(kind: str, which: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        yield from service.request("GET", f"{path}/{kind}/chunks", params=dict(which)).json()[
            "items"
        ]

    def read(
        kind: str, which: Mapping[str, str], chunk: Mapping[str, Any], fmt: str
    ) -> Iterator[bytes]:
        asked = {**which, "hour": chunk["hour"], "of": chunk["project"], "format": fmt}
        try:
            yield from service.stream(f"{path}/{kind}", asked)
        except httpx.HTTPError as error:
            raise StoreError(
                f"The service ended in the middle: {error}. The same command goes on from here."
            ) from error

    return _Source(list_, read)


def _progress() -> Progress:
    """Bars of rows; nothing where nobody looks."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=errors,
        disable=not errors.is_terminal,
    )  # fmt: skip
