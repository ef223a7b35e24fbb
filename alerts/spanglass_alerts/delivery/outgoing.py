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
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Addresses of IPv6 that are given to networks at all (RFC 4291, IANA): others lead nowhere, or
#: carry an IPv4 address in a form that is not looked into.
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: IPv4 behind a translator (RFC 6052).
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")


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
        setting: what allows them, for messages.
    """

    def __init__(
        self, allowed: Sequence[Network] = (), setting: str = "--alerts-private-networks"
    ) -> None:
        self._allowed = tuple(allowed)
        self._setting = setting
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
        for each in _meant(address):
            inside = any(each.version == n.version and each in n for n in self._allowed)
            if not inside and not _is_public(each):
                raise Refused(
                    f"{host} is {each}, which is not a public address. If it is meant, allow its"
                    f" network: {self._setting} {each}/{each.max_prefixlen}"
                )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST; the answer whatever its status.

        Raises:
            Refused: if the address may not be reached.
            Unreachable: if nobody answers in time, or no HTTP.
        """
        return self._request("POST", url, body, headers)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One GET; the answer whatever its status.

        Raises:
            Refused: if the address may not be reached.
            Unreachable: if nobody answers in time, or no HTTP.
        """
        return self._request("GET", url, None, headers)

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        deadline = time.monotonic() + WHOLE_S
        times = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
        sent = [("User-Agent", "Spanglass"), *headers.items()]
        try:
            with (
                httpcore.ConnectionPool(
                    ssl_context=self._tls, network_backend=_Guarded(self, deadline),
                    max_connections=1,
                ) as pool,
                pool.stream(
                    method, url, headers=sent, content=body, extensions={"timeout": times}
                ) as response,
            ):  # fmt: skip
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
        except httpcore.LocalProtocolError as error:
            # Its text quotes the header, which can be a secret.
            raise Refused("A header has characters that HTTP does not carry.") from error
        except httpcore.TimeoutException as error:
            raise Unreachable(f"No answer in time ({type(error).__name__}).") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            said_of = str(error) or type(error).__name__
            raise Unreachable(f"No answer that is HTTP: {said_of}.") from error

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to a host, for protocols other than HTTP."""
        return socket.create_connection((self.resolve(host, port), port), timeout)


def _meant(address: Address) -> tuple[Address, ...]:
    """The address, or the IPv4 address in its clothes; both where both are routed."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address in _TRANSLATED:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    return (address, address.sixtofour) if address.sixtofour is not None else (address,)


def _is_public(address: Address) -> bool:
    is_unicast = isinstance(address, ipaddress.IPv4Address) or address in _UNICAST
    return is_unicast and address.is_global and not address.is_multicast


class _Guarded(httpcore.NetworkBackend):
    """Connects to the address that was checked. TLS still asks for the name."""

    def __init__(self, outgoing: Outgoing, deadline: float) -> None:
        self._outgoing = outgoing
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None,
        local_address: str | None = None, socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        address = self._outgoing.resolve(host, port)
        stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
        return _Timed(stream, self._deadline)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise Refused(f"{path} is no address of a receiver.")

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Timed(httpcore.NetworkStream):
    """A connection that ends in time, however slowly the other side goes on."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"longer than {WHOLE_S:.0f} s")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        secured = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
