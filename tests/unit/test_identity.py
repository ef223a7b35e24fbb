"""What is believed of a provider of identities: tokens that are forged in every way."""

import base64
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from spanglass_alerts.delivery.outgoing import networks
from spanglass_collector.groups import read_groups
from spanglass_collector.identity import Provider, ProviderSettings
from spanglass_dashboards.signing import NotSignedIn
from spanglass_store.state.rights import Role

BACK = "http://127.0.0.1/api/v1/session/provider/callback"
KEY = b"k" * 32


class Forger:
    """A provider that answers whatever a test wants."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = [self.key.as_dict(private=False)]
        self.token = ""
        self.issuer = ""
        self.calls_itself = ""
        self.asked_for_keys = 0
        self.sent: list[dict[str, list[str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, document: Mapping[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.path == "/keys":
                    outer.asked_for_keys += 1
                    self.answer({"keys": outer.published})
                    return
                self.answer({
                    "issuer": outer.calls_itself or outer.issuer, "jwks_uri": f"{outer.issuer}/keys",
                    "authorization_endpoint": f"{outer.issuer}/authorize?tenant=1",
                    "token_endpoint": f"{outer.issuer}/token",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                })  # fmt: skip

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.sent.append(parse_qs(self.rfile.read(length).decode()))
                self.answer({"id_token": outer.token, "token_type": "Bearer"})

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def provider(self, **settings: Any) -> Provider:
        return Provider(
            ProviderSettings(
                self.issuer, "us", "secret", private_networks=networks("127.0.0.0/8"), **settings
            ),
            KEY,
        )

    def claims(self, nonce: str, /, **others: Any) -> dict[str, Any]:
        now = int(time.time())
        given = {
            "iss": self.issuer, "aud": "us", "sub": "person", "iat": now, "exp": now + 300,
            "nonce": nonce, **others,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    def sign(self, claims: dict[str, Any], key: Any = None, alg: str = "RS256") -> str:
        return jwt.encode({"alg": alg, "kid": "one"}, claims, key or self.key, algorithms=[alg])


@pytest.fixture
def forger() -> Iterator[Forger]:
    made = Forger()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _trip(provider: Provider) -> tuple[str, dict[str, str]]:
    sent = provider.send(BACK, "/traces")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.address).query).items()}
    return sent.kept, asked


def test_what_is_right_is_believed(forger: Forger) -> None:
    provider = forger.provider()
    kept, asked = _trip(provider)
    assert asked["tenant"] == "1", "what the provider's address brings along"
    assert asked["code_challenge_method"] == "S256"
    forger.token = forger.sign(forger.claims(asked["nonce"], preferred_username="ada"))
    arrived = provider.take_back(kept, BACK, {"code": "c", "state": asked["state"]})
    assert (arrived.subject, arrived.name) == (f"{forger.issuer} person", "ada")
    assert (arrived.page, arrived.roles) == ("/traces", None)
    (form,) = forger.sent
    assert (form["client_secret"], form["redirect_uri"]) == (["secret"], [BACK])
    assert len(form["code_verifier"][0]) >= 43, "as RFC 7636 wants it"


def _signed_with(secret: bytes, claims: dict[str, Any]) -> str:
    """A token that passes the provider's public key off as a secret that both know."""
    parts = ({"alg": "HS256", "kid": "one"}, claims)
    head = ".".join(_text64(json.dumps(part).encode()) for part in parts)
    return f"{head}.{_text64(hmac.digest(secret, head.encode(), 'sha256'))}"


def _text64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "http://evil.example"}, {"iss": None}, {"aud": "somebody"}, {"aud": None},
        {"aud": ["us", "them"], "azp": "them"}, {"exp": 1}, {"exp": None}, {"iat": None},
        {"iat": int(time.time()) + 100_000}, {"sub": None}, {"nonce": "another"}, {"nonce": None},
        {"nbf": int(time.time()) + 100_000},
    ],
)  # fmt: skip
def test_wrong_claims_are_not(forger: Forger, wrong: dict[str, Any]) -> None:
    provider = forger.provider()
    kept, asked = _trip(provider)
    forger.token = forger.sign(forger.claims(asked["nonce"], **wrong))
    with pytest.raises(NotSignedIn) as refused:
        provider.take_back(kept, BACK, {"code": "c", "state": asked["state"]})
    assert refused.value.why == "provider"


def test_wrong_signatures_are_not(forger: Forger) -> None:
    provider = forger.provider()
    kept, asked = _trip(provider)
    claims = forger.claims(asked["nonce"])
    confused = _signed_with(forger.key.as_pem(private=False), claims)
    nothing = _text64(b'{"alg":"none"}')
    whole = forger.sign(claims)
    for token in (
        forger.sign(claims, RSAKey.generate_key(2048, {"kid": "one"})),
        confused,
        f"{nothing}.{whole.split('.')[1]}.",
        whole[:-6] + "AAAAAA",
        "", "a.b.c", "x" * 10_000,
    ):  # fmt: skip
        forger.token = token
        with pytest.raises(NotSignedIn):
            provider.take_back(kept, BACK, {"code": "c", "state": asked["state"]})
    assert forger.asked_for_keys <= 2, "a forged token does not make us ask for keys each time"


def test_a_key_that_the_provider_has_since_a_moment_ago_counts(forger: Forger) -> None:
    provider = forger.provider()
    kept, asked = _trip(provider)
    forger.token = forger.sign(forger.claims(asked["nonce"]))
    said = {"code": "c", "state": asked["state"]}
    provider.take_back(kept, BACK, said)
    # As if it were later: keys may be asked for again.
    provider._keys = (provider._keys[0] - 60, provider._keys[1])
    forger.key = RSAKey.generate_key(2048, {"kid": "one"})
    forger.published = [forger.key.as_dict(private=False)]
    forger.token = forger.sign(forger.claims(asked["nonce"]))
    assert provider.take_back(kept, BACK, said).subject.endswith(" person")


def test_what_a_browser_kept_is_ours_and_young(forger: Forger) -> None:
    provider = forger.provider()
    kept, asked = _trip(provider)
    said = {"code": "c", "state": asked["state"]}
    old = jwt.encode({"alg": "HS256"}, {"state": asked["state"], "nonce": "n", "verifier": "v",
                     "page": "/", "exp": 1}, OctKey.import_key(KEY))  # fmt: skip
    forged = jwt.encode({"alg": "HS256"}, {"state": asked["state"], "exp": 1 << 40},
                        OctKey.import_key(b"x" * 32))  # fmt: skip
    for wrong in ("", "x", old, forged, kept[:-4] + "AAAA"):
        with pytest.raises(NotSignedIn) as refused:
            provider.take_back(wrong, BACK, said)
        assert refused.value.why == "expired"
    for state in ("", "x", "é"):
        with pytest.raises(NotSignedIn) as refused:
            provider.take_back(kept, BACK, said | {"state": state})
        assert refused.value.why == "expired"
    with pytest.raises(NotSignedIn, match="another provider"):
        provider.take_back(kept, BACK, said | {"iss": "http://evil.example"})


def test_a_provider_that_calls_itself_otherwise_is_none(forger: Forger) -> None:
    forger.calls_itself = "http://evil.example"
    with pytest.raises(NotSignedIn, match="to the letter"):
        forger.provider().send(BACK, "/")


def test_a_provider_in_a_private_network_has_to_be_allowed(forger: Forger) -> None:
    provider = Provider(ProviderSettings(forger.issuer, "us"), KEY)
    with pytest.raises(NotSignedIn, match="--oidc-private-networks"):
        provider.send(BACK, "/")


def test_groups_are_checked() -> None:
    found = read_groups({"a": {"*": "admin"}, "b": {"shop": "viewer"}})
    assert found == {"a": {"*": Role.ADMIN}, "b": {"shop": Role.VIEWER}}
    for wrong, said in (
        ({"a": "admin"}, "oidc_roles.a should be a table"),
        ({"a": {"shop": "root"}}, "choose from viewer, member, admin"),
        ({"a": {"no such name!": "viewer"}}, "oidc_roles.a:"),
    ):
        with pytest.raises(ValueError, match=said):
            read_groups(wrong)
