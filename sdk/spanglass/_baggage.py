"""What `context` says, as members of W3C's `baggage` header, and back.

Each member is named as its span attribute is (`session.id`, `spanglass.feature`, …), so that other
OpenTelemetry code can make sense of it. What is written fits into the size that every participant
has to take; what is read is bounded, and anything that is not one of these members is ignored.

Source: W3C Baggage, https://www.w3.org/TR/baggage/, sections 3.2 and 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from spanglass import _names as names
from spanglass._serialize import attribute

#: The name of the header.
HEADER: Final = "baggage"
#: Bytes of a whole header, and its members: what W3C says everybody has to take.
MAX_BYTES: Final = 8192
MAX_MEMBERS: Final = 64
#: Characters of one value, and how many tags.
_MAX_CHARS: Final = 4_000
_MAX_TAGS: Final = 64

#: What has one text, the most important first: the last ones are left out where room ends.
_TEXTS: Final = (
    names.SESSION, names.USER, names.FEATURE, names.PROMPT_NAME, names.PROMPT_VERSION,
)  # fmt: skip
#: Characters that need no escape. `+` does: many readers take it for a space.
_SAFE_IN_KEY: Final = "!#$&'*-.^_`|~"
_SAFE_IN_VALUE: Final = "!#$&'()*-./:<>?@[]^_`{|}~"


def encode(attributes: Mapping[str, Any], existing: str = "") -> str:
    """The header's value: the members that are there, and ours behind them.

    Args:
        attributes: what `context` says, as span attributes.
        existing: the header as somebody else has written it. Where it has a member of a name of
            ours, ours replaces it.
    """
    ours = dict(_members(attributes))
    others = [m for m in _split(existing) if m.partition("=")[0].strip() not in ours]
    written: list[str] = []
    room = MAX_BYTES
    for member in (*others, *(f"{key}={value}" for key, value in ours.items())):
        size = len(member) + 1
        if size <= room and len(written) < MAX_MEMBERS:
            written.append(member)
            room -= size
    return ",".join(written)


def decode(headers: Iterable[str]) -> dict[str, Any]:
    """Span attributes from the values of all `baggage` headers of a request.

    What is not ours or cannot be read is left out. Values arrive as text.
    """
    found: dict[str, Any] = {}
    for member in _split(",".join(headers)):
        key, equals, rest = member.partition("=")
        if not equals:
            continue
        name = unquote(key.strip())
        value = rest.partition(";")[0].strip()
        if name == names.TAGS:
            tags = [_text(unquote(each)) for each in unquote(value).split(",")]
            found[name] = [tag for tag in tags if tag][:_MAX_TAGS]
        elif name in _TEXTS or (name.startswith(names.METADATA) and name != names.METADATA):
            found[_text(name)] = _text(unquote(value))
    found = {key: value for key, value in found.items() if value}
    if names.SESSION in found:
        found[names.CONVERSATION] = found[names.SESSION]
    return found


def _members(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _TEXTS:
        if key in attributes:
            yield key, quote(str(attributes[key]), _SAFE_IN_VALUE)
    tags = attributes.get(names.TAGS)
    if tags:
        # A comma within a tag is escaped twice: the list is taken apart after the first time.
        listed = ",".join(tag.replace("%", "%25").replace(",", "%2C") for tag in tags)
        yield names.TAGS, quote(listed, _SAFE_IN_VALUE)
    for key, value in attributes.items():
        if key.startswith(names.METADATA):
            yield quote(key, _SAFE_IN_KEY), quote(str(value), _SAFE_IN_VALUE)


def _split(header: str) -> list[str]:
    """The members of a header, up to what everybody has to take."""
    if len(header) > MAX_BYTES:
        # The last one may be cut in two.
        header = header[:MAX_BYTES].rpartition(",")[0]
    members = (member.strip() for member in header.split(","))
    return [member for member in members if member][:MAX_MEMBERS]


def _text(value: str) -> str:
    """Text from outside: bounded, and without what could fool a terminal or a log."""
    shown = value if value.isprintable() else "".join(c if c.isprintable() else "�" for c in value)
    return str(attribute(shown, _MAX_CHARS))
