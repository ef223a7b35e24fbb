"""People: accounts, roles, sessions, and what a page may do in their name."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from spanglass_dashboards.attempts import OF_ADDRESS, OF_BOTH, Attempts, TooMany
from spanglass_store.access import COOKIES, Denied, Gate
from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state import passwords
from spanglass_store.state import sessions as sessions_module
from spanglass_store.state.accounts import Accounts
from spanglass_store.state.database import Database
from spanglass_store.state.keys import LOCAL, Keys, Scope
from spanglass_store.state.principals import person
from spanglass_store.state.rights import Right, Role
from spanglass_store.state.sessions import MOST_SESSIONS, Sessions

PASSWORD = "correct horse battery"
OURS = {"host": "spans.example:8400", "origin": "https://spans.example:8400"}


class Installation:
    """Keys, accounts and sessions in one database."""

    def __init__(self, database: Database) -> None:
        self.keys, self.accounts = Keys(database), Accounts(database)
        self.sessions = Sessions(database, timedelta(hours=1))
        self.gate = Gate(
            self.keys,
            "the-token",
            self.sessions,
            self.accounts.configured,
            "https://public.example/x",
        )

    def cookie(self, name: str) -> dict[str, str]:
        secret, _ = self.sessions.open(name)
        return {"cookie": f"other=1; {COOKIES[1]}={secret}; more=x=y"}

    def denied(self, headers: dict[str, str], right: Right | None, method: str = "GET") -> int:
        with pytest.raises(Denied) as caught:
            self.gate.admit(headers, right, method)
        return caught.value.status


@pytest.fixture(autouse=True)
def _cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash of fewer passes; one test has the real one."""
    if "real_hashes" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def real_hashes() -> None:
    """Hashes as they are kept."""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield Installation(database)
    database.close()


def test_an_account_from_its_beginning_to_its_end(here: Installation) -> None:
    assert here.gate.admit({}, Right.ADMIN, "GET") == LOCAL
    made = here.accounts.create(" Ada@Example.org ", PASSWORD, {"shop": Role.MEMBER}, payload=False)
    assert (made.name, made.roles, made.payload) == ("ada@example.org", {"shop": "member"}, False)
    assert here.denied({}, Right.READ) == 401, "the doors are closed from the first account on"
    with pytest.raises(Conflict):
        here.accounts.create("ada@example.org", PASSWORD, {})
    assert here.accounts.check("ADA@example.org", PASSWORD) == made
    for name, password in (
        ("ada@example.org", PASSWORD + "x"), ("ada@example.org", ""), ("nobody", PASSWORD),
        ("", ""), ("ada@example.org", PASSWORD + "y" * 2000), ("a" * 5000, PASSWORD),
        ("ada@example.org", "\ud800"), ("ada\0", "\0"),
    ):  # fmt: skip
        assert here.accounts.check(name, password) is None

    cookie = here.cookie(made.name)
    who = here.gate.admit(cookie, Right.READ, "GET")
    assert (who.name, who.projects, who.project) == ("ada@example.org", ("shop",), "shop")
    assert who.is_account
    assert not who.payload
    here.accounts.set_role(made.name, "other", Role.VIEWER)
    here.sessions.forget()
    assert here.gate.admit(cookie, Right.READ, "GET").projects == ("other", "shop")
    assert here.gate.admit(cookie, Right.EDIT, "GET").projects == ("shop",)
    assert here.denied(cookie, Right.MANAGE) == 403
    assert here.accounts.set_role(made.name, "shop", None).roles == {"other": "viewer"}

    here.accounts.reset_password(made.name, "another long password")
    here.sessions.forget()
    assert here.denied(cookie, Right.READ) == 401, "a new password ends all sessions"
    assert here.accounts.check(made.name, PASSWORD) is None
    cookie = here.cookie(made.name)
    here.accounts.disable(made.name)
    here.sessions.forget()
    assert here.denied(cookie, Right.READ) == 401
    assert here.accounts.check(made.name, "another long password") is None
    with pytest.raises(StoreError, match="disabled"):
        here.sessions.open(made.name)
    assert here.accounts.configured(), "disabling the last account does not open the doors"
    here.accounts.disable(made.name, disabled=False)
    assert here.accounts.check(made.name, "another long password") is not None


@pytest.mark.parametrize(
    ("name", "password", "project"),
    [
        ("1a2b3c4d", PASSWORD, "shop"), ("local", PASSWORD, "shop"), ("", PASSWORD, "shop"),
        ("two words", PASSWORD, "shop"), ("x" * 129, PASSWORD, "shop"), ("a\nb", PASSWORD, "shop"),
        ("ada", "short", "shop"), ("ada", "x" * 257, "shop"), ("ada.lovelace1", "Ada.Lovelace1", "shop"),
        ("ada", PASSWORD, "Not A Project"), ("ada", PASSWORD, ""), ("ada", PASSWORD, "**"),
    ],
)  # fmt: skip
def test_what_can_be_no_account(here: Installation, name: str, password: str, project: str) -> None:
    with pytest.raises(StoreError) as caught:
        here.accounts.create(name, password, {project: Role.VIEWER})
    assert password not in str(caught.value) or len(password) < 9
    assert here.accounts.list() == []
    with pytest.raises(Unknown):
        here.accounts.reset_password("nobody", PASSWORD)


def test_the_password_is_kept_as_argon2id_alone(
    real_hashes: None, here: Installation, tmp_path: Path
) -> None:
    here.accounts.create("ada", PASSWORD, {})
    secret, _ = here.sessions.open("ada")
    files = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"$argon2id$v=19$m=65536,t=3,p=4$" in files
    assert PASSWORD.encode() not in files
    assert secret.encode() not in files


ALL, NONE = frozenset(Right), frozenset[Right]()


@pytest.mark.parametrize(
    ("roles", "right", "projects"),
    [
        ({}, Right.READ, ()),
        ({"a": "viewer"}, Right.READ, ("a",)), ({"a": "viewer"}, Right.WORK, ()),
        ({"a": "viewer", "b": "member"}, Right.WORK, ("b",)),
        ({"a": "viewer", "b": "member"}, Right.READ, ("a", "b")),
        ({"a": "admin", "b": "member"}, Right.MANAGE, ("a",)),
        ({"a": "admin"}, Right.ADMIN, ()),
        ({"*": "viewer", "b": "member"}, Right.READ, None),
        ({"*": "viewer", "b": "member"}, Right.EDIT, ("b",)),
        ({"*": "member"}, Right.MANAGE, ()), ({"*": "admin"}, Right.MANAGE, None),
        ({"*": "admin"}, Right.ADMIN, None), ({"*": "admin", "b": "viewer"}, Right.ADMIN, None),
    ],
)  # fmt: skip
def test_roles_in_projects(
    roles: dict[str, str], right: Right, projects: tuple[str, ...] | None
) -> None:
    who = person("ada", {project: Role(role) for project, role in roles.items()}, True)
    found = who.narrowed(right)
    assert (found.projects if found else ()) == projects
    assert (who.scope is Scope.ADMIN) == (roles.get("*") == "admin")


@pytest.mark.parametrize(
    ("method", "headers", "comes_in"),
    [
        ("GET", {"host": "spans.example:8400"}, True),
        ("GET", OURS, True),
        ("POST", OURS, True),
        ("DELETE", OURS | {"origin": "https://public.example"}, True),
        ("POST", {"host": "spans.example:8400", "sec-fetch-site": "same-origin"}, True),
        ("POST", {"host": "spans.example:8400"}, False),
        ("POST", {"host": "spans.example:8400", "sec-fetch-site": "same-site"}, False),
        ("POST", OURS | {"origin": "null"}, False),
        ("GET", OURS | {"origin": "https://evil.example"}, False),
        ("PUT", OURS | {"origin": "https://spans.example:8400.evil.example"}, False),
        ("POST", OURS | {"origin": "https://spans.example"}, False),
        ("POST", OURS | {"origin": "spans.example:8400"}, False),
        ("POST", {"origin": "https://", "host": ""}, False),
        ("POST", OURS | {"origin": "https://public.example.evil.example"}, False),
    ],
)
def test_a_session_is_used_by_our_own_pages_alone(
    here: Installation, method: str, headers: dict[str, str], comes_in: bool
) -> None:
    here.accounts.create("ada", PASSWORD, {"*": Role.ADMIN})
    headers = headers | here.cookie("ada")
    if comes_in:
        assert here.gate.admit(headers, Right.ADMIN, method).name == "ada"
    else:
        assert here.denied(headers, Right.READ, method) == 403
    # What receives telemetry takes no cookie at all.
    assert here.denied(headers, Right.INGEST, "") == 401


def test_sessions_end(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    here.accounts.create("ada", PASSWORD, {"*": Role.VIEWER})
    first = here.cookie("ada")
    assert here.gate.admit(first, Right.READ, "GET")
    others = [here.cookie("ada") for _ in range(MOST_SESSIONS)]
    here.sessions.forget()
    assert here.denied(first, Right.READ) == 401, "the oldest is signed out"
    here.sessions.close(others[0]["cookie"].split(f"{COOKIES[1]}=")[1].split(";")[0])
    assert here.denied(others[0], Right.READ) == 401
    assert here.gate.admit(others[1], Right.READ, "GET")

    moved = [timedelta()]

    class Later(sessions_module.datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Later":
            return super().now(tz) + moved[0]  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(sessions_module, "datetime", Later)
    for _ in range(3):
        # Used, it goes on ...
        moved[0] += timedelta(minutes=50)
        here.sessions.forget()
        assert here.gate.admit(others[1], Right.READ, "GET")
    # ... unused it ends after an hour, and after a week in any case.
    here.sessions.forget()
    assert here.denied(others[2], Right.READ) == 401
    while moved[0] < sessions_module.LONGEST - timedelta(minutes=50):
        moved[0] += timedelta(minutes=50)
        here.sessions.forget()
        assert here.gate.admit(others[1], Right.READ, "GET")
    moved[0] = sessions_module.LONGEST + timedelta(minutes=1)
    here.sessions.forget()
    assert here.denied(others[1], Right.READ) == 401


@pytest.mark.parametrize(
    "cookie", ["", "spanglass=", "spanglass", "spanglass=guess", "x=spanglass"]
)
def test_a_cookie_that_opens_nothing(here: Installation, cookie: str) -> None:
    here.accounts.create("ada", PASSWORD, {"*": Role.VIEWER})
    assert here.denied({"cookie": cookie, "host": "h"}, Right.READ) == 401


# -- attempts ------------------------------------------------------------------------------------


def test_guessing_is_slowed_down() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(OF_BOTH.burst):
        attempts.take("ada", "one")
    with pytest.raises(TooMany) as caught:
        attempts.take("ada", "one")
    assert 0 < caught.value.wait_s <= OF_BOTH.every_s + 1
    # Not of another address, nor of another name.
    attempts.take("ada", "two")
    attempts.take("bob", "one")
    now[0] += caught.value.wait_s
    attempts.take("ada", "one")
    with pytest.raises(TooMany):
        attempts.take("ada", "one")


def test_who_is_right_can_sign_in_as_often_as_they_like() -> None:
    attempts = Attempts(lambda: 0.0)
    for _ in range(200):
        attempts.take("ada", "one")
        attempts.give_back("ada", "one")


def test_many_names_from_one_address() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(OF_ADDRESS.burst):
        attempts.take(f"name {number}", "one")
    with pytest.raises(TooMany):
        attempts.take("another", "one")
    attempts.take("another", "two")


def test_attempts_take_bounded_room() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(12_000):
        attempts.take(f"n{number}", f"a{number}")
    assert len(attempts._full_at) <= 20_000
