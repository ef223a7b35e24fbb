"""Who may come in: keys where there are some, else our own machine and no web page."""

import hmac
import re
from collections.abc import Mapping
from typing import Final

from spanglass_store.senders import key_of
from spanglass_store.state.keys import DEFAULT_PROJECT, LOCAL, Keys, Principal, Scope

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST: Final = re.compile(r"(\[[^]]*\]|[^:\[\]]*)(?::\d*)?")


class Denied(Exception):
    """The request may not come in.

    Attributes:
        status: 401 without a usable key, 403 with one that is for something else.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """Decides about every request of every door.

    Args:
        keys: the installation's keys.
        local_token: what commands on this machine present; an administrator.
    """

    def __init__(self, keys: Keys, local_token: str) -> None:
        self._keys = keys
        self._local_token = local_token

    def admit(self, headers: Mapping[str, str], scope: Scope | None) -> Principal:
        """Who asks, if they may.

        Args:
            headers: the request's, or gRPC's metadata; names in lower case.
            scope: what they want to do; None if that is asked later.

        Raises:
            Denied: if they may not.
        """
        secret = key_of(headers)
        if secret and hmac.compare_digest(secret.encode(), self._local_token.encode()):
            return LOCAL
        if not self._keys.configured():
            self._require_local(headers)
            return LOCAL
        if not secret:
            raise Denied(
                401,
                "A key is needed: send `Authorization: Bearer KEY`."
                f" `spanglass keys create --scope {scope or Scope.READ}` makes one.",
            )
        principal = self._keys.principal(secret)
        if principal is None:
            raise Denied(401, self._keys.refusal(secret))
        if scope is not None and not principal.may(scope):
            raise Denied(403, f"The key is for {principal.scope}; this takes one for {scope}.")
        return principal

    @staticmethod
    def _require_local(headers: Mapping[str, str]) -> None:
        """Refuses what a web page could have sent through somebody's browser (DNS rebinding)."""
        host = headers.get("host", "")
        if host and _name(host) not in _LOOPBACK:
            raise Denied(
                403,
                f"The host {host!r} is not this machine. Open the service as 127.0.0.1 or"
                " localhost, or create a key with `spanglass keys create`.",
            )
        origin = headers.get("origin", "")
        if origin and not (
            origin.startswith(("http://", "https://"))
            and _name(origin.split("//", 1)[1]) in _LOOPBACK
            and (not host or origin.split("//", 1)[1] == host)
        ):
            raise Denied(
                403, f"Requests from the web page {origin!r} are refused while there are no keys."
            )


def _name(host: str) -> str:
    """A host header without its port."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else host


__all__ = ["DEFAULT_PROJECT", "Denied", "Gate"]
