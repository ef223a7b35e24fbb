"""Whether a serialised request may have spans of another dialect.

By the names of its instrumentation scopes, which are few, and by names of attributes, which are
searched for: in all spans of a scope that is not known, and in the first of one that is known to
use OpenTelemetry's own names (a span processor may stamp the names of a dialect on its spans).
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from spanglass_collector.dialects.tables import DIALECTS
from spanglass_collector.ingest import wire

_RESOURCE_SPANS: Final = 1
_SCOPE_SPANS: Final = 2
_SCOPE: Final = 1
_NAME: Final = 1

#: Beginnings of the names of scopes whose spans are in a dialect. The first that begin a name
#: decide: OpenLLMetry's instrumentations are called like OpenTelemetry's.
_FOREIGN: Final = tuple(scope.encode() for dialect in DIALECTS for scope in dialect.scopes)
#: Scopes of which all spans use OpenTelemetry's names: ours and OpenTelemetry's own.
_CANONICAL: Final = (
    b"spanglass",
    b"opentelemetry.instrumentation.",
    b"opentelemetry.util.genai",
    b"@opentelemetry/",
    b"io.opentelemetry.",
    b"go.opentelemetry.io/",
    b"OpenTelemetry.",
    b"OpenTelemetry::",
)
_MARKS: Final = tuple(mark.encode() for dialect in DIALECTS for mark in dialect.marks)
#: How far into a known scope's spans is searched, in bytes.
_HEAD: Final = 4096
#: Most scopes that are looked at one by one.
_MOST_SCOPES: Final = 2000


def may_apply(body: bytes) -> bool:
    """Whether a serialised `ExportTraceServiceRequest` may have spans of another dialect.

    What can't be read is no reason to look closer: True is said only of what is found.
    """
    first, last = len(body), 0
    try:
        for n, (name, begin, end) in enumerate(_scopes(body)):
            if name.startswith(_FOREIGN) or n > _MOST_SCOPES:
                return True
            if name.startswith(_CANONICAL):
                if _has_mark(body, begin, min(end, begin + _HEAD)):
                    return True
            else:
                first, last = min(first, begin), max(last, end)
    except wire.Malformed:
        first, last = 0, len(body)
    return last > first and _has_mark(body, first, last)


def _has_mark(body: bytes, begin: int, end: int) -> bool:
    return any(body.find(mark, begin, end) >= 0 for mark in _MARKS)


def _scopes(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each scope, and where what it holds begins and ends."""
    for resource in _contents(body, 0, len(body), _RESOURCE_SPANS):
        for begin, end in _contents(body, *resource, _SCOPE_SPANS):
            name = b""
            # The first are enough: they stand at the beginning, before the spans.
            for scope in islice(_contents(body, begin, end, _SCOPE), 1):
                for at, behind in islice(_contents(body, *scope, _NAME), 1):
                    name = body[at:behind]
            yield name, begin, end


def _contents(body: bytes, begin: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the contents of the fields of a number begin and end."""
    for number, kind, _, at, behind in wire.fields(body, begin, end):
        if number == wanted and kind == wire.LENGTH_DELIMITED:
            yield at, behind
