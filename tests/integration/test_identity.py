"""Signing in with a provider of identities, a real one on this machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread

from support.running import RunningService

GROUPS = {"llm-admins": {"*": "admin"}, "shop": {"shop": "member"}, "readers": {"shop": "viewer"}}


@dataclass
class Guests:
    """A service, and the provider that it trusts."""

    service: RunningService
    issuer: str

    def leave(self, browser: httpx.Client, page: str = "/") -> str:
        """Where the service sends a browser."""
        answer = browser.get("/api/v1/session/provider", params={"page": page})
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{self.issuer}/oauth2/authorize?")
        assert "scope=openid+profile+email+teams&" in answer.headers["location"] + "&"
        return answer.headers["location"]

    def agree(self, address: str, person: str, action: str = "") -> str:
        """Where the provider sends somebody back who signs in there."""
        answer = httpx.post(address, data={"action": action} if action else {"sub": person})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.service.web, headers={"origin": self.service.web})

    def come(self, person: str, page: str = "/") -> tuple[httpx.Client, httpx.Response]:
        browser = self.browser()
        return browser, browser.get(self.agree(self.leave(browser, page), person))


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    people = [
        User(sub="1", claims={"preferred_username": "Ada", "teams": ["llm-admins"]}),
        User(sub="2", claims={"preferred_username": "mia", "teams": ["shop", "readers", "x"]}),
        User(sub="3", claims={"email": "vic@example.org", "teams": "readers"}),
        User(sub="4", claims={"preferred_username": "nobody", "teams": []}),
        User(sub="5", claims={"preferred_username": "lou", "teams": ["llm-admins"]}),
    ]
    with run_server_in_thread(user_claims=people, require_nonce=True) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        flags = (
            "--oidc-issuer", issuer, "--oidc-client-id", "spanglass", "--oidc-name", "Example ID",
            "--oidc-private-networks", "127.0.0.0/8,::1/128", "--oidc-roles", json.dumps(GROUPS),
            "--oidc-roles-claim", "teams", "--oidc-scopes", "openid profile email teams",
        )  # fmt: skip
        env = {"SPANGLASS_OIDC_CLIENT_SECRET": "s3cret&=%"}
        with RunningService(tmp_path_factory.mktemp("guests") / "data", *flags, env=env) as service:
            yield Guests(service, issuer)


def test_the_service_wants_a_sign_in_from_the_start(guests: Guests) -> None:
    """Though there is neither a key nor an account yet."""
    info = httpx.get(f"{guests.service.web}/api/v1/session").json()
    assert (info["key_needed"], info["signed_in"]) == (True, False)
    assert info["ways"] == {"accounts": False, "provider": "Example ID"}
    assert httpx.get(f"{guests.service.web}/api/v1/traces").status_code == 401


def test_somebody_signs_in_and_is_what_their_groups_say(guests: Guests) -> None:
    browser, answer = guests.come("2", "/traces?range=1h")
    assert (answer.status_code, answer.headers["location"]) == (302, "/traces?range=1h")
    cookies = answer.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith("spanglass="))
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in session
    info = browser.get("/api/v1/session").json()
    assert info["account"] == "mia"
    assert info["roles"] == [{"project": "shop", "role": "member"}], "the most of their groups"
    assert browser.get("/api/v1/traces").status_code == 200
    assert browser.get("/api/v1/keys").status_code == 403
    admin, _ = guests.come("1")
    assert admin.get("/api/v1/keys").status_code == 200
    listed = {each["name"]: each for each in admin.get("/api/v1/accounts").json()["items"]}
    assert listed["ada"]["is_external"] is True
    opened = guests.service.get("/api/v1/audit", action="session.open")["items"]
    assert {"ada", "mia"} <= {each["actor"] for each in opened}
    # They have no password, so none can be guessed or set.
    refused = browser.post("/api/v1/session", json={"name": "mia", "password": ""})
    assert refused.status_code in (401, 422)
    vic, _ = guests.come("3")
    assert vic.get("/api/v1/session").json()["roles"] == [{"project": "shop", "role": "viewer"}]
    nobody, _ = guests.come("4")
    assert nobody.get("/api/v1/session").json()["rights"] == []
    assert nobody.get("/api/v1/traces").status_code == 403


def test_groups_that_are_lost_are_lost_here(guests: Guests) -> None:
    browser, _ = guests.come("5")
    assert browser.get("/api/v1/keys").status_code == 200
    claims = {"preferred_username": "renamed", "teams": ["readers"]}
    assert httpx.put(f"{guests.issuer}/users/5", json=claims).status_code == 204
    again, _ = guests.come("5")
    info = again.get("/api/v1/session").json()
    assert info["account"] == "lou", "known again by who they are, not by what they are called"
    assert info["roles"] == [{"project": "shop", "role": "viewer"}]
    assert browser.get("/api/v1/keys").status_code == 403, "in every browser"


def test_a_name_of_somebody_else_is_not_taken_over(guests: Guests) -> None:
    account = {"name": "kim", "password": "correct horse battery", "role": "admin", "project": "*"}
    assert guests.service.api("POST", "/api/v1/accounts", json=account).status_code == 201
    claims = {"preferred_username": "KIM", "teams": ["readers"]}
    assert httpx.put(f"{guests.issuer}/users/6", json=claims).status_code == 204
    browser, _ = guests.come("6")
    info = browser.get("/api/v1/session").json()
    assert info["account"].startswith("kim-")
    assert info["roles"] == [{"project": "shop", "role": "viewer"}]


def test_who_is_disabled_does_not_get_in(guests: Guests) -> None:
    claims = {"preferred_username": "gone", "teams": ["readers"]}
    httpx.put(f"{guests.issuer}/users/7", json=claims)
    guests.come("7")
    body = {"disabled": True}
    changed = guests.service.api("PATCH", "/api/v1/accounts/gone", json=body)
    assert changed.status_code == 200, changed.text
    browser, answer = guests.come("7")
    assert answer.headers["location"] == "/?refused=disabled"
    assert browser.get("/api/v1/session").json()["signed_in"] is False


def test_only_the_browser_that_left_can_come_back(guests: Guests) -> None:
    mine, theirs = guests.browser(), guests.browser()
    way_back = guests.agree(guests.leave(mine), "2")
    guests.leave(theirs)
    for browser in (theirs, guests.browser()):
        answer = browser.get(way_back)
        assert answer.headers["location"] == "/?refused=expired"
        assert "spanglass" not in browser.cookies
    assert mine.get(way_back).headers["location"] == "/"
    assert mine.get(way_back).headers["location"].startswith("/?refused="), "once"


def test_who_does_not_agree_is_told_so(guests: Guests) -> None:
    browser = guests.browser()
    asked = parse_qs(urlsplit(guests.leave(browser)).query)
    said = {"error": "access_denied", "state": asked["state"][0]}
    answer = browser.get("/api/v1/session/provider/callback", params=said)
    assert answer.headers["location"] == "/?refused=denied"


@pytest.mark.parametrize(
    "page", ["//evil.example/x", "/\\evil.example", "https://evil.example", "javascript:x", "/\n/x"]
)
def test_nobody_is_sent_elsewhere_afterwards(guests: Guests, page: str) -> None:
    _, answer = guests.come("2", page)
    assert answer.headers["location"] == "/"


def test_a_code_of_the_provider_is_worth_nothing_without_the_verifier(guests: Guests) -> None:
    """A code that somebody else got hold of opens no session here."""
    mine, theirs = guests.browser(), guests.browser()
    code = parse_qs(urlsplit(guests.agree(guests.leave(mine), "1")).query)["code"][0]
    state = parse_qs(urlsplit(guests.leave(theirs)).query)["state"][0]
    said = {"code": code, "state": state}
    answer = theirs.get("/api/v1/session/provider/callback", params=said)
    assert answer.headers["location"] == "/?refused=provider"
    assert "spanglass" not in theirs.cookies
