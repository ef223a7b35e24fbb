"""Signing in with a provider of identities: OpenID Connect's authorization code flow, with PKCE.

What has to be remembered while somebody is at the provider goes into a signed cookie of their own
browser, so that any collector of an installation can take them back.

Sources: OpenID Connect Core 1.0, section 3.1, and Discovery 1.0; RFC 7636 (PKCE); RFC 9207.
"""

import base64
import hashlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from spanglass_alerts.delivery.outgoing import Outgoing, Refused, Unreachable
from spanglass_dashboards.signing import Arrived, NotSignedIn, Sent
from spanglass_store.errors import StoreError
from spanglass_store.state.rights import Role

try:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet, OctKey
except ImportError:  # The extra `oidc` is not installed: `Provider` says so.
    jwt = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

#: Signatures that are taken: those that need the provider's private key.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
#: How long somebody may take at the provider, in seconds.
AWAY_S: Final = 600
#: How far the provider's clock may be from ours, in seconds.
_LEEWAY_S: Final = 60
#: How long the provider's addresses and keys are believed; keys are asked for again at once when
#: one is not among them, but not more often than the second.
_KNOWN_S: Final = 3600.0
_ASKED_S: Final = 10.0
_OURS: Final = "HS256"


@dataclass(frozen=True)
class ProviderSettings:
    """Who vouches for people, and what they are here.

    Attributes:
        issuer: the provider's address.
        client_id: what this installation is called there.
        client_secret: what it proves that with; empty for a public client.
        name: what people call the provider.
        scopes: what is asked for, with blanks.
        roles_claim: the claim that says which groups somebody is in.
        roles: what members of a group are, by project; empty leaves roles to the page Members.
        private_networks: that are not public and may be reached all the same.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = "single sign-on"
    scopes: str = "openid profile email"
    roles_claim: str = "groups"
    roles: Mapping[str, Mapping[str, Role]] = field(default_factory=dict)
    private_networks: tuple[Any, ...] = ()


class Provider:
    """One provider. Safe to share between threads.

    Args:
        settings: who it is.
        key: what our own cookies are signed with, 32 bytes.

    Raises:
        StoreError: if the extra `oidc` is not installed.
    """

    def __init__(self, settings: ProviderSettings, key: bytes) -> None:
        if jwt is None:
            raise StoreError(
                "--oidc-issuer needs the extra oidc: pip install 'spanglass[collector,oidc]'"
            )
        self._settings = settings
        self._key = OctKey.import_key(key)
        self._outgoing = Outgoing(settings.private_networks, "--oidc-private-networks")
        self._lock = threading.Lock()
        self._places: tuple[float, dict[str, Any]] = (-_KNOWN_S, {})
        self._keys: tuple[float, Any] = (-_KNOWN_S, None)

    @property
    def name(self) -> str:
        """What people call it."""
        return self._settings.name

    def send(self, back: str, page: str) -> Sent:
        """Where somebody is sent to sign in, and what their browser keeps meanwhile.

        Args:
            back: the address of ours that the provider sends them to.
            page: where they want to be in the end.

        Raises:
            NotSignedIn: if the provider can't be asked.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "response_type": "code", "client_id": self._settings.client_id, "redirect_uri": back,
            "scope": self._settings.scopes, "state": state, "nonce": nonce,
            "code_challenge": challenge.rstrip(b"=").decode(), "code_challenge_method": "S256",
        }  # fmt: skip
        claims = {
            "state": state, "nonce": nonce, "verifier": verifier, "page": page,
            "exp": int(time.time()) + AWAY_S,
        }  # fmt: skip
        where = self._place("authorization_endpoint")
        address = f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"
        return Sent(address, jwt.encode({"alg": _OURS}, claims, self._key), AWAY_S)

    def take_back(self, kept: str, back: str, said: Mapping[str, str]) -> Arrived:
        """Who somebody is that comes back from the provider.

        Args:
            kept: what their browser kept.
            back: as it was for `send`.
            said: parameters of the address that they were sent back to.

        Raises:
            NotSignedIn: if they are not signed in there, or it can't be believed.
        """
        trip = self._trip(kept)
        if not secrets.compare_digest(trip["state"].encode(), said.get("state", "").encode()):
            raise NotSignedIn("expired", "the state is not that of this browser")
        if said.get("iss", self._settings.issuer) != self._settings.issuer:
            raise NotSignedIn("provider", "another provider answered")
        if error := said.get("error"):
            why = "denied" if error in ("access_denied", "consent_required") else "provider"
            raise NotSignedIn(why, f"the provider said {error[:100]}")
        claims = self._exchange(said.get("code", ""), back, trip["verifier"])
        if claims.get("nonce") != trip["nonce"]:
            raise NotSignedIn("provider", "the identity token is of another sign-in")
        return Arrived(
            subject=f"{self._settings.issuer} {claims['sub']}",
            name=_called(claims),
            page=trip["page"],
            roles=self._roles(claims),
        )

    def _trip(self, kept: str) -> dict[str, str]:
        try:
            token = jwt.decode(kept, self._key, algorithms=[_OURS])
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(token.claims)
        except (JoseError, ValueError) as error:
            raise NotSignedIn("expired", "this browser did not keep what it was given") from error
        return {str(name): str(value) for name, value in token.claims.items()}

    def _exchange(self, code: str, back: str, verifier: str) -> dict[str, Any]:
        """The claims of the identity token that the provider gives for a code."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back,
            "code_verifier": verifier, "client_id": self._settings.client_id,
        }  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._settings.client_secret:
            methods = self._discovered().get("token_endpoint_auth_methods_supported") or [
                "client_secret_basic"
            ]
            if "client_secret_basic" in methods:
                # Each is encoded by itself first (RFC 6749, section 2.3.1).
                pair = (self._settings.client_id, self._settings.client_secret)
                basic = base64.b64encode(":".join(map(quote_plus, pair)).encode()).decode()
                headers["Authorization"] = f"Basic {basic}"
            else:
                form["client_secret"] = self._settings.client_secret
        answer = self._json(self._place("token_endpoint"), urlencode(form).encode(), headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotSignedIn("provider", "the provider gave no identity token")
        return self._believed(token)

    def _believed(self, token: str) -> dict[str, Any]:
        """The claims of an identity token that the provider signed for us, and not long ago."""
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        problem: Exception | None = None
        for fresh in (False, True):
            try:
                found = jwt.decode(token, self._key_set(fresh), algorithms=list(_ALGORITHMS))
                rules.validate(found.claims)
            except (JoseError, ValueError) as error:
                # It may be signed with a key that the provider has since yesterday.
                problem = error
                continue
            claims = dict(found.claims)
            if claims.get("azp", self._settings.client_id) != self._settings.client_id:
                raise NotSignedIn("provider", "the identity token is for another party")
            return claims
        raise NotSignedIn("provider", f"the identity token can't be believed: {problem}")

    def _roles(self, claims: Mapping[str, Any]) -> dict[str, Role] | None:
        """What somebody is by their groups; None where the provider does not say."""
        if not self._settings.roles:
            return None
        groups = claims.get(self._settings.roles_claim) or ()
        if isinstance(groups, str):
            groups = groups.split()
        found: dict[str, Role] = {}
        for group in groups:
            for project, role in self._settings.roles.get(str(group), {}).items():
                held = found.get(project)
                found[project] = role if held is None else max(held, role, key=list(Role).index)
        return found

    # -- what the provider says of itself ----------------------------------------------------

    def _place(self, name: str) -> str:
        place = self._discovered().get(name)
        if not isinstance(place, str) or urlsplit(place).scheme not in ("http", "https"):
            raise NotSignedIn("provider", f"the provider names no {name}")
        return place

    def _discovered(self) -> dict[str, Any]:
        with self._lock:
            at, places = self._places
            if time.monotonic() - at < _KNOWN_S:
                return places
            issuer = self._settings.issuer
            places = self._json(issuer.rstrip("/") + "/.well-known/openid-configuration")
            if places.get("issuer") != issuer:
                raise NotSignedIn(
                    "provider",
                    f"the provider calls itself {str(places.get('issuer'))[:200]!r}:"
                    " --oidc-issuer has to be the same, to the letter",
                )
            self._places = (time.monotonic(), places)
            return places

    def _key_set(self, fresh: bool) -> Any:
        where = self._place("jwks_uri")
        with self._lock:
            at, keys = self._keys
            age = time.monotonic() - at
            if keys is None or age > (_ASKED_S if fresh else _KNOWN_S):
                try:
                    keys = KeySet.import_key_set(self._json(where))  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError) as error:
                    raise NotSignedIn("provider", f"the provider's keys: {error}") from error
                self._keys = (time.monotonic(), keys)
            return keys

    def _json(
        self, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        wanted = {"Accept": "application/json", **(headers or {})}
        try:
            if body is None:
                answer = self._outgoing.get(url, wanted)
            else:
                answer = self._outgoing.post(url, body, wanted)
        except (Refused, Unreachable) as error:
            raise NotSignedIn("provider", str(error)) from error
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise NotSignedIn("provider", f"{url} answered {answer.status}, no JSON") from error
        if answer.status != 200 or not isinstance(found, dict):
            said = found.get("error", "") if isinstance(found, dict) else ""
            raise NotSignedIn("provider", f"{url} answered {answer.status} {str(said)[:100]}")
        return found


def _called(claims: Mapping[str, Any]) -> str:
    """What somebody would be called here: their name there, or their address if it is theirs."""
    if isinstance(name := claims.get("preferred_username"), str) and name:
        return name
    if isinstance(mail := claims.get("email"), str) and claims.get("email_verified", True):
        return mail
    return str(claims["sub"])
