"""Keys: made once, kept as a digest, revoked for good."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spanglass_store.errors import StoreError
from spanglass_store.state.database import Database
from spanglass_store.state.keys import DEFAULT_PROJECT, Keys, Scope
from support.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


@pytest.fixture
def keys(path: Path) -> Iterator[Keys]:
    database = Database(f"sqlite:///{path}")
    yield Keys(database)
    database.close()


def test_a_new_installation_has_no_keys(keys: Keys) -> None:
    assert not keys.configured()
    assert keys.list() == []


def test_a_key_is_listed_without_its_secret(keys: Keys) -> None:
    before = datetime.now(UTC)
    info, secret = keys.create(Scope.INGEST, project="shop", name="checkout", payload=False)
    assert keys.list() == [info]
    assert (info.scope, info.project, info.name) == (Scope.INGEST, "shop", "checkout")
    assert info.revoked_at is None
    assert before <= info.created_at <= datetime.now(UTC)
    assert secret.startswith(f"sg_ingest_{info.id}_")
    assert secret not in repr(info)


def test_secrets_are_not_on_disk(keys: Keys, path: Path) -> None:
    _, secret = keys.create(Scope.ADMIN)
    hidden = secret.rpartition("_")[2].encode()
    for file in path.parent.iterdir():
        assert hidden not in file.read_bytes()


def test_no_two_secrets_are_alike(keys: Keys) -> None:
    assert len({keys.create(Scope.READ)[1] for _ in range(50)}) == 50


def test_an_unknown_secret_belongs_to_nobody(keys: Keys) -> None:
    _, secret = keys.create(Scope.READ)
    assert keys.principal(secret[:-1]) is None
    assert keys.principal(secret.upper()) is None
    assert keys.principal("") is None
    found = keys.principal(secret)
    assert found is not None
    assert found.project == DEFAULT_PROJECT


def test_a_revoked_key_stays_listed(keys: Keys) -> None:
    info, secret = keys.create(Scope.READ)
    revoked = keys.revoke(info.id)
    assert revoked.revoked_at is not None
    assert keys.revoke(info.id).revoked_at == revoked.revoked_at, "the first time counts"
    assert keys.list() == [revoked]
    assert keys.principal(secret) is None


def test_revoking_what_is_not_there_says_how_to_find_it(keys: Keys) -> None:
    with pytest.raises(StoreError, match="no key 'nope'.*spanglass keys list"):
        keys.revoke("nope")


@pytest.mark.parametrize(
    "name", ["", "Shop", "a b", "ü", "-a", "_a", "a" * 65, "a,b", "*", "a'b", "a\n", "a/b"]
)
def test_a_project_has_a_plain_name(keys: Keys, name: str) -> None:
    """Commas and asterisks would mean something where projects are listed for row filters."""
    with pytest.raises(StoreError, match="can't be a project's name"):
        keys.create(Scope.READ, project=name)
    assert keys.list() == []


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 64])
def test_plain_names_are_fine(keys: Keys, name: str) -> None:
    assert keys.create(Scope.READ, project=name)[0].project == name


def test_keys_survive_a_restart(keys: Keys, path: Path) -> None:
    info, secret = keys.create(Scope.READ, project="shop")
    database = Database(f"sqlite:///{path}")
    again = Keys(database)
    assert again.configured()
    assert again.list() == [info]
    found = again.principal(secret)
    database.close()
    assert found is not None
    assert found.projects == ("shop",)


@pytest.mark.parametrize(
    "url",
    [
        "nothing", "bogus://x", "sqlite:////no/such/folder/x.db", "postgresql+nodriver://h/d",
        "sqlite://user@/x",
    ],
)  # fmt: skip
def test_a_state_database_that_can_not_be_opened_says_so(url: str) -> None:
    with pytest.raises(StoreError, match="--state"):
        Database(url)


def test_a_file_that_is_no_database_says_so(path: Path) -> None:
    path.write_bytes(b"this is no database, it is a text of more than a page's header" * 100)
    with pytest.raises(StoreError, match="--state"):
        Database(f"sqlite:///{path}")


def test_the_state_is_synced_before_a_key_is_shown(keys: Keys, path: Path) -> None:
    keys.create(Scope.READ)
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("SELECT count(*) FROM keys").fetchone() == (1,)


def _age(path: Path, key_id: str, column: str, at: datetime) -> None:
    """Sets a time of a key, as if it had passed."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            f"UPDATE keys SET {column} = ? WHERE id = ?",
            (at.strftime("%Y-%m-%d %H:%M:%S.%f"), key_id),
        )


def test_a_key_expires(keys: Keys, path: Path) -> None:
    info, secret = keys.create(Scope.READ, lifetime=timedelta(days=90))
    assert info.expires_at == info.created_at + timedelta(days=90)
    assert keys.principal(secret) is not None
    _age(path, info.id, "expires_at", datetime.now(UTC) - timedelta(seconds=1))
    keys._forget()
    assert keys.principal(secret) is None
    assert f"The key {info.id} expired on " in keys.refusal(secret)


def test_a_refusal_says_why(keys: Keys) -> None:
    info, secret = keys.create(Scope.READ)
    assert keys.refusal(secret) == ""
    keys.revoke(info.id)
    assert f"The key {info.id} was revoked on " in keys.refusal(secret)
    # Who does not have the secret learns nothing of the key.
    assert keys.refusal(secret[:-1]) == "The key is unknown. `spanglass keys list` shows all."


def test_a_key_is_rotated(keys: Keys, path: Path) -> None:
    info, secret = keys.create(
        Scope.READ, "shop", "finance", payload=False, lifetime=timedelta(days=90)
    )
    new, new_secret = keys.rotate(info.id, timedelta(hours=24))
    assert (new.scope, new.project, new.name, new.payload) == (Scope.READ, "shop", "finance", False)
    assert new.expires_at == new.created_at + timedelta(days=90)
    assert keys.principal(secret) is not None
    assert keys.principal(new_secret) is not None
    [old] = [each for each in keys.list() if each.id == info.id]
    assert old.expires_at is not None
    assert timedelta(hours=23) < old.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    # A second time it does not live longer for it.
    keys.rotate(info.id, timedelta(hours=48))
    assert [each.expires_at for each in keys.list() if each.id == info.id] == [old.expires_at]
    again = keys.rotate(info.id, timedelta(hours=1))[0]
    assert again.expires_at == again.created_at + timedelta(days=90)
    keys.revoke(info.id)
    with pytest.raises(StoreError, match=r"was revoked on .* Make a new one"):
        keys.rotate(info.id, timedelta(hours=1))
    with pytest.raises(StoreError, match="There is no key 'nobody'"):
        keys.rotate("nobody", timedelta(hours=1))


def test_a_key_for_ever_that_is_rotated_twice_is_replaced_by_keys_for_ever(keys: Keys) -> None:
    info, _ = keys.create(Scope.READ)
    made = [keys.rotate(info.id, timedelta(hours=24))[0] for _ in range(3)]
    assert [each.expires_at for each in made] == [None] * 3


def test_first_keys_of_a_project_are_made_at_once(keys: Keys) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.create(Scope.READ, "new"), range(24)))
    assert len(keys.list()) == len(made)


def test_the_last_use_is_written_down(keys: Keys) -> None:
    info, secret = keys.create(Scope.INGEST)
    assert info.last_used_at is None
    before = datetime.now(UTC)
    assert keys.principal(secret) is not None
    used = wait_until(
        lambda: next(each.last_used_at for each in keys.list() if each.id == info.id), "it is noted"
    )
    assert before <= used <= datetime.now(UTC)


def test_keys_of_an_earlier_version_go_on(path: Path) -> None:
    """Its table has no times of expiry and use."""
    with closing(Database(f"sqlite:///{path}")) as database:
        _, secret = Keys(database).create(Scope.READ, "shop")
    with sqlite3.connect(path) as connection:
        for column in ("expires_at", "last_used_at"):
            connection.execute(f"ALTER TABLE keys DROP COLUMN {column}")
    for _ in range(2):
        with closing(Database(f"sqlite:///{path}")) as database:
            keys = Keys(database)
            found = keys.principal(secret)
            assert found is not None
            assert found.project == "shop"
            assert keys.list()[0].expires_at is None
