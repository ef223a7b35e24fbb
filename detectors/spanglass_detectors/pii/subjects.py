"""Keyed hashes of values: who knows a value can ask where it is, and nobody can ask what is there.

The same value written in other ways has the same hash: numbers by their digits, addresses in lower
case. The key is the installation's; without it hashes of telephone numbers could be tried out.
"""

import hmac
import re
import unicodedata
from typing import Final

_BYTES: Final = 16
#: Entities that are known by their digits alone.
_BY_DIGITS: Final = frozenset({
    "CREDIT_CARD", "PHONE_NUMBER", "US_SSN", "US_ITIN", "US_BANK_NUMBER", "UK_NHS", "IN_AADHAAR",
    "AU_TFN", "AU_ABN", "AU_ACN", "AU_MEDICARE", "PL_PESEL", "ABA_ROUTING_NUMBER",
})  # fmt: skip
#: Entities whose case says something.
_BY_CASE: Final = frozenset({"API_KEY", "JWT", "PASSWORD", "PRIVATE_KEY", "CRYPTO"})


def normal_form(entity: str, value: str) -> str:
    """A value without what differs between two ways to write it."""
    value = unicodedata.normalize("NFKC", value).strip()
    if entity in _BY_DIGITS:
        return re.sub(r"\D", "", value)
    if entity in _BY_CASE:
        return value
    if entity == "EMAIL_ADDRESS":
        return value.casefold()
    return re.sub(r"[\W_]", "", value.casefold())


def subject(key: bytes, entity: str, value: str) -> str:
    """The hash of a value, 16 bytes in hexadecimal.

    Args:
        key: the installation's.
        entity: what the value is.
        value: as it was written.
    """
    text = f"{entity}\0{normal_form(entity, value)}"
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()[: 2 * _BYTES]
