"""Files of OTLP: one request of JSON, one a line, or protobuf; read request by request."""

import json
from collections.abc import Iterator
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
        except (wire.Malformed, Unreadable, TooLarge, ValueError) as error:
            raise StoreError(f"{self.path} can't be read as OTLP: {error}") from error

    def _requests(self) -> Iterator[tuple[Signal, bytes]]:
        with self.path.open("rb") as file:
            first = file.read(1)
            file.seek(0)
            # Protobuf begins with a line break, so nothing stands before a text.
            if first != b"{":
                yield _BY_NAME.get(self.signal, TRACES), file.read()
                return
            # One a line, or one that is written over many.
            line = file.readline()
            try:
                documents: Iterator[Any] = iter([json.loads(line)])
            except ValueError:
                documents = iter([json.loads(line + file.read())])
            yield from map(_of_document, documents)
            for line in file:
                if line.strip():
                    yield _of_document(json.loads(line))


def _of_document(document: Any) -> tuple[Signal, bytes]:
    key = next((key for key in _BY_KEY if isinstance(document, dict) and key in document), "")
    if not key:
        raise ValueError(f"it has none of {', '.join(_BY_KEY)}")
    signal = _BY_KEY[key]
    # A large document is one resource after another.
    return signal, b"".join(
        from_json(json.dumps({key: [each]}).encode(), signal.form) for each in document[key]
    )


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
