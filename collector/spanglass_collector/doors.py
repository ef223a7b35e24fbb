"""Sockets for the addresses that a service listens on."""

import socket

from spanglass_collector.settings import join_address, split_address
from spanglass_store.errors import StoreError


def open_door(name: str, address: str) -> socket.socket:
    """A socket that is bound to an address and does not listen yet.

    Args:
        name: the setting that the address is from.
        address: `HOST:PORT`.

    Raises:
        StoreError: if it can't be had; the message names the flag.
    """
    host, port = split_address(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(place)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        raise taken(name, address, getattr(error, "strerror", None) or str(error)) from error
    return bound


def taken(name: str, address: str, why: str) -> StoreError:
    """What to say of an address that can't be had."""
    return StoreError(
        f"Can't listen on {address}: {why}. Stop what uses the port, or choose another with"
        f" --{name.replace('_', '-')}."
    )


def address_of(bound: socket.socket, asked: str) -> str:
    """Where a socket is, by the name that was asked for."""
    return join_address(split_address(asked)[0], bound.getsockname()[1])
