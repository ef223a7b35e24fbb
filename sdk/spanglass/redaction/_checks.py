"""What tells a number that means something from any other: checksums and lengths.

Sources: ISO/IEC 7812 (cards), ISO 13616 and its registry (IBAN), RFC 4291 (IPv6).
"""

from __future__ import annotations

import re
from typing import Final

#: How a card's number begins, and how long it may be.
_CARDS: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2}|35(?:2[89]|[3-8][0-9]))[0-9]{12,15}"
    r"|(?:50|5[6-8]|6[37])[0-9]{14,17}"
)
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the last digit is right for the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = ord(digit) - 48
        total += _DOUBLED[number] if place % 2 else number
    return total % 10 == 0


def card_length(candidate: str) -> int:
    """How many characters of a candidate, from its start, are a card's number; 0 for none.

    Args:
        candidate: digits, with single blanks or hyphens between.
    """
    ends = [at + 1 for at, character in enumerate(candidate) if character.isdigit()]
    digits = re.sub(r"[^0-9]", "", candidate)
    for count in range(len(digits), 12, -1):
        # Not in the middle of a group: there the number goes on.
        if count < len(digits) and candidate[ends[count - 1]].isdigit():
            continue
        head = digits[:count]
        if _CARDS.fullmatch(head) and luhn(head) and len(set(head)) > 1:
            return ends[count - 1]
    return 0


def iban_length(candidate: str) -> int:
    """How many characters of a candidate, from its start, are an IBAN; 0 for none.

    Args:
        candidate: letters and digits, with single blanks or hyphens between.
    """
    wanted = _IBAN_LENGTHS.get(candidate[:2].upper(), 0)
    code = ""
    for at, character in enumerate(candidate):
        if character.isalnum():
            code += character.upper()
            if len(code) == wanted:
                goes_on = at + 1 < len(candidate) and candidate[at + 1].isalnum()
                return 0 if goes_on or not _mod_97(code) else at + 1
    return 0


def _mod_97(code: str) -> bool:
    moved = code[4:] + code[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def is_ipv6(candidate: str) -> bool:
    """Whether a text of colons and hexadecimal digits is an address, and not a name or a time."""
    groups = [group for group in candidate.split(":") if group]
    if len(groups) < 3 or candidate.count(":") < 3:
        return False
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(candidate)
    except AddressValueError:
        return False
    return True


def looks_secret(value: str) -> bool:
    """Whether the value behind `password=` is one, and not a word about it."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    found = sum(any(kind(character) for character in value) for kind in kinds)
    return found >= 3 or (found == 2 and any(c.isdigit() for c in value)) or len(value) >= 24
