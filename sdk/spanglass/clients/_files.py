"""Files that a request sends beside its fields: by name, size and hash."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from typing import Any, Final

from spanglass._parts import media_part
from spanglass.clients._values import items

#: Bytes of a file on disk that are read for its hash; providers take less.
_MAX_BYTES: Final = 64 << 20


def sent_files(body: Mapping[str, Any], modality: str) -> list[dict[str, Any]]:
    """The files of a request, as parts of a message.

    Args:
        body: what is sent; `files` are pairs of a field's name and what the client was given
            for it: bytes, an open file, or a tuple of a name, one of these, and perhaps a type.
        modality: `image` or `audio`.
    """
    return [_part(file, modality) for file in items(body, "files")]


def _part(entry: Any, modality: str) -> dict[str, Any]:
    given = entry[1] if isinstance(entry, tuple | list) and len(entry) > 1 else entry
    name, content, mime_type = "", given, ""
    if isinstance(given, tuple | list) and len(given) > 1:
        name, content = given[:2]
        mime_type = given[2] if len(given) > 2 and isinstance(given[2], str) else ""
    raw = _content(content)
    if raw is None:
        # Reading it would move its position, and that is for the client to do.
        part: dict[str, Any] = {"type": "file", "modality": modality, "file_id": ""}
    else:
        part = media_part(modality, mime_type, raw)
    name = name or getattr(content, "name", "")
    if isinstance(name, str) and name:
        part["name"] = name.replace("\\", "/").rpartition("/")[2]
    return part


def _content(file: Any) -> bytes | None:
    """What a file holds, where that can be seen without moving its position; None elsewhere."""
    if isinstance(file, bytes | bytearray):
        return bytes(file)
    if isinstance(file, io.BytesIO):
        return file.getvalue()
    # Not on Windows, where reading moves the position.
    pread = getattr(os, "pread", None)
    if pread is None or not isinstance(file, io.BufferedReader | io.FileIO):
        return None
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_BYTES:
        return None
    found: bytes = pread(file.fileno(), about.st_size, 0)
    return found
