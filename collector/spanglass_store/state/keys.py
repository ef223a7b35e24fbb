"""Keys: who may send, read or administer, and in which project."""

import hashlib
import logging
import re
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from spanglass_store.errors import StoreError, Unknown
from spanglass_store.state.database import Database, Key, Project
from spanglass_store.state.principals import DEFAULT_PROJECT, LOCAL, Principal
from spanglass_store.state.rights import Scope

__all__ = [
    "DEFAULT_PROJECT",
    "LOCAL",
    "KeyInfo",
    "Keys",
    "Principal",
    "Scope",
    "keep_project",
    "named_project",
]

log = logging.getLogger(__name__)

_PROJECT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
#: How long a key that was looked up stays known, in seconds: a revoked one works that long.
_REMEMBERED_S: Final = 2.0
#: Seconds between two notes of when keys were used.
_USES_WRITTEN_S: Final = 60.0


@dataclass(frozen=True)
class KeyInfo:
    """A key as it is listed."""

    id: str
    name: str
    project: str
    scope: Scope
    payload: bool
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True)
class _Known:
    """What a secret turned out to be: somebody, or why not."""

    principal: Principal | None
    reason: str = ""


class Keys:
    """The keys of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, _Known]] = {}
        self._used: dict[str, datetime] = {}
        self._written = 0.0
        self._configured = (0.0, False)
        self._lock = threading.Lock()

    def create(
        self,
        scope: Scope,
        project: str = DEFAULT_PROJECT,
        name: str = "",
        payload: bool = True,
        lifetime: timedelta | None = None,
    ) -> tuple[KeyInfo, str]:
        """Makes a key; the secret is shown this once.

        Args:
            scope: what it is for.
            project: whose data it sends or reads.
            name: what people know it by.
            payload: whether it may read what people and models wrote.
            lifetime: after which it opens nothing; for ever unless given.

        Raises:
            StoreError: if the project's name is not of lower-case letters, digits, `-`, `_`.
        """
        named_project(project)
        # Two that make a project's first key at once would both make the project.
        with self._database.alone() as session:
            made = _add(session, scope, project, name, payload, lifetime)
        self._forget()
        return made

    def list(self) -> list[KeyInfo]:
        """Every key, oldest first, revoked ones too."""
        with self._database.transaction() as session:
            return [_info(row) for row in session.scalars(select(Key).order_by(Key.created_at))]

    def revoke(self, key_id: str) -> KeyInfo:
        """Makes a key useless. Running services notice within two seconds.

        Raises:
            Unknown: if there is no such key.
        """
        with self._database.transaction() as session:
            row = session.get(Key, key_id)
            if row is None:
                raise Unknown(f"There is no key {key_id!r}. `spanglass keys list` shows the ids.")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            info = _info(row)
        self._forget()
        return info

    def rotate(self, key_id: str, grace: timedelta) -> tuple[KeyInfo, str]:
        """Makes a key with the rights of another, which goes on for a while and then expires.

        The new one lives as long as the other was made for.

        Args:
            key_id: of the other.
            grace: for how long it goes on, so that its holders can change over.

        Raises:
            Unknown: if there is no such key.
            StoreError: if it was revoked or has expired.
        """
        now = datetime.now(UTC)
        with self._database.alone() as session:
            row = session.get(Key, key_id)
            if row is None:
                raise Unknown(f"There is no key {key_id!r}. `spanglass keys list` shows the ids.")
            if reason := _refusal(row, now):
                raise StoreError(f"{reason} Make a new one with `spanglass keys create`.")
            # The end of one that was rotated before is that of its grace, not what it was made for.
            made = session.get(Key, row.replaced_by) if row.replaced_by else row
            lifetime = made.expires_at - made.created_at if made and made.expires_at else None
            info, secret = _add(
                session, Scope(row.scope), row.project, row.name, row.payload, lifetime
            )
            row.expires_at = min(filter(None, (row.expires_at, now + grace)))
            row.replaced_by = info.id
        self._forget()
        return info, secret

    def configured(self) -> bool:
        """Whether there was ever a key. Revoking the last one does not open the doors again."""
        with self._lock:
            at, known = self._configured
            if known or time.monotonic() - at < _REMEMBERED_S:
                return known
        with self._database.transaction() as session:
            found = session.scalar(select(Key.id).limit(1)) is not None
        with self._lock:
            self._configured = (time.monotonic(), found)
        return found

    def principal(self, secret: str) -> Principal | None:
        """Who a secret belongs to; None if it opens nothing."""
        return self._look_up(secret).principal

    def refusal(self, secret: str) -> str:
        """Why a secret opens nothing, for whoever holds it."""
        return self._look_up(secret).reason

    def _look_up(self, secret: str) -> _Known:
        digest = _digest(secret)
        now = time.monotonic()
        with self._lock:
            known = self._known.get(digest)
            if known is not None and now - known[0] < _REMEMBERED_S:
                return known[1]
        with self._database.transaction() as session:
            row = session.scalar(select(Key).where(Key.digest == digest))
            if row is None:
                found = _Known(None, "The key is unknown. `spanglass keys list` shows all.")
            elif reason := _refusal(row, datetime.now(UTC)):
                found = _Known(None, f"{reason} Ask for a new one.")
            else:
                found = _Known(_principal(row))
                self._note_use(row.id, now)
        with self._lock:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[digest] = (now, found)
        return found

    def _note_use(self, key_id: str, now: float) -> None:
        """Has the use written down, at most once a minute, by a thread: a request never waits."""
        with self._lock:
            self._used[key_id] = datetime.now(UTC)
            is_due = not self._written or now - self._written >= _USES_WRITTEN_S
            if is_due:
                self._written = now
        if is_due:
            threading.Thread(target=self._write_uses, name="keys-used", daemon=True).start()

    def _write_uses(self) -> None:
        with self._lock:
            used, self._used = self._used, {}
        try:
            with self._database.transaction() as session:
                for key_id, at in used.items():
                    session.execute(update(Key).where(Key.id == key_id).values(last_used_at=at))
        except (SQLAlchemyError, StoreError) as error:
            log.warning("when keys were used can't be written down: %s", error)

    def _forget(self) -> None:
        with self._lock:
            self._known.clear()
            self._configured = (0.0, False)


def _add(
    session: Session,
    scope: Scope,
    project: str,
    name: str,
    payload: bool,
    lifetime: timedelta | None,
) -> tuple[KeyInfo, str]:
    key_id = secrets.token_hex(4)
    secret = f"sg_{scope}_{key_id}_{secrets.token_urlsafe(24)}"
    now = datetime.now(UTC)
    keep_project(session, project, now)
    row = Key(
        id=key_id,
        digest=_digest(secret),
        name=name,
        project=project,
        scope=scope.value,
        payload=payload,
        created_at=now,
        revoked_at=None,
        expires_at=now + lifetime if lifetime else None,
        last_used_at=None,
    )
    session.add(row)
    return _info(row), secret


def named_project(project: str) -> str:
    """A project's name, if it can be one.

    Raises:
        StoreError: if it is not of lower-case letters, digits, `-`, `_`.
    """
    if not _PROJECT_NAME.fullmatch(project):
        raise StoreError(
            f"{project!r} can't be a project's name: use up to 64 lower-case letters,"
            " digits, - and _, beginning with a letter or digit."
        )
    return project


def keep_project(session: Session, project: str, now: datetime) -> None:
    """Writes down that there is such a project, if it is new."""
    if session.get(Project, project) is None:
        session.add(Project(name=project, created_at=now))
        session.flush()


def _digest(secret: str) -> str:
    # The secret is 192 random bits: a fast hash can't be searched, and it is paid per request.
    return hashlib.sha256(secret.encode()).hexdigest()


def _refusal(row: Key, now: datetime) -> str:
    """Why a key opens nothing; empty if it does."""
    if row.revoked_at is not None:
        return f"The key {row.id} was revoked on {row.revoked_at:%Y-%m-%d}."
    if row.expires_at is not None and row.expires_at <= now:
        return f"The key {row.id} expired on {row.expires_at:%Y-%m-%d}."
    return ""


def _principal(row: Key) -> Principal:
    scope = Scope(row.scope)
    projects = None if scope is Scope.ADMIN else (row.project,)
    return Principal(scope, row.project, projects, row.payload, row.id)


def _info(row: Key) -> KeyInfo:
    return KeyInfo(
        row.id, row.name, row.project, Scope(row.scope), row.payload, row.created_at,
        row.revoked_at, row.expires_at, row.last_used_at,
    )  # fmt: skip
