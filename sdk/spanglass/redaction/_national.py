"""Numbers that states give to people, under presidio's names: a rule and a checksum each.

Where a number's form says too little, a word has to stand before it. Sources: the offices' own
descriptions, as Wikipedia's articles on each number sum them up.
"""

from __future__ import annotations

import re
from typing import Final

from spanglass.redaction._rule import Rule, all_or_nothing
from spanglass.redaction._starts import at_letters, at_numbers, at_words

_EDGE: Final = r"(?<![A-Za-z0-9])"
_END: Final = r"(?![A-Za-z0-9])"

_NIF: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
#: What a character of an Italian code counts at an odd place.
_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
         6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip
_NRIC: Final = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK"}
#: Verhoeff's tables: the dihedral group of ten, and a permutation of its elements.
_TIMES: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901",
    "2793806415", "7046913258",
)  # fmt: skip


def _digits(text: str) -> list[int]:
    return [int(each) for each in text if each in "0123456789"]


def is_nhs(text: str) -> bool:
    """England's and Wales' health service: modulus 11."""
    digits = _digits(text)
    total = sum((10 - place) * digit for place, digit in enumerate(digits[:9]))
    return len(digits) == 10 and (11 - total % 11) % 11 == digits[9]


def is_nif(text: str) -> bool:
    """Spain's: a letter for the remainder by 23."""
    number = text.upper().replace("-", "")
    body = number[:-1].translate({88: "0", 89: "1", 90: "2"})
    return body.isdigit() and _NIF[int(body) % 23] == number[-1]


def is_fiscal_code(text: str) -> bool:
    """Italy's: a letter for a sum over all places."""
    code = text.upper()
    total = 0
    for place, each in enumerate(code[:15]):
        total += _ODD[each] if place % 2 == 0 else int(each, 36) - (10 if each.isalpha() else 0)
    return chr(65 + total % 26) == code[15]


def is_pesel(text: str) -> bool:
    """Poland's: weights 1, 3, 7, 9, and a day of birth."""
    digits = _digits(text)
    total = sum(w * d for w, d in zip((1, 3, 7, 9) * 3, digits[:10], strict=False))
    month, day = digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]
    return (10 - total % 10) % 10 == digits[10] and 1 <= month % 20 <= 12 and 1 <= day <= 31


def is_nric(text: str) -> bool:
    """Singapore's: a letter for a weighted sum."""
    code = text.upper()
    total = sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), code[1:8], strict=True))
    return _NRIC[code[0]][(total + (4 if code[0] in "TG" else 0)) % 11] == code[8]


def is_aadhaar(text: str) -> bool:
    """India's: Verhoeff's checksum."""
    digits = _digits(text)
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_TIMES[check][int(_PERMUTED[place % 8][digit])])
    return check == 0 and digits[0] > 1


NATIONAL: Final[tuple[Rule, ...]] = (
    Rule(
        "US_ITIN",
        at_numbers(9),
        re.compile(
            r"(?<![0-9-])9[0-9]{2}([- ])(?:5[0-9]|6[0-5]|[78][0-9]|9[0-24-9])\1[0-9]{4}"
            r"(?![0-9]|-[0-9])"
        ),
    ),
    Rule(
        "UK_NHS",
        at_words(("nhs", "health service"), with_digits=True),
        re.compile(
            r"(?i:\b(?:nhs|health service))[^0-9\n]{0,20}"
            r"(?P<found>[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4})(?![0-9])"
        ),
        all_or_nothing(is_nhs),
    ),
    Rule(
        "UK_NINO",
        at_letters(2, blank=True),
        re.compile(
            _EDGE + r"(?!(?i:bg|gb|nk|kn|tn|nt|zz))[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z]"
            r"[A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]" + _END
        ),
    ),
    Rule(
        "ES_NIF",
        at_numbers(8),
        re.compile(r"(?<![0-9A-Za-z.-])[0-9]{8}-?[A-HJ-NP-TV-Za-hj-np-tv-z]" + _END),
        all_or_nothing(is_nif),
    ),
    Rule(
        "ES_NIE",
        at_letters(1),
        re.compile(_EDGE + r"[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]" + _END),
        all_or_nothing(is_nif),
    ),
    Rule(
        "IT_FISCAL_CODE",
        at_letters(6),
        re.compile(
            r"(?i:" + _EDGE + r"[a-z]{6}[0-9][0-9lmnp-v][a-ehlmprst][0-9lmnp-v]{2}[a-z]"
            r"[0-9lmnp-v]{3}[a-z]" + _END + r")"
        ),
        all_or_nothing(is_fiscal_code),
    ),
    Rule(
        "PL_PESEL",
        at_words(("pesel",), with_digits=True),
        re.compile(r"(?i:\bpesel)[^0-9\n]{0,20}(?P<found>[0-9]{11})(?![0-9])"),
        all_or_nothing(is_pesel),
    ),
    Rule(
        "SG_NRIC_FIN",
        at_letters(1),
        re.compile(_EDGE + r"[STFG][0-9]{7}[A-Z]" + _END),
        all_or_nothing(is_nric),
    ),
    Rule(
        "IN_AADHAAR",
        at_words(("aadhaar", "aadhar", "uidai"), with_digits=True),
        re.compile(
            r"(?i:\b(?:aadhaar|aadhar|uidai))[^0-9\n]{0,20}"
            r"(?P<found>[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4})(?![0-9])"
        ),
        all_or_nothing(is_aadhaar),
    ),
    Rule(
        "IN_PAN",
        at_letters(5),
        re.compile(_EDGE + r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]" + _END),
    ),
)  # fmt: skip
