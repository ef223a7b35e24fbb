"""TLS of the doors: one certificate with its key, read once when the service starts."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from spanglass_store.errors import StoreError


@dataclass(frozen=True)
class Certificate:
    """A certificate that was read, and fits its key.

    Attributes:
        path: its file, with the chain behind it.
        key_path: of its private key.
        chain: the file's content.
        key: the key's.
    """

    path: Path
    key_path: Path
    chain: bytes
    key: bytes = field(repr=False)


def read_certificate(cert: str, key: str) -> Certificate | None:
    """The certificate of the settings; None where neither is set.

    Args:
        cert: file with the certificate and those that it was signed with, PEM.
        key: file with its private key, PEM, without a passphrase.

    Raises:
        StoreError: if one is missing, can't be read, or they do not fit each other.
    """
    if not cert and not key:
        return None
    if not cert or not key:
        given, other = ("--tls-cert", "--tls-key") if cert else ("--tls-key", "--tls-cert")
        raise StoreError(f"{given} is set and {other} is not: TLS takes both, or neither.")
    contents = []
    paths = [Path(each).expanduser().absolute() for each in (cert, key)]
    for flag, path in zip(("--tls-cert", "--tls-key"), paths, strict=True):
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            raise StoreError(f"{flag} {path} can't be read: {error.strerror}.") from error
    chain, secret = contents
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        raise StoreError(
            f"--tls-cert {paths[0]} has no certificate in it: PEM is expected, which begins with"
            " -----BEGIN CERTIFICATE-----."
        )
    if b"PRIVATE KEY-----" not in secret:
        raise StoreError(
            f"--tls-key {paths[1]} has no private key in it: PEM is expected, which begins with"
            " -----BEGIN PRIVATE KEY-----."
        )
    if b"ENCRYPTED" in secret:
        raise StoreError(
            f"--tls-key {paths[1]} has a passphrase. Take it off (`openssl pkey -in KEY -out KEY2`)"
            " and give the file to the service's user alone."
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(paths[0], paths[1], _no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise StoreError(
                f"The key {paths[1]} is not that of the certificate {paths[0]}."
            ) from error
        raise StoreError(
            f"{paths[0]} and {paths[1]} can't be used for TLS: {error.reason or error}."
        ) from error
    return Certificate(paths[0], paths[1], chain, secret)


def own_context(path: Path) -> ssl.SSLContext:
    """For commands on the service's own machine: trusts that certificate and no other.

    The name in it is not looked at: it is for others, and this goes to 127.0.0.1.

    Raises:
        StoreError: if it can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The file need not have who signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise StoreError(f"The service's certificate {path} can't be read: {error}.") from error
    return context


def _no_passphrase() -> str:
    """Instead of asking the terminal for one."""
    return ""
