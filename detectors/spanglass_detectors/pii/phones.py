"""Telephone numbers, by libphonenumber: national forms of several countries."""

import importlib.util
import re
from collections.abc import Sequence
from typing import Final

from spanglass_detectors.pii.found import Found

#: Countries whose national forms are known, by the size of what is written in them.
REGIONS: Final = ("US", "GB", "DE", "FR", "IN", "ES", "IT", "BR", "AU", "JP")
#: At least seven digits with what stands between them in numbers: most texts have none.
_MAYBE: Final = re.compile(r"[0-9](?:[ ().\-/\u00a0\u2010-\u2015]{0,3}[0-9]){6}")
#: A national number is believed without a word before it where it is written like one.
_WORDS: Final = re.compile(
    r"(?i)\b(?:phone|tel|mobile?|cell|call|fax|whatsapp|sms|ring|reach|handy|telefon"
    r"|m\u00f3vil|portable|cellulare|t\u00e9l)"
)
_NEAR: Final = 40
_SURE, _LIKELY, _WEAK = 0.9, 0.75, 0.4


def is_installed() -> bool:
    """Whether libphonenumber is there."""
    return importlib.util.find_spec("phonenumbers") is not None


class PhoneFinder:
    """Finds telephone numbers that exist in a country's plan.

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
        self._regions = regions

    def find(self, text: str) -> list[Found]:
        """Telephone numbers in a text, but for those that could as well be any other number."""
        if _MAYBE.search(text) is None:
            return []
        from phonenumbers import Leniency, PhoneNumberMatcher

        found: dict[tuple[int, int], float] = {}
        # Of a long text only what is around digits.
        for start, end in _around(text):
            piece = text[start:end]
            for region in self._regions:
                matches = PhoneNumberMatcher(piece, region, leniency=Leniency.VALID)
                for match in matches:
                    place = (start + match.start, start + match.end)
                    found.setdefault(place, _confidence(text, *place))
        return [
            Found(start, end, "PHONE_NUMBER", confidence)
            for (start, end), confidence in sorted(found.items())
            if confidence > _WEAK
        ]


def _around(text: str) -> list[tuple[int, int]]:
    """Places of a text that have numbers, with what stands before and behind."""
    pieces: list[tuple[int, int]] = []
    for match in _MAYBE.finditer(text):
        start, end = max(0, match.start() - 8), min(len(text), match.end() + 24)
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _confidence(text: str, start: int, end: int) -> float:
    written = text[start:end]
    if written.startswith("+"):
        return _SURE
    if _WORDS.search(text[max(0, start - _NEAR) : start]):
        return _LIKELY
    # A number in groups, of which the first is an area's: more than one sign that it is one.
    groups = re.findall(r"[0-9]+", written)
    is_grouped = (written[0] in "(0" and len(groups) >= 2) or len(groups) >= 3 == len(groups[0])
    return _LIKELY if is_grouped and not re.search(r"[0-9]\.[0-9]+\.", written) else _WEAK
