"""Values of an application as bounded text.

Whatever a function takes and returns has to become text: at once, because the caller may change
it next; within a bound, because it may be enormous; and without harm, because it may be cyclic,
lazy, secret, or raise from `__repr__`. A walk over the value writes JSON under a budget of
characters. Nothing lazy is iterated, no array is copied, and secrets by name stay out.
"""

from __future__ import annotations

import functools
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from itertools import islice
from json.encoder import encode_basestring as quoted
from typing import Any, Final

from spanglass._inline import MARKED_FROM, bytes_mark, mark_of

#: Stands for the value of what has a secret's name.
SECRET: Final = "[secret]"  # noqa: S105

#: Deeper values are replaced by a mark.
MAX_DEPTH: Final = 16

_SECRET_NAMES: Final = frozenset({"idtoken", "pwd"})
#: `token` by itself is a word of a text more often than a credential, so it is none of these.
_SECRET_ENDINGS: Final = (
    "accesskey", "accesstoken", "apikey", "apitoken", "authorization", "authtoken", "bearertoken",
    "bottoken", "cookie", "credential", "encryptionkey", "passphrase", "passwd", "password",
    "privatekey", "refreshtoken", "secret", "secretkey", "sessiontoken", "signingkey",
)  # fmt: skip

#: Standard types whose `str` says it all.
_PRINTABLE_MODULES: Final = frozenset(
    {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid", "zoneinfo"}
)

#: Text limits of successive walks, as a share of the budget, and how many items a list keeps.
#: The first is generous; a value that is over budget is walked again, more tightly.
#: The second is for one long text, of which nearly all is kept.
_WALKS: Final = ((1.0, 20_000), (1.1, 5_000), (2.2, 2_000), (8.0, 400), (64.0, 80))


def json_text(value: object, limit: int) -> str:
    """`value` as JSON.

    Args:
        value: anything.
        limit: about how many characters the result may have; what is cut is marked.
    """
    for share, items in _WALKS:
        walk = _Walk(limit, max(64, int(limit / share)), items)
        try:
            return _clean(walk.write(value, 0))
        except _OverBudget:
            continue
    share, items = _WALKS[-1]
    return _clean(_Walk(limit, max(64, int(limit / share)), items, last=True).write(value, 0))


def text(value: object, limit: int) -> str:
    """`value` as text: what is text stays as it is, anything else is JSON. See `json_text`."""
    if type(value) is str:
        marked = mark_of(value) if len(value) > MARKED_FROM else None
        return marked or _clean(shorten(value, limit))
    written = json_text(value, limit)
    # What reads as a text, such as a date, is shown as one.
    return str(json.loads(written)) if written.startswith('"') else written


def shorten(value: str, limit: int) -> str:
    """`value` cut to about `limit` characters: its head and its tail with a mark between."""
    if len(value) <= limit:
        return value
    tail = limit // 4
    head = limit - tail
    cut = len(value) - limit
    return f"{value[:head]}...[{cut} characters cut]...{value[len(value) - tail :]}"


def attribute(value: object, limit: int) -> str | bool | int | float | list[Any] | None:
    """`value` as an OpenTelemetry attribute; None where there is nothing to record.

    Numbers, texts and lists of one kind of these stay what they are; anything else is JSON.
    """
    kind = type(value)
    if kind is str:
        return text(value, limit)
    if value is None or kind is bool or kind is float:
        return value  # type: ignore[return-value]
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 63 else str(value)[:limit]  # type: ignore[operator,return-value]
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= 1000:
        kinds = {type(item) for item in value}
        if kinds == {str}:
            return [text(item, limit // max(1, len(value))) for item in value]
        if kinds in ({bool}, {float}):
            return list(value)
        if kinds == {int} and all(-(1 << 63) <= item < 1 << 63 for item in value):
            return list(value)
    if isinstance(value, Enum):
        return attribute(value.value, limit)
    return text(value, limit)


def printable(value: str) -> str:
    """`value` as text that UTF-8 can carry: a surrogate without its partner becomes `?`."""
    return _clean(value)


def _clean(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


class _OverBudget(Exception):
    """The walk has used up its characters."""


@functools.lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    bare = name.lower().replace("_", "").replace("-", "")
    return bare in _SECRET_NAMES or bare.removesuffix("s").endswith(_SECRET_ENDINGS)


class _Walk:
    """One walk over a value.

    Args:
        budget: characters that the copy may have.
        text_limit: characters that one text may have.
        item_limit: items that one list or mapping may have.
        last: whether to put marks where the budget ends instead of giving up.
    """

    __slots__ = ("_items", "_last", "_left", "_path", "_texts")

    def __init__(self, budget: int, text_limit: int, item_limit: int, last: bool = False) -> None:
        self._left = budget
        self._texts = text_limit
        self._items = item_limit
        self._last = last
        self._path: set[int] = set()

    def write(self, value: Any, depth: int) -> str:
        """`value` as JSON.

        Raises:
            _OverBudget: it is too large for this walk.
        """
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        self._left -= 4
        if self._left < 0:
            return self._cut()
        if kind is int:
            # Writing a number out takes time that grows with the square of its digits.
            bits = value.bit_length()
            return int.__repr__(value) if bits < 256 else f'"<int of {bits} bits>"'
        if kind is float:
            finite = value - value == 0
            return float.__repr__(value) if finite else f'"{value}"'
        if depth > MAX_DEPTH:
            return self._text(f"<{kind.__name__}, too deep>")
        identity = id(value)
        if identity in self._path:
            return '"<cycle>"'
        self._path.add(identity)
        try:
            if kind is dict:
                return self._mapping(value, depth)
            if kind is list or kind is tuple:
                return self._list(value, depth)
            read: _Reader = _reader(kind)  # type: ignore[arg-type] # a type can be hashed
            return read(self, value, depth)
        except _OverBudget:
            raise
        except Exception as error:
            return self._text(f"<{kind.__name__}: {type(error).__name__} while reading it>")
        finally:
            self._path.discard(identity)

    def _cut(self) -> str:
        if not self._last:
            raise _OverBudget
        return '"...[cut]..."'

    def _text(self, value: str) -> str:
        if len(value) > MARKED_FROM:
            value = mark_of(value) or value
        if len(value) > self._texts:
            value = shorten(value, self._texts)
        self._left -= len(value) + 2
        return quoted(value) if self._left >= 0 else self._cut()

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> str:
        parts: list[str] = []
        for key, item in islice(value.items(), self._items):
            name = key if type(key) is str else _key(key)
            if len(name) > 200:
                name = shorten(name, 200)
            self._left -= len(name) + 4
            hidden = item is not None and len(name) <= 64 and _is_secret(name)
            written = f'"{SECRET}"' if hidden else self.write(item, depth + 1)
            parts.append(f"{quoted(name)}: {written}")
        if len(value) > self._items:
            parts.append(f'"...": "[{len(value) - self._items} more items cut]"')
        return "{" + ", ".join(parts) + "}"

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> str:
        size = len(value)
        if size <= self._items:
            # A list that grows while it is read would otherwise be read for ever.
            parts = [self.write(item, depth + 1) for item in islice(value, size)]
        else:
            half = self._items // 2
            parts = [self.write(item, depth + 1) for item in value[:half]]
            parts.append(f'"...[{size - 2 * half} items cut]..."')
            parts.extend(self.write(item, depth + 1) for item in value[-half:])
        return "[" + ", ".join(parts) + "]"

    # How types other than JSON's own are read. `_reader` chooses by type, once.

    def read_text(self, value: str, depth: int) -> str:
        return self._text(str.__str__(value))

    def read_enum(self, value: Enum, depth: int) -> str:
        return self.write(value.value, depth + 1)

    def read_int(self, value: int, depth: int) -> str:
        return self.write(int(value), depth + 1)

    def read_float(self, value: float, depth: int) -> str:
        return self.write(float(value), depth + 1)

    def read_named_tuple(self, value: Any, depth: int) -> str:
        return self._mapping(dict(zip(value._fields, value, strict=False)), depth)

    def read_collection(self, value: Collection[Any], depth: int) -> str:
        kept = list(islice(value, self._items))
        if len(value) > self._items:
            kept.append(f"...[{len(value) - self._items} items cut]...")
        return self._list(kept, depth)

    def read_bytes(self, value: Any, depth: int) -> str:
        return f'"{bytes_mark(value)}"'

    def read_dataclass(self, value: Any, depth: int) -> str:
        # A field that its author keeps out of the repr stays out here too.
        fields = type(value).__dataclass_fields__
        shown = {n: getattr(value, n) for n, f in fields.items() if f.repr and hasattr(value, n)}
        return self._mapping(shown, depth)

    def read_attrs(self, value: Any, depth: int) -> str:
        fields = type(value).__attrs_attrs__
        return self._mapping({f.name: getattr(value, f.name) for f in fields if f.repr}, depth)

    def read_model(self, value: Any, depth: int) -> str:
        fields = getattr(type(value), "__pydantic_fields__", None) or {}
        shown = {
            name: item
            for name, item in value.__dict__.items()
            if getattr(fields.get(name), "repr", True)
        }
        shown |= getattr(value, "__pydantic_extra__", None) or {}
        return self._mapping(shown, depth)

    def read_secret(self, value: object, depth: int) -> str:
        return f'"{SECRET}"'

    def read_printable(self, value: object, depth: int) -> str:
        return self._text(str(value))

    def read_exception(self, value: BaseException, depth: int) -> str:
        return self._text(f"{type(value).__name__}: {value}")

    def read_array(self, value: Any, depth: int) -> str:
        return self._text(f"<{type(value).__name__} {tuple(value.shape)} {value.dtype}>")

    def read_repr(self, value: object, depth: int) -> str:
        return self._text(repr(value))

    def read_type(self, value: object, depth: int) -> str:
        kind = type(value)
        name = getattr(value, "__qualname__", "")
        about = f"{kind.__name__} {name}" if name else f"{kind.__module__}.{kind.__qualname__}"
        return self._text(f"<{about}>")


def _key(key: object) -> str:
    """A mapping's key that is no text, as one."""
    if isinstance(key, Enum):
        return str(key.value)
    if isinstance(key, str | int | float | tuple | None):
        return str(key)
    return f"<{type(key).__name__}>"


_Reader = Callable[[_Walk, Any, int], str]

_SUBCLASSES: Final[tuple[tuple[type | tuple[type, ...], _Reader], ...]] = (
    (Enum, _Walk.read_enum),
    (str, _Walk.read_text),
    (int, _Walk.read_int),
    (float, _Walk.read_float),
    ((dict, Mapping), _Walk._mapping),
    ((list, tuple), _Walk._list),
    ((set, frozenset, deque), _Walk.read_collection),
    ((bytes, bytearray, memoryview), _Walk.read_bytes),
    (BaseException, _Walk.read_exception),
)


@functools.lru_cache(maxsize=1024)
def _reader(kind: type) -> _Reader:
    """How values of a type are read."""
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _Walk.read_named_tuple
    if hasattr(kind, "get_secret_value"):
        return _Walk.read_secret
    for types, reader in _SUBCLASSES:
        if issubclass(kind, types):
            return reader
    if hasattr(kind, "__dataclass_fields__"):
        return _Walk.read_dataclass
    if hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__fields_set__"):
        return _Walk.read_model
    if hasattr(kind, "__attrs_attrs__"):
        return _Walk.read_attrs
    if kind.__module__.partition(".")[0] in _PRINTABLE_MODULES:
        return _Walk.read_printable
    if hasattr(kind, "shape") and hasattr(kind, "dtype"):
        return _Walk.read_array
    # What can be iterated may be lazy, and its repr may ask a database.
    own: object = kind.__repr__
    plain = own is object.__repr__ or kind.__module__ == "builtins"
    if plain or issubclass(kind, type) or hasattr(kind, "__iter__") or hasattr(kind, "__next__"):
        return _Walk.read_type
    return _Walk.read_repr
