"""Who comes in: keys where there are some, else this machine and no web page."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spanglass_store.access import Denied, Gate
from spanglass_store.state import keys as keys_module
from spanglass_store.state.database import Database
from spanglass_store.state.keys import LOCAL, Keys, Scope

TOKEN = "the-local-token"


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    # A file: what is in memory is a thread's own, and uses are written by another.
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield Keys(database)
    database.close()


@pytest.fixture
def gate(keys: Keys) -> Gate:
    return Gate(keys, TOKEN)


def denied(gate: Gate, headers: dict[str, str], scope: Scope = Scope.READ) -> int:
    with pytest.raises(Denied) as caught:
        gate.admit(headers, scope)
    assert str(caught.value)
    return caught.value.status


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


# -- without keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1:8400", "127.0.0.1", "localhost:8400", "LOCALHOST", "[::1]:8400", "[::1]"],
)
@pytest.mark.parametrize("scope", list(Scope))
def test_without_keys_this_machine_may_do_everything(gate: Gate, host: str, scope: Scope) -> None:
    assert gate.admit({"host": host} if host else {}, scope) == LOCAL


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8400", "localhost.evil.example", "127.0.0.1.evil.example:80",
        "192.168.0.7:8400", "0.0.0.0:8400", "127.0.0.2", "localhost@evil.example",
        "[::2]:8400", "[::1].evil.example", "[::1]evil.example:8400", "xlocalhost", "127.1",
    ],
)  # fmt: skip
def test_a_name_that_was_rebound_to_this_machine_is_refused(gate: Gate, host: str) -> None:
    assert denied(gate, {"host": host}) == 403


def test_the_first_key_counts_before_the_doors_close(tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path / 'state.sqlite3'}"
    service, command = Database(file), Database(file)
    gate = Gate(Keys(service), TOKEN)
    assert gate.is_open()
    # Made by another process, of which the service knows nothing yet.
    _, secret = Keys(command).create(Scope.READ, payload=False)
    found = gate.admit({"host": "127.0.0.1", **bearer(secret)}, Scope.READ)
    assert found != LOCAL
    assert not found.payload
    assert denied(gate, {"host": "127.0.0.1", **bearer(secret)}, Scope.ADMIN) == 403
    service.close()
    command.close()


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8400", "https://127.0.0.1:8400"])
def test_our_own_pages_may_ask(gate: Gate, origin: str) -> None:
    assert gate.admit({"host": "127.0.0.1:8400", "origin": origin}, Scope.READ) == LOCAL


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "https://localhost.evil.example", "null", "file://",
        "http://127.0.0.1:3000", "http://localhost:8400", "http://127.0.0.1", "127.0.0.1:8400",
        "chrome-extension://127.0.0.1:8400", "http://127.0.0.1:8400@evil.example",
    ],
)  # fmt: skip
def test_other_pages_may_not_ask(gate: Gate, origin: str) -> None:
    headers = {"host": "127.0.0.1:8400", "origin": origin}
    for scope in Scope:
        assert denied(gate, headers, scope) == 403


def test_a_wrong_token_does_not_help_a_page(gate: Gate) -> None:
    assert denied(gate, {"host": "evil.example"} | bearer("guess")) == 403


# -- with keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made_for", "may"),
    [
        (Scope.INGEST, {Scope.INGEST}),
        (Scope.READ, {Scope.READ}),
        (Scope.ADMIN, {Scope.INGEST, Scope.READ, Scope.ADMIN}),
    ],
)
def test_a_key_opens_what_it_is_for(
    gate: Gate, keys: Keys, made_for: Scope, may: set[Scope]
) -> None:
    _, secret = keys.create(made_for, project="shop")
    for scope in Scope:
        if scope in may:
            assert gate.admit(bearer(secret), scope).scope == made_for
        else:
            assert denied(gate, bearer(secret), scope) == 403


def test_a_key_belongs_to_a_project(gate: Gate, keys: Keys) -> None:
    _, secret = keys.create(Scope.READ, project="shop", payload=False)
    principal = gate.admit(bearer(secret), Scope.READ)
    assert (principal.project, principal.projects, principal.payload) == ("shop", ("shop",), False)
    _, secret = keys.create(Scope.ADMIN, project="shop")
    principal = gate.admit(bearer(secret), Scope.ADMIN)
    assert (principal.project, principal.projects, principal.payload) == ("shop", None, True)


@pytest.mark.parametrize(
    "headers",
    [
        lambda secret: {"authorization": f"Bearer {secret}"},
        lambda secret: {"authorization": f"bearer  {secret} "},
        lambda secret: {"authorization": "Basic " + b64encode(f"pk:{secret}".encode()).decode()},
        lambda secret: {"x-api-key": secret},
        lambda secret: {"api-key": secret},
    ],
)
def test_a_key_comes_in_several_ways(gate: Gate, keys: Keys, headers: object) -> None:
    _, secret = keys.create(Scope.READ)
    assert callable(headers)
    # Whoever has a key may be anywhere: rebinding gives an attacker nothing.
    for host in ("127.0.0.1:8400", "spans.example"):
        assert gate.admit(headers(secret) | {"host": host}, Scope.READ).scope is Scope.READ


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:8400"},
        bearer(""),
        bearer("sg_read_00000000_guess"),
        {"authorization": "Bearer"},
        {"authorization": "Digest x"},
        {"authorization": "Basic not-base64"},
        {"authorization": "Basic " + b64encode(b"\xff\xfe:\xff").decode()},
        {"authorization": "Basic " + b64encode(b"no colon").decode()},
        {"x-api-key": ""},
        {"authorization": "Bearer ü\x00"},
    ],
)
def test_with_keys_everybody_needs_one(gate: Gate, keys: Keys, headers: dict[str, str]) -> None:
    keys.create(Scope.READ)
    assert denied(gate, headers) == 401


def test_the_local_token_opens_everything(gate: Gate, keys: Keys) -> None:
    assert gate.admit(bearer(TOKEN), Scope.ADMIN) == LOCAL
    keys.create(Scope.READ)
    assert gate.admit(bearer(TOKEN), Scope.ADMIN) == LOCAL
    assert denied(gate, bearer(TOKEN + "x")) == 401


def test_a_revoked_key_is_useless(gate: Gate, keys: Keys) -> None:
    info, secret = keys.create(Scope.READ)
    keys.create(Scope.READ)
    assert gate.admit(bearer(secret), Scope.READ).key_id == info.id
    keys.revoke(info.id)
    assert denied(gate, bearer(secret)) == 401


def test_revoking_the_last_key_does_not_open_the_doors(gate: Gate, keys: Keys) -> None:
    info, secret = keys.create(Scope.ADMIN)
    keys.revoke(info.id)
    assert keys.configured()
    assert denied(gate, {"host": "127.0.0.1:8400"}) == 401
    assert denied(gate, bearer(secret), Scope.ADMIN) == 401


def test_what_another_process_does_is_noticed(
    gate: Gate, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is two seconds old at most; here time is moved on."""
    elsewhere = Keys(keys._database)
    assert gate.admit({}, Scope.READ) == LOCAL
    info, secret = elsewhere.create(Scope.READ)
    clock = [keys_module.time.monotonic()]
    monkeypatch.setattr(keys_module.time, "monotonic", lambda: clock[0])
    clock[0] += 2.1
    assert denied(gate, {}) == 401
    assert gate.admit(bearer(secret), Scope.READ).key_id == info.id
    elsewhere.revoke(info.id)
    clock[0] += 2.1
    assert denied(gate, bearer(secret)) == 401


def test_local_is_an_administrator_of_all_projects() -> None:
    assert replace(LOCAL) == LOCAL
    assert LOCAL.projects is None
    assert all(LOCAL.may(scope) for scope in Scope)
