"""One text: what personal data is in it, by presidio's names for it.

The SDK's rules (`spanglass.redaction`) come first: patterns with checks. Telephone numbers of
national forms are added where libphonenumber is installed, presidio's own recognisers and names of
people where they are asked for, and recognisers of one's own.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

from spanglass.redaction import ENTITIES, Redactor, announced
from spanglass.redaction._presidio import NOT_PERSONAL
from spanglass_detectors.pii import phones
from spanglass_detectors.pii.found import Found
from spanglass_detectors.pii.shapes import Shapes

#: Longer texts are looked at in pieces, so that nothing takes memory beyond them.
_PIECE: Final = 1 << 20
#: Characters that two pieces share.
_SHARED: Final = 4_096
#: What is not seen and can stand between what is: controls, and what Unicode says to ignore
#: (Default_Ignorable_Code_Point).
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Those of them that are ASCII.
_CONTROLS: Final = bytes(code for code in range(128) if _UNSEEN.match(chr(code)))
#: A character as JSON writes it where it has to, within other JSON, too.
_ESCAPED: Final = re.compile(r"\\{1,16}u([0-9a-fA-F]{4})")
#: Whether a text that is not ASCII, or has such, has to be made readable.
_HIDDEN: Final = re.compile(f"{_UNSEEN.pattern}|{_ESCAPED.pattern}")
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


class Finder:
    """Finds personal data in texts.

    Args:
        entities: which; all unless given.
        regions: countries whose national telephone numbers are looked for.
        allow: values that are nobody's: whole findings, in any case.
        allow_patterns: expressions (RE2) for such values.
        custom: recognisers of one's own: `{"entity": …, "pattern": …, "confidence": …}`, the
            pattern being RE2's, which no text can make slow.
        presidio: whether presidio's recognisers are run, too.
        names: an installed package with a spaCy pipeline, for names of people and places.
        least: findings of lower confidence are left out, from 0 to 1.

    Raises:
        ValueError: if an entity, a pattern or a country is wrong.
        ImportError: if something that is asked for is not installed.
    """

    def __init__(
        self,
        entities: Sequence[str] | None = None,
        regions: Sequence[str] = phones.REGIONS,
        allow: Sequence[str] = (),
        allow_patterns: Sequence[str] = (),
        custom: Sequence[dict[str, Any]] = (),
        presidio: bool = False,
        names: str = "",
        least: float = 0.5,
    ) -> None:
        self._custom = [_custom(each) for each in custom]
        self._wanted = None if entities is None else frozenset(entities)
        self._least = least
        checked = [each for each in ENTITIES if self._wanted is None or each in self._wanted]
        self._redactor = Redactor(checked) if checked else None
        self._shapes = _shapes(self._redactor)
        self._phones = None
        if phones.is_installed() and (self._wanted is None or "PHONE_NUMBER" in self._wanted):
            self._phones = phones.PhoneFinder(regions)
        self._presidio = None
        if presidio or names:
            from spanglass_detectors.pii.presidio import PresidioFinder

            self._presidio = PresidioFinder(entities, names, least)
            self._left_out = NOT_PERSONAL if self._wanted is None else frozenset()
        elif self._wanted is not None:
            known = {*ENTITIES, *(entity for entity, _, _ in self._custom)}
            unknown = self._wanted - known
            if unknown:
                raise ValueError(
                    f"nothing finds {', '.join(sorted(unknown))} without presidio; there are"
                    f" {', '.join(sorted(known))}"
                )
        self._allow = {each.casefold() for each in allow}
        self._allow_patterns = [_compiled(each) for each in allow_patterns]

    @property
    def has_more(self) -> bool:
        """Whether more is looked for than what the checked rules find."""
        return bool(self._custom) or self._presidio is not None

    def find(self, text: str, name: str = "") -> list[Found]:
        """What is in a text, in order, without overlaps.

        Args:
            text: any.
            name: what it is the value of, which can say what it is: `password`.
        """
        if name and (said := announced(name)):
            return [
                Found(each.start - len(said), each.end - len(said), each.entity, each.confidence)
                for each in self.find(said + text)
                if each.start >= len(said)
            ]
        if len(text) <= _PIECE:
            return self._find(text)
        found: list[Found] = []
        for at in range(0, len(text), _PIECE - _SHARED):
            # What begins in what two pieces share is the later one's.
            last = at + _PIECE >= len(text)
            found += [
                Found(at + each.start, at + each.end, each.entity, each.confidence)
                for each in self._find(text[at : at + _PIECE])
                if last or each.start < _PIECE - _SHARED
            ]
            if last:
                break
        return found

    def _find(self, text: str) -> list[Found]:
        seen, places = _readable(text)
        found = []
        if self._redactor is not None:
            found = [
                Found(each.start, each.end, each.entity, 1.0)
                for each in (
                    self._redactor.find(seen)
                    if self._shapes is None
                    else self._redactor.find_by(self._shapes.possible(seen), seen)
                )
            ]
        if self._phones is not None:
            # Numbers that are known by now are not looked at again: it is what takes the time.
            found += self._phones.find(_without(seen, found))
        for entity, pattern, confidence in self._custom:
            found += [
                Found(match.start(), match.end(), entity, confidence)
                for match in pattern.finditer(seen)
                if match.end() > match.start()
            ]
        if self._presidio is not None:
            found += [
                each for each in self._presidio.find(seen) if each.entity not in self._left_out
            ]
        if not found:
            return found
        found = [each for each in found if each.confidence >= self._least]
        if self._allow or self._allow_patterns:
            found = [each for each in found if not self.is_allowed(seen[each.start : each.end])]
        found = _without_overlaps(found)
        if places is None:
            return found
        return [
            Found(places[each.start], places[each.end], each.entity, each.confidence)
            for each in found
        ]

    def is_allowed(self, value: str) -> bool:
        """Whether a value is nobody's, by the allow lists."""
        return value.casefold() in self._allow or any(
            pattern.fullmatch(value) for pattern in self._allow_patterns
        )


def _shapes(redactor: Redactor | None) -> Shapes | None:
    """What says which rules are worth trying, where RE2 is installed."""
    if redactor is None:
        return None
    try:
        return Shapes(redactor.rules)
    except ImportError:
        return None


def _without(text: str, found: Sequence[Found]) -> str:
    """A text with letters in place of what was found, in order, at the same places."""
    parts: list[str] = []
    at = 0
    for each in found:
        parts += (text[at : each.start], "x" * (each.end - each.start))
        at = each.end
    return "".join([*parts, text[at:]]) if parts else text


def _readable(text: str) -> tuple[str, list[int] | None]:
    """A text with plain digits and without what is not seen, and where its characters were.

    Returns:
        The text, and the place of each of its characters in the one that was given, with the end
        behind the last; None where they are the same.
    """
    if _is_plain_ascii(text):
        return text, None
    if _HIDDEN.search(text) is None:
        if text.isascii() or not any(map(_is_odd, text)):
            return text, None
        return "".join(map(_plain, text)), None
    seen: list[str] = []
    places: list[int] = []
    at = 0
    for match in _HIDDEN.finditer(text):
        seen += map(_plain, text[at : match.start()])
        places += range(at, match.start())
        at = match.end()
        if match[1] is not None:
            character = chr(int(match[1], 16))
            if not _UNSEEN.match(character):
                seen.append(_plain(character))
                places.append(match.start())
    seen += map(_plain, text[at:])
    places += range(at, len(text))
    return "".join(seen), [*places, len(text)]


def _is_plain_ascii(text: str) -> bool:
    """Whether a text is as it is seen: a look that takes a tenth of the pattern's time."""
    if not text.isascii() or "\\u" in text:
        return False
    encoded = text.encode()
    return len(encoded.translate(None, _CONTROLS)) == len(encoded)


def _is_odd(character: str) -> bool:
    return not character.isascii() and _plain(character) != character


def _plain(character: str) -> str:
    """A digit or sign of another form as the plain one; one character for each."""
    if character.isascii():
        return character
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    if character in "\u00a0\u2007\u202f\u3000":
        return " "
    if character in "\u2010\u2011\u2012\u2013\u2212":
        return "-"
    digit = unicodedata.digit(character, None) if character.isdecimal() else None
    return character if digit is None else str(digit)


def _without_overlaps(found: list[Found]) -> list[Found]:
    """In order; of what overlaps the surest, then the longest."""
    # Starts and ends of what is taken, in order: looked up, not gone through, because a text can
    # hold a hundred thousand of them.
    starts: list[int] = []
    ends: list[int] = []
    result: list[Found] = []
    for each in sorted(found, key=lambda f: (-f.confidence, f.start - f.end, f.start)):
        at = bisect_right(starts, each.start)
        if (at and ends[at - 1] > each.start) or (at < len(starts) and starts[at] < each.end):
            continue
        starts.insert(at, each.start)
        ends.insert(at, each.end)
        result.append(each)
    return sorted(result)


def _custom(given: dict[str, Any]) -> tuple[str, Any, float]:
    entity, pattern = given.get("entity"), given.get("pattern")
    if not isinstance(entity, str) or not _NAME.fullmatch(entity) or not isinstance(pattern, str):
        raise ValueError(
            f"{given!r} is no recogniser: write an entity in capitals, like EMPLOYEE_ID, and a"
            " pattern"
        )
    return entity, _compiled(pattern), float(given.get("confidence", 0.9))


def _compiled(pattern: str) -> Any:
    """An expression whose matching takes time in proportion to the text, whatever it is.

    Raises:
        ImportError: if google-re2 is not installed.
        ValueError: if it is none.
    """
    try:
        import re2
    except ImportError as error:
        raise ImportError(
            "Patterns of one's own need google-re2: pip install 'spanglass[pii]'"
        ) from error
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise ValueError(f"{pattern!r} is no expression of RE2: {error}") from error
