"""Files within an application's values (pictures, sounds): size and hash, not themselves."""

from __future__ import annotations

import re
from typing import Any, Final

#: Characters or bytes. What is shorter costs less than its hash would.
MARKED_FROM: Final = 1024
#: A hash of what is longer would hold the call up.
_HASHED: Final = 8 << 20
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,100};base64,")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{1024}")
_CLASSES: Final = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"))


def mark_of(value: str) -> str | None:
    """What stands for a text that is a file in base64, with or without `data:`; None for others.

    Text of a language has spaces, and a name or a number has not letters of both cases and digits
    over so many characters.
    """
    if len(value) <= MARKED_FROM:
        return None
    head = _DATA_URL.match(value[:256])
    data = value
    about = ""
    if head is not None:
        about = f"{head[1]}, " if head[1] else ""
        data = value[head.end() :]
    else:
        first = _BASE64.match(value)
        if first is None or not all(each.search(first[0]) for each in _CLASSES):
            return None
    return f"<{about}{len(data)} base64 characters{_hash(data.encode('utf-8', 'replace'))}>"


def bytes_mark(value: Any) -> str:
    """What stands for bytes, a bytearray or a view of memory."""
    size = memoryview(value).nbytes
    return f"<{size} bytes{_hash(value) if size > MARKED_FROM else ''}>"


def _hash(data: Any) -> str:
    view = memoryview(data)
    if view.nbytes > _HASHED or not view.contiguous:
        return ""
    from hashlib import sha256

    return f", sha256 {sha256(data).hexdigest()}"
