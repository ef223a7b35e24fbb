"""Requests to addresses that a setting names, by one rule against request forgery.

A name is resolved here, every address that it has is checked, and the connection goes to the one
that was checked: a name that resolves otherwise a moment later changes nothing. Private, loopback
and link-local addresses are refused but for the networks that the operator allows. Redirects are
not followed; proxies of the environment are not used.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpcore

from spanglass_store.errors import StoreError

#: Seconds for a connection, for each piece of an answer, and for all of it.
CONNECT_S: Final = 5.0
READ_S: Final = 10.0
WHOLE_S: Final = 30.0
#: Bytes of an answer that are read.
_MOST_ANSWER: Final = 64 << 10

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Refused(StoreError):
    """The address may not be reached; the message says which setting allows it."""


class Unreachable(StoreError):
    """Nobody answered as expected; a later try may get through."""


def networks(text: str) -> tuple[Network, ...]:
    """Networks from a list with commas.

    Raises:
        ValueError: if one is none.
    """
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise ValueError(f"{error}: write networks like 10.0.0.0/8,192.168.1.10/32") from None


@dataclass(frozen=True)
class Answer:
    """What a receiver said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """Sends requests within the rule.

    Args:
        allowed: networks that are private and may be reached all the same.
    """

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)
        self._tls = ssl.create_default_context()

    def resolve(self, host: str, port: int) -> str:
        """An address of a host that may be reached.

        Raises:
            Refused: if one of its addresses may not.
            Unreachable: if it has none.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"The name {host!r} can't be resolved: {error}.") from error
        addresses = [str(each[4][0]) for each in found]
        for text in addresses:
            self._check(host, text)
        return addresses[0]

    def _check(self, host: str, text: str) -> None:
        address = ipaddress.ip_address(text.partition("%")[0])
        # An IPv4 address in IPv6's clothes is what it is inside.
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        for each in (address, inner) if inner else (address,):
            inside = any(each.version == n.version and each in n for n in self._allowed)
            if not inside and (not each.is_global or each.is_multicast):
                raise Refused(
                    f"{host} is {each}, which is not a public address. If it is meant, allow its"
                    f" network: --alerts-private-networks {each}/{each.max_prefixlen}"
                )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST; the answer whatever its status.

        Raises:
            Refused: if the address may not be reached.
            Unreachable: if nobody answers in time, or no HTTP.
        """
        return self._request("POST", url, body, headers)

    def _request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        deadline = time.monotonic() + WHOLE_S
        times = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
        sent = [("User-Agent", "Spanglass"), *headers.items()]
        try:
            with (
                httpcore.ConnectionPool(
                    ssl_context=self._tls, network_backend=_Guarded(self), max_connections=1
                ) as pool,
                pool.stream(
                    method, url, headers=sent, content=body, extensions={"timeout": times}
                ) as response,
            ):
                said = b""
                for chunk in response.iter_stream():
                    said += chunk
                    if len(said) > _MOST_ANSWER or time.monotonic() > deadline:
                        break
                known = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                return Answer(response.status, known, said[:_MOST_ANSWER])
        except (Refused, Unreachable):
            raise
        except (httpcore.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise Refused(f"The address is none: {type(error).__name__}.") from error
        except httpcore.TimeoutException as error:
            raise Unreachable(f"No answer in time ({type(error).__name__}).") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            said_of = str(error) or type(error).__name__
            raise Unreachable(f"No answer that is HTTP: {said_of}.") from error

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to a host, for protocols other than HTTP."""
        return socket.create_connection((self.resolve(host, port), port), timeout)


class _Guarded(httpcore.NetworkBackend):
    """Connects to the address that was checked. TLS still asks for the name."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None,
        local_address: str | None = None, socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        address = self._outgoing.resolve(host, port)
        return self._backend.connect_tcp(address, port, timeout, local_address, socket_options)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise Refused(f"{path} is no address of a receiver.")

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)
