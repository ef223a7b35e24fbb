"""What a table of a dialect is made of.

A dialect is data: which of its attributes give which of OpenTelemetry's, under which keys its
messages, documents and tools are counted through, and where what went in and came out is. The
engine (`engine`) knows no dialect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

#: An attribute's value as Python has it: text, number, bool, list, dict or None.
Plain: TypeAlias = Any
#: Gives the canonical value, or None where there is none. Takes the values of further attributes.
Convert: TypeAlias = Callable[..., Plain]


#: Among `others` of a source: the name of the span itself.
SPAN_NAME: Final = "\0name"


@dataclass(frozen=True)
class Source:
    """An attribute that a canonical one can be taken from.

    Attributes:
        key: its name.
        convert: makes the canonical value of it; None stands for what the target's type says.
        others: names of further attributes that `convert` is given, None for those missing.
    """

    key: str
    convert: Convert | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unpacked:
    """An attribute that gives several canonical ones.

    Attributes:
        key: its name.
        convert: gives a dict of canonical attributes.
        others: as of `Source`.
    """

    key: str
    convert: Callable[..., Mapping[str, Plain]]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Indexed:
    """Attributes whose names count through a list: `ROOT.0.REST`, `ROOT.1.REST`, …

    Attributes:
        root: what stands before the index.
        gives: what the list is: `input`, `output` (messages), `documents` or `tools`.
    """

    root: str
    gives: str


@dataclass(frozen=True)
class Assembled:
    """One message whose parts are attributes of their own.

    Attributes:
        parts: names of the attributes, by what they are in a message.
    """

    parts: Mapping[str, str]


@dataclass(frozen=True)
class Dialect:
    """How one dialect says what OpenTelemetry's GenAI conventions say.

    Attributes:
        name: as people know it.
        scopes: beginnings of the names of its instrumentation scopes. Names of attributes
            without a point in them are only understood there.
        marks: texts of which every span has one in the names of its attributes, whatever its
            scope, with what ends a name where that is needed. Serialised requests are searched
            for them, so they are few and long; without any, the scopes have to do.
        attributes: canonical attributes by what they are taken from, best first; a plain name
            is taken as it is.
        unpacked: attributes that give several.
        indexed: its lists.
        input: attributes that hold what went in, best first; what they become depends on the
            operation.
        output: the same of what came out.
        first_chunk: names of events at the time of which the first part of an answer came.
        first_chunk_time: an attribute that says that time, as ISO 8601.
    """

    name: str
    scopes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str | Source, ...]] = field(default_factory=dict)
    unpacked: tuple[Unpacked, ...] = ()
    indexed: tuple[Indexed, ...] = ()
    input: tuple[str | Assembled, ...] = ()
    output: tuple[str | Assembled, ...] = ()
    first_chunk: tuple[str, ...] = ()
    first_chunk_time: str = ""
