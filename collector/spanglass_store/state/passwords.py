"""Passwords: hashed with argon2id, checked in the same time whether there is an account or not.

Source: RFC 9106, section 4, the second recommended option (64 MiB, three passes).
"""

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from spanglass_store.errors import StoreError

#: Characters that a password has at least and at most.
SHORTEST: Final = 12
LONGEST: Final = 256
#: Hashes that are computed at a time: each takes 64 MiB and a tenth of a second of four threads.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_HASHER: Final = PasswordHasher()
#: A hash with today's parameters that no password has, checked where there is no account.
_NOBODYS: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$/HwJTK2Em9bswyaGmN1U0A"
    "$mQTSY/VZprcsvBswqCALeriVKh7VGboksWMBYJHiN+8"
)


def acceptable(password: str, name: str) -> str:
    """A password that may be one.

    Raises:
        StoreError: if it is too short, too long, or the account's name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise StoreError(
            f"A password has {SHORTEST} to {LONGEST} characters. A few words in a row will do."
        )
    if password.casefold() == name.casefold():
        raise StoreError("A password can't be the account's name.")
    return password


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def matches(kept: str, password: str) -> bool:
    """Whether this is the password; takes as long without one (`kept` empty)."""
    if len(password) > LONGEST:
        password = password[:LONGEST] + "\0"
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _NOBODYS, _bytes(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    # JSON can carry halves of characters, which UTF-8 has no place for.
    return password.encode("utf-8", "surrogatepass")


def is_outdated(kept: str) -> bool:
    """Whether a hash has other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)
