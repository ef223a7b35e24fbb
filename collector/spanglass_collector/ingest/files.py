"""Files of OTLP: one request of JSON, one a line, or protobuf; read request by request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanglass_collector.ingest import tree, wire
from spanglass_collector.ingest.intake import TooLarge, Unreadable
from spanglass_collector.ingest.signals import RESOURCE, SIGNALS, TRACES, Signal
from spanglass_collector.receivers.otlp_json import camel_case, from_json
from spanglass_store.errors import StoreError
from spanglass_store.state.keys import DEFAULT_PROJECT

#: Largest request that is sent at once, in bytes.
_LARGEST: Final = 4 << 20
_SUFFIXES: Final = (".json", ".jsonl", ".binpb", ".pb", ".otlp", ".proto")
_MANIFEST: Final = "export.json"
#: How files begin that are taken for OTLP by mistake, and what to do with them.
_NOT_OTLP: Final = {
    b"\x1f\x8b": "it is packed with gzip; unpack it first: gunzip FILE",
    b"\x28\xb5\x2f\xfd": "it is packed with zstd; unpack it first: unzstd FILE",
    b"PK\x03\x04": "it is a zip archive; unpack it first",
    b"PAR1": "it is Parquet, which is for other programs; export it with --format otlp",
    b"\xef\xbb\xbf": "it begins with a byte order mark; save it as UTF-8 without one",
    b"[": 'it is a list; each line, or the file, has to be an object like {"resourceSpans": …}',
}
_BY_NAME: Final = {each.name: each for each in SIGNALS}
_BY_KEY: Final = {camel_case(each.form.resources): each for each in SIGNALS}


@dataclass(frozen=True)
class OtlpFile:
    """One file.

    Attributes:
        path: where it lies.
        project: whose its telemetry becomes.
        signal: what it holds, where its place says so.
    """

    path: Path
    project: str
    signal: str = ""

    def requests(self) -> Iterator[tuple[str, bytes]]:
        """Signal and request, in order, each no larger than can be sent at once.

        Raises:
            StoreError: if it can't be read.
        """
        try:
            for signal, body in self._requests():
                for piece in _pieces(body, signal):
                    yield signal.name, piece
        except OSError as error:
            raise StoreError(f"Can't read {self.path}: {error.strerror}.") from error
        except (wire.Malformed, Unreadable, TooLarge, ValueError, RecursionError) as error:
            raise StoreError(f"{self.path} can't be read as OTLP: {error}") from error

    def _requests(self) -> Iterator[tuple[Signal, bytes]]:
        with self.path.open("rb") as file:
            first = file.read(4)
            file.seek(0)
            for mark, what in _NOT_OTLP.items():
                if first.startswith(mark):
                    raise ValueError(what)
            # Protobuf begins with a line break, so nothing stands before a text.
            if not first.startswith(b"{"):
                yield _BY_NAME.get(self.signal, TRACES), file.read()
                return
            # One a line, or one that is written over many.
            line = file.readline()
            try:
                document = json.loads(line)
            except ValueError:
                document = json.loads(line + file.read())
            yield from _of_document(document)
            for line in file:
                if line.strip():
                    yield from _of_document(json.loads(line))


def _of_document(document: Any) -> Iterator[tuple[Signal, bytes]]:
    key = next((key for key in _BY_KEY if isinstance(document, dict) and key in document), "")
    if not key:
        raise ValueError(f"it has none of {', '.join(_BY_KEY)}")
    signal = _BY_KEY[key]
    if not isinstance(document[key], list):
        raise ValueError(f"{key} is no list")
    # A large document is one resource after another.
    for each in document[key]:
        for part in _parts(each, (signal.form.scopes, signal.form.listed)):
            yield signal, from_json(json.dumps({key: [part]}).encode(), signal.form)


def _parts(document: Any, levels: Sequence[str]) -> Iterator[Any]:
    """A resource in parts of which each is small enough to be read, all of them with its own.

    Args:
        document: the resource, or a scope of one.
        levels: the lists below it, from the outermost.
    """
    names = (camel_case(levels[0]), levels[0]) if levels and isinstance(document, dict) else ()
    name = next((each for each in names if isinstance(document.get(each), list)), "")
    if not name or len(json.dumps(document)) <= _LARGEST:
        yield document
        return
    shell = {key: value for key, value in document.items() if key != name}
    about = len(json.dumps(shell))
    part: list[Any] = []
    size = about
    for child in document[name]:
        for piece in _parts(child, levels[1:]):
            more = len(json.dumps(piece))
            if part and size + more > _LARGEST:
                yield {**shell, name: part}
                part, size = [], about
            part.append(piece)
            size += more
    if part:
        yield {**shell, name: part}


def _pieces(body: bytes, signal: Signal) -> Iterator[bytes]:
    """A request in parts that can be sent."""
    part: list[bytes] = []
    size = 0
    for content in wire.messages(body, RESOURCE):
        field = wire.field(RESOURCE, content)
        if part and size + len(field) > _LARGEST:
            yield b"".join(part)
            part, size = [], 0
        if len(field) > _LARGEST:
            yield from _halved(field, signal)
            continue
        part.append(field)
        size += len(field)
    if part:
        yield b"".join(part)


def _halved(body: bytes, signal: Signal) -> Iterator[bytes]:
    halves = tree.halve(body, signal.path) if len(body) > _LARGEST else []
    if not halves:
        yield body
    for half in halves:
        yield from _halved(half, signal)


def otlp_files(path: Path, project: str = "") -> list[OtlpFile]:
    """The files of a path, in order: itself, those of an export, or those of a folder.

    Args:
        path: a file or folder.
        project: whose it becomes; as it was exported where empty.

    Raises:
        StoreError: if there is no such path, or it is an export that is no OTLP.
    """
    if path.is_file():
        return [OtlpFile(path, project or DEFAULT_PROJECT, _signal_of(path))]
    if not path.is_dir():
        raise StoreError(f"There is no file or folder {path}.")
    manifest = path / _MANIFEST
    is_export = manifest.exists()
    if is_export:
        try:
            written = str(json.loads(manifest.read_text("utf-8"))["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{manifest} can't be read as that of an export: {error}.") from error
        if not written.startswith("otlp"):
            raise StoreError(
                f"{path} was exported as {written}, which is for other programs. What is to come"
                " back is exported with --format otlp."
            )
    found = []
    for file in sorted(path.rglob("*")):
        if file.suffix not in _SUFFIXES or file == manifest or not file.is_file():
            continue
        of = file.parent.name if is_export else DEFAULT_PROJECT
        found.append(OtlpFile(file, project or of, _signal_of(file)))
    return found


def _signal_of(path: Path) -> str:
    """The signal that a file's name or folders say."""
    words = [*reversed(path.parts[:-1]), path.name]
    return next((name for word in words for name in _BY_NAME if name in word), "")
