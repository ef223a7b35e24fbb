"""`spanglass import`: OTLP files into the store, however old they are."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.output import errors
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url, find_service
from spanglass_collector.ingest.files import OtlpFile, otlp_files
from spanglass_collector.settings import Settings
from spanglass_store.errors import StoreError, StoreUnavailable

_PATH: Final = "/api/v1/import"
#: Seconds until what the service had no room for is sent again, and how often.
_PAUSE_S: Final = 2.0
_TRIES: Final = 300


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import")(import_)


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files of OTLP, or folders of them.")],
    project: Annotated[
        str,
        typer.Option(help="Whose it becomes. [default: as it was exported, else default]"),
    ] = "",
    progress_file: Annotated[
        Path, typer.Option("--progress", help="File that says how far the import is.")
    ] = Path("spanglass-import.json"),
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Brings OTLP files in: JSON, JSON lines, or protobuf; what `spanglass export` wrote, too.

    It passes the same checks as what services send, and is kept from today on as long as that. The
    same command again goes on where it was cut off; what was taken twice is there once.

    spanglass import ./out
    spanglass import traces.json --project shop
    """
    files = [file for path in paths for file in otlp_files(path, project)]
    if not files:
        raise StoreError("There is no file to import. Name files, or a folder with an export.")
    running, settings = find_service(data_dir, url, key)
    progress = _Progress(progress_file)
    accepted = rejected = 0
    reasons: dict[str, None] = {}
    with _taker(running, settings) as take:
        for number, file in enumerate(files, 1):
            done = progress.of(file)
            for index, (signal, body) in enumerate(file.requests()):
                if index < done:
                    continue
                outcome = _send(take, signal, body, file.project)
                accepted += outcome["accepted"]
                rejected += outcome["rejected"]
                if outcome["message"]:
                    reasons[outcome["message"]] = None
                progress.save(file, index + 1)
            if errors.is_terminal:
                errors.print(f"{number} of {len(files)} files", end="\r", highlight=False)
    errors.print(f"{accepted:,} items were accepted, {rejected:,} rejected.", highlight=False)
    for reason in list(reasons)[:20]:
        errors.print(f"  {reason}", highlight=False, markup=False)


#: Sends one request: signal, body, project.
_Take = Callable[[str, bytes, str], Mapping[str, Any]]


def _send(take: _Take, signal: str, body: bytes, project: str) -> Mapping[str, Any]:
    """Sends until there is room."""
    for _ in range(_TRIES):
        try:
            return take(signal, body, project)
        except StoreUnavailable as error:
            problem = error
        time.sleep(_PAUSE_S)
    raise problem


@contextlib.contextmanager
def _taker(running: Service | None, settings: Settings) -> Iterator[_Take]:
    if running is not None:
        service = running

        def send(signal: str, body: bytes, project: str) -> Mapping[str, Any]:
            answer: dict[str, Any] = service.request(
                "POST", f"{_PATH}/{signal}", params={"project": project}, content=body,
            ).json()  # fmt: skip
            return answer

        yield send
        return
    from spanglass_collector.ingest.alone import opened_importer

    with opened_importer(settings) as take:
        yield take


class _Progress:
    """How many requests of each file were taken. A file that has changed begins anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        if path.exists():
            try:
                self._known = dict(json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise StoreError(
                    f"{path} can't be read as the progress of an import: {error}. Delete it to"
                    " begin anew: what was taken twice is there once."
                ) from error

    @staticmethod
    def _mark(file: OtlpFile) -> list[int]:
        stat = file.path.stat()
        return [stat.st_size, stat.st_mtime_ns]

    def of(self, file: OtlpFile) -> int:
        known = self._known.get(f"{file.project}:{file.path.absolute()}")
        return int(known["done"]) if known and known["file"] == self._mark(file) else 0

    def save(self, file: OtlpFile, done: int) -> None:
        name = f"{file.project}:{file.path.absolute()}"
        self._known[name] = {"file": self._mark(file), "done": done}
        temporary = self._path.with_name(self._path.name + ".new")
        try:
            temporary.write_text(json.dumps(self._known), "utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise StoreError(
                f"Can't write {self._path}: {error.strerror}. Choose another with --progress."
            ) from error
