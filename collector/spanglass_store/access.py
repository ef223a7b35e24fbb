"""Who may come in: keys and people where there are some, else our own machine and no web page."""

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Final

from spanglass_store.senders import key_of
from spanglass_store.state.keys import DEFAULT_PROJECT, LOCAL, Keys, Principal
from spanglass_store.state.rights import KEY_RIGHTS, ROLE_RIGHTS, Right, Scope
from spanglass_store.state.sessions import Sessions

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST: Final = re.compile(r"(\[[^]]*\]|[^:\[\]]*)(?::\d*)?")
#: Methods that change nothing.
READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: What the cookie of a session is called; the first over TLS, where no other host or port can
#: have set it (RFC 6265bis, section 4.1.3.2).
COOKIES: Final = ("__Host-spanglass", "spanglass")


class Denied(Exception):
    """The request may not come in.

    Attributes:
        status: 401 without a usable key or session, 403 with one that is for something else.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """Decides about every request of every door.

    Args:
        keys: the installation's keys.
        local_token: what commands on this machine present; an administrator.
        sessions: people who are signed in.
        has_people: whether people can sign in.
        public_url: where the pages are for people, if a proxy gives them another address.
    """

    def __init__(
        self,
        keys: Keys,
        local_token: str,
        sessions: Sessions | None = None,
        has_people: Callable[[], bool] = lambda: False,
        public_url: str = "",
    ) -> None:
        self._keys = keys
        self._local_token = local_token
        self._sessions = sessions
        self._has_people = has_people
        self._public_origin = "/".join(public_url.split("/", 3)[:3]).lower()

    def is_open(self) -> bool:
        """Whether this machine needs no key: there are neither keys nor people."""
        return not (self._keys.configured() or self._has_people())

    def admit(
        self, headers: Mapping[str, str], right: Right | Scope | None, method: str = ""
    ) -> Principal:
        """Who asks, with those projects in which they may do that.

        Args:
            headers: the request's, or gRPC's metadata; names in lower case.
            right: what they want to do; None if that is asked later.
            method: the request's, where a session's cookie is taken in the place of a key.

        Raises:
            Denied: if they may not.
        """
        return allowed(self.identify(headers, method, right), right)

    def identify(
        self, headers: Mapping[str, str], method: str = "", right: Right | Scope | None = None
    ) -> Principal:
        """Who asks, whatever they want; arguments as of `admit`.

        Raises:
            Denied: if nobody knows them.
        """
        secret = key_of(headers)
        if secret and hmac.compare_digest(secret.encode(), self._local_token.encode()):
            return LOCAL
        principal = self._keys.principal(secret) if secret else None
        # The first key counts at once, also while others on this machine still need none.
        if principal is None and self.is_open():
            self._require_local(headers)
            return LOCAL
        if secret:
            if principal is None:
                raise Denied(401, self._keys.refusal(secret))
            return principal
        cookie = cookie_of(headers) if method and self._sessions is not None else ""
        if cookie and self._sessions is not None:
            self.require_own_page(headers, method)
            person = self._sessions.principal(cookie)
            if person is None:
                raise Denied(401, "Your session has ended. Sign in again.")
            return person
        scope = next((each for each in Scope if right in KEY_RIGHTS[each]), Scope.READ)
        raise Denied(
            401,
            "A key is needed: send `Authorization: Bearer KEY`."
            f" `spanglass keys create --scope {scope}` makes one.",
        )

    def require_own_page(self, headers: Mapping[str, str], method: str) -> None:
        """Refuses what another page sends through the browser of somebody who is signed in.

        Source: OWASP, "Cross-Site Request Forgery Prevention", verifying origin.

        Raises:
            Denied: if the request is another page's, or a change and does not say whose.
        """
        origin = headers.get("origin", "").lower()
        if origin:
            own = headers.get("host", "").lower()
            if (own and origin.partition("://")[2] == own) or origin == self._public_origin:
                return
            raise Denied(
                403,
                f"Requests from the web page {origin!r} are refused. Behind a proxy, start the"
                " service with --public-url and the address that people open.",
            )
        if method not in READS and headers.get("sec-fetch-site") != "same-origin":
            raise Denied(
                403, "A change by a session's cookie has to name its page: `Origin` is missing."
            )

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


def allowed(principal: Principal, right: Right | Scope | None) -> Principal:
    """Somebody, with those projects in which they may do that.

    Raises:
        Denied: if they may not in any.
    """
    if right is None:
        return principal
    narrowed = principal.narrowed(Right(right))
    if narrowed is not None:
        return narrowed
    if not principal.is_account:
        scope = next(each for each in Scope if right in KEY_RIGHTS[each])
        raise Denied(403, f"The key is for {principal.scope}; this takes one for {scope}.")
    if not principal.roles:
        raise Denied(403, "Your account has no role in any project yet. Ask an administrator.")
    role = next((each for each in ROLE_RIGHTS if right in ROLE_RIGHTS[each]), None)
    needed = f"the role {role} in a project" if role else "an administrator of all projects"
    raise Denied(403, f"Your account may not do that: it takes {needed}.")


def cookie_of(headers: Mapping[str, str]) -> str:
    """The secret in the cookie of a session; empty without one."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value.strip('"'))
    return next((found[name] for name in COOKIES if found.get(name)), "")


def _name(host: str) -> str:
    """A host header without its port."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else host


__all__ = ["COOKIES", "DEFAULT_PROJECT", "READS", "Denied", "Gate", "allowed", "cookie_of"]
