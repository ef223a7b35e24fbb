"""Signing in and out of a running service, and what people may do in it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from spanglass_dashboards.attempts import OF_BOTH
from spanglass_store.state.accounts import SessionRow
from spanglass_store.state.database import Database
from support.running import RunningService
from support.waiting import wait_until

PASSWORD = "correct horse battery"


class People:
    """A service with accounts, and browsers of those who are signed in."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.ours = {"origin": service.web}

    def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.service.web}/api/v1/session",
            json={"name": name, "password": password},
            headers={**self.ours, **headers},
        )

    @contextmanager
    def browser(self, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
        """One in which somebody is signed in."""
        with httpx.Client(base_url=self.service.web, headers=self.ours) as browser:
            answer = browser.post("/api/v1/session", json={"name": name, "password": password})
            assert answer.status_code == 200, answer.text
            yield browser


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    own = {"SPANGLASS_SESSION_HOURS": "5"}
    with RunningService(tmp_path_factory.mktemp("people") / "data", env=own) as service:
        here = People(service)
        # Over loopback without keys, the first account is made by whoever is here.
        refused = service.api(
            "POST", "/api/v1/accounts", "", json=_account("bob", "viewer", "shop")
        )
        assert refused.status_code == 400
        assert "The first account" in refused.json()["detail"]
        first = service.api("POST", "/api/v1/accounts", "", json=_account("ada", "admin", "*"))
        assert first.status_code == 201, first.text
        assert PASSWORD not in first.text
        for name, role, project in (
            ("max", "admin", "shop"), ("mia", "member", "shop"), ("vic", "viewer", "shop"),
        ):  # fmt: skip
            body = _account(name, role, project)
            assert service.api("POST", "/api/v1/accounts", json=body).status_code == 201
        yield here


def _account(name: str, role: str, project: str) -> dict[str, Any]:
    return {"name": name, "password": PASSWORD, "role": role, "project": project}


def test_signing_in_and_out(people: People) -> None:
    nobody = httpx.get(f"{people.service.web}/api/v1/session").json()
    assert (nobody["signed_in"], nobody["key_needed"]) == (False, True)
    assert nobody["ways"] == {"accounts": True, "provider": ""}
    answer = people.sign_in("Mia")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    database = Database(f"sqlite:///{people.service.data_dir / 'state.sqlite3'}")
    with closing(database), database.transaction() as session:
        rows = session.scalars(select(SessionRow).where(SessionRow.account == "mia")).all()
        assert {row.expires_at - row.created_at for row in rows} == {timedelta(hours=5)}
    info = answer.json()
    assert (info["account"], info["scope"], info["projects"]) == ("mia", "read", ["shop"])
    assert info["roles"] == [{"project": "shop", "role": "member"}]
    assert "edit" in info["rights"]
    assert "manage" not in info["rights"]
    with people.browser("mia") as browser:
        assert browser.get("/api/v1/traces").status_code == 200
        assert browser.get("/api/v1/keys").status_code == 403
        secret = browser.cookies["spanglass"]
        assert browser.delete("/api/v1/session").status_code == 204
        assert "spanglass" not in browser.cookies
        browser.cookies.set("spanglass", secret)
        assert browser.get("/api/v1/traces").status_code == 401, "the cookie is worth nothing now"
        assert browser.get("/api/v1/session").json()["signed_in"] is False


def test_another_page_can_do_nothing_in_ones_name(people: People) -> None:
    with people.browser("mia") as browser:
        view = {"name": "of another page", "page": "/traces", "search": ""}
        for origin in ("https://evil.example", "null", people.service.web + "0"):
            made = browser.post("/api/v1/views", json=view, headers={"origin": origin})
            assert made.status_code == 403
            assert browser.get("/api/v1/traces", headers={"origin": origin}).status_code == 403
        del browser.headers["origin"]
        assert browser.post("/api/v1/views", json=view).status_code == 403
        assert browser.delete("/api/v1/session").status_code == 403
        assert browser.get("/api/v1/views").json()["items"] == []
    assert people.sign_in("mia", origin="https://evil.example").status_code == 403
    # Nor is a cookie taken where telemetry is.
    secret = people.sign_in("ada").cookies["spanglass"]
    sent = people.service.post(b"", cookie=f"spanglass={secret}", origin=people.service.web)
    assert sent.status_code == 401


def test_wrong_passwords(people: People) -> None:
    """Both get the same answer, and after a few none at all; another name still may."""
    for name in ("vic", "nobody.has.this.name"):
        answers = [people.sign_in(name, "not the password") for _ in range(OF_BOTH.burst)]
        assert {each.status_code for each in answers} == {401}
        assert {each.json()["detail"] for each in answers} == {"Name or password is wrong."}
        late = people.sign_in(name)
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) >= 1
    assert people.sign_in("mia").status_code == 200
    found = people.service.get("/api/v1/audit", action="session.refused")["items"]
    assert {each["actor"] for each in found} == {"vic", "unknown"}
    for body in (
        {},
        {"name": "mia"},
        {"name": "mia", "password": ""},
        {"name": [], "password": {}},
    ):
        answer = httpx.post(f"{people.service.web}/api/v1/session", json=body)
        assert answer.status_code == 422
    large = httpx.post(f"{people.service.web}/api/v1/session", content=b"x" * (300 << 10))
    assert large.status_code == 413


def test_members_are_managed_by_administrators_of_the_project(people: People) -> None:
    roles = "/api/v1/accounts/{}/roles/{}"
    with people.browser("max") as browser:
        seen = {
            each["name"]: each["roles"] for each in browser.get("/api/v1/accounts").json()["items"]
        }
        assert set(seen) == {"max", "mia", "vic"}
        done = browser.put(roles.format("vic", "shop"), json={"role": "member"})
        assert done.json()["roles"] == {"shop": "member"}
        assert browser.put(roles.format("vic", "shop"), json={"role": "viewer"}).status_code == 200
        for project in ("other", "*"):
            wrong = browser.put(roles.format("max", project), json={"role": "admin"})
            assert wrong.status_code == 403, "nobody makes themselves more than they are"
            assert browser.delete(roles.format("ada", project)).status_code == 403
        assert browser.put(roles.format("none", "shop"), json={"role": "viewer"}).status_code == 404
        assert browser.put(roles.format("vic", "shop"), json={"role": "king"}).status_code == 422
        assert (
            browser.post("/api/v1/accounts", json=_account("eve", "viewer", "shop")).status_code
            == 403
        )
        assert browser.patch("/api/v1/accounts/ada", json={"disabled": True}).status_code == 403
    with people.browser("mia") as browser:
        assert browser.get("/api/v1/accounts").status_code == 403
        assert browser.put(roles.format("mia", "shop"), json={"role": "admin"}).status_code == 403


def test_an_account_that_is_disabled_is_out_at_once(people: People) -> None:
    made = people.service.cli(
        "accounts", "create", "tom", "--project", "shop", "--no-payload", stdin=PASSWORD + "\n"
    )
    assert made.returncode == 0, made.stderr
    assert PASSWORD.encode() not in made.stdout + made.stderr
    with people.browser("tom") as browser:
        assert browser.get("/api/v1/session").json()["payload"] is False
        off = people.service.api("PATCH", "/api/v1/accounts/tom", json={"disabled": True})
        assert off.json()["disabled_at"]
        assert browser.get("/api/v1/traces").status_code == 401
    assert people.sign_in("tom").status_code == 401
    assert people.service.cli("accounts", "enable", "tom").returncode == 0
    given = people.service.cli("accounts", "reset-password", "tom", "--generate").stdout.decode()
    with people.browser("tom", given.strip()) as browser:
        # From another process it takes two seconds.
        assert people.service.cli("accounts", "disable", "tom").returncode == 0
        wait_until(lambda: browser.get("/api/v1/traces").status_code == 401)
    assert b"viewer in shop" in people.service.cli("accounts", "list").stdout
    wrong = people.service.cli("accounts", "set-role", "tom", "king")
    assert (wrong.returncode, b"viewer, member, admin" in wrong.stderr) == (1, True)


def test_a_password_is_changed_by_whoever_has_it(people: People) -> None:
    body = _account("sue", "viewer", "shop")
    assert people.service.api("POST", "/api/v1/accounts", json=body).status_code == 201
    change = {"password": PASSWORD, "new_password": "something else entirely"}
    with people.browser("sue") as browser, people.browser("sue") as elsewhere:
        wrong = change | {"password": "not the password"}
        assert browser.put("/api/v1/session/password", json=wrong).status_code == 403
        short = change | {"new_password": "short"}
        assert browser.put("/api/v1/session/password", json=short).status_code == 400
        assert browser.put("/api/v1/session/password", json=change).status_code == 200
        assert browser.get("/api/v1/traces").status_code == 200
        assert elsewhere.get("/api/v1/traces").status_code == 401
    key = people.service.api("PUT", "/api/v1/session/password", json=change)
    assert key.status_code == 403
    actions = [each["action"] for each in people.service.get("/api/v1/audit", actor="sue")["items"]]
    assert {"session.open", "PUT /api/v1/session"} <= set(actions)
