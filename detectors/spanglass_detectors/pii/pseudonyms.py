"""Pseudonyms that can be turned back by who has the key, and by nobody else.

A value is enciphered by AES-SIV (RFC 5297), which is deterministic: the same value of a project has
the same pseudonym everywhere, `<EMAIL_ADDRESS~…>`, and a pseudonym that was changed, or is another
project's, is none. The key lies in a file of its own, outside of everything that the service keeps,
so that no backup, dump or query of the store can turn anything back.
"""

import base64
import binascii
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

#: Of AES-256-SIV: two keys of 32 bytes.
KEY_BYTES: Final = 64
_PSEUDONYM: Final = re.compile(r"<([A-Z][A-Z0-9_]{1,63})~([A-Za-z0-9_-]{22,})>")


class Revealed(NamedTuple):
    """What a pseudonym stands for."""

    entity: str
    value: str


class Pseudonyms:
    """Makes pseudonyms, and turns them back.

    Args:
        key: 64 bytes.

    Raises:
        ImportError: if cryptography is not installed.
        ValueError: if the key has another length.
    """

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        except ImportError as error:
            raise ImportError(
                "Reversible pseudonyms need cryptography: pip install 'spanglass[pii]'"
            ) from error
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of pseudonyms has {KEY_BYTES} bytes, this one {len(key)}")
        self._cipher = AESSIV(key)

    def of(self, project: str, entity: str, value: str) -> str:
        """The pseudonym of a value.

        Args:
            project: in which it is the same.
            entity: what the value is.
            value: as it was written.
        """
        sealed = self._cipher.encrypt(
            value.encode("utf-8", "surrogatepass"), [project.encode(), entity.encode()]
        )
        return f"<{entity}~{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}>"

    def reveal(self, project: str, pseudonym: str) -> Revealed:
        """What a pseudonym stands for.

        Raises:
            ValueError: if it is none, or was not made in this project by this key.
        """
        from cryptography.exceptions import InvalidTag

        match = _PSEUDONYM.fullmatch(pseudonym.strip())
        if match is None:
            raise ValueError("That is no pseudonym: they look like <EMAIL_ADDRESS~AbC…>.")
        entity, sealed = match.groups()
        try:
            padded = sealed + "=" * (-len(sealed) % 4)
            value = self._cipher.decrypt(
                base64.urlsafe_b64decode(padded), [project.encode(), entity.encode()]
            )
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise ValueError(
                f"This key made no such pseudonym in the project {project!r}: it was changed, or"
                " is of another project or key."
            ) from error
        return Revealed(entity, value.decode("utf-8", "surrogatepass"))


def make_key(path: Path) -> None:
    """Writes a new key, which only its owner can read.

    Raises:
        FileExistsError: if there is something already: what it made could not be turned back.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")


def read_key(path: Path, data_dir: Path | None = None) -> bytes:
    """A key from its file.

    Args:
        path: of the file.
        data_dir: of the service, in which it must not be.

    Raises:
        ValueError: if it is not there, is in the data directory, can be read by others or is none.
    """
    path = path.expanduser().absolute()
    if data_dir is not None and path.resolve().is_relative_to(data_dir.expanduser().resolve()):
        raise ValueError(
            f"{path} is in the data directory. Keep the key elsewhere: who has the data must not"
            " have the key."
        )
    try:
        status, text = path.stat(), path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"the key {path} can't be read. Make one: spanglass pseudonyms new-key {path}"
        ) from error
    if os.name == "posix" and status.st_mode & 0o077:
        raise ValueError(f"others can read the key {path}: chmod 600 {path}")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} is no key of pseudonyms: {2 * KEY_BYTES} hexadecimal digits")
    return key
