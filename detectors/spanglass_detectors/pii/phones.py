"""Telephone numbers, by libphonenumber: national forms of several countries."""

import importlib.util
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from spanglass_detectors.pii.found import Found

#: Countries whose national forms are known, by the size of what is written in them.
REGIONS: Final = ("US", "GB", "DE", "FR", "IN", "ES", "IT", "BR", "AU", "JP")
#: Something written like a number of seven to fifteen digits, alone.
_CANDIDATE: Final = re.compile(
    r"(?<![\w.,+/-])(?:\+|\(?)[0-9](?:[ ().\-/\u00a0\u2010-\u2015]{0,3}[0-9]){6,14}"
    r"(?!\w|[.,/-][0-9])"
)
#: As far as digits belong together that are enough for one.
_LONG: Final = re.compile(r"[0-9](?:[ ().\-/\u00a0\u2010-\u2015]{0,3}[0-9]){6,}")
#: What announces one.
_ANNOUNCING: Final = (
    "phone", "tel", "mobil", "cell", "call", "fax", "whatsapp", "sms", "text", "ring", "reach",
    "handy", "m\u00f3vil", "portable", "t\u00e9l",
)  # fmt: skip
_WORDS: Final = re.compile(rf"(?i)\b(?:{'|'.join(_ANNOUNCING)})")
_NEAR: Final = 40
_GROUPS: Final = re.compile("[0-9]+")
#: What a number is written in that depends on its digits alone.
_PLAIN: Final = re.compile(r"[0-9 ().\-/]+")
#: A day, or a number with decimals, which no country writes its telephone numbers like.
_OTHER: Final = re.compile(
    r"(?:0?[1-9]|[12][0-9]|3[01])([/.-])(?:0?[1-9]|[12][0-9]|3[01])\1(?:19|20)[0-9]{2}"
    r"|[0-9]+\.[0-9]+"
)
_REMEMBERED: Final = 4_096
_SURE: Final = 0.9
_LIKELY: Final = 0.75


def is_installed() -> bool:
    """Whether libphonenumber is there."""
    return importlib.util.find_spec("phonenumbers") is not None


class PhoneFinder:
    """Finds telephone numbers that exist in a country's plan.

    A number of digits alone could be anything: it has to have a sign that it is one, an
    international prefix, a word before it, or the groups that such numbers are written in.

    Args:
        regions: countries whose national forms are looked for, as ISO 3166 codes.

    Raises:
        ImportError: if libphonenumber is not installed.
        ValueError: if a country is none.
    """

    def __init__(self, regions: Sequence[str] = REGIONS) -> None:
        import phonenumbers

        unknown = [each for each in regions if each not in phonenumbers.SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"no countries: {unknown}; write ISO 3166 codes, like US")
        self._regions = tuple(regions)

    def find(self, text: str) -> list[Found]:
        """Telephone numbers in a text, but for those that could as well be any other number."""
        found: list[Found] = []
        for match in _candidates(text):
            start, end = match.span()
            confidence = _confidence(text, start, match.group())
            if confidence and exists(match.group(), self._regions):
                found.append(Found(start, end, "PHONE_NUMBER", confidence))
        return found


# A conversation says the same numbers in each of its calls.
@lru_cache(maxsize=_REMEMBERED)
def exists(written: str, regions: tuple[str, ...]) -> bool:
    """Whether a number is in the plan of one of some countries."""
    from phonenumbers import NumberParseException, is_valid_number, parse

    from spanglass_detectors.pii.phone_plans import plan

    digits = "".join(_GROUPS.findall(written)) if _PLAIN.fullmatch(written) else ""
    for region in ("ZZ",) if written.startswith("+") else regions:
        if digits and not plan(region).could_be(digits):
            continue
        try:
            if is_valid_number(parse(written, region)):
                return True
        except NumberParseException:
            continue
    return False


def _candidates(text: str) -> Iterator[re.Match[str]]:
    """What is written like a number: tried where digits begin, which is what makes it fast."""
    end = 0
    for long in _LONG.finditer(text):
        for run in _GROUPS.finditer(text, *long.span()):
            at = run.start()
            if at < end:
                continue
            match = None
            if at > end and text[at - 1] in "(+":
                match = _CANDIDATE.match(text, at - 1)
            match = match or _CANDIDATE.match(text, at)
            if match is not None:
                end = match.end()
                yield match


def _confidence(text: str, start: int, written: str) -> float:
    """How sure it is that a number is a telephone's; 0 without any sign of it."""
    if written.startswith("+"):
        return _SURE
    if not written.isdigit():
        sizes = [len(each) for each in _GROUPS.findall(written)]
        if _OTHER.fullmatch(written):
            return 0.0
        if sizes == [3, 3, 4] or (written[0] in "(0" and len(sizes) > 1):
            return _LIKELY
    first = max(0, start - _NEAR)
    near = text[first:start]
    if near.isascii():
        near = near.lower()
        if not any(word in near for word in _ANNOUNCING):
            return 0.0
    return _LIKELY if _WORDS.search(text, first, start) else 0.0
