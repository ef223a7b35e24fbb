"""Sessions: browsers in which somebody is signed in."""

import hashlib
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from spanglass_store.errors import StoreError
from spanglass_store.state.accounts import AccountRow, SessionRow, found, roles_of
from spanglass_store.state.database import Database
from spanglass_store.state.principals import Principal, person

#: A session ends that long after somebody signed in, used or not.
LONGEST: Final = timedelta(days=7)
#: Browsers in which one account is signed in at a time; the oldest is signed out.
MOST_SESSIONS: Final = 50
#: How long a session that was looked up stays known, in seconds: signing out takes that long to
#: reach other processes.
_REMEMBERED_S: Final = 2.0
_MOST_REMEMBERED: Final = 10_000


class Sessions:
    """The sessions of an installation.

    Args:
        database: the state database.
        idle: after which a session ends that nobody uses.
    """

    def __init__(self, database: Database, idle: timedelta = timedelta(hours=12)) -> None:
        self._database = database
        self._idle = idle
        self._known: dict[str, tuple[float, Principal | None]] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> tuple[str, Principal]:
        """Signs somebody in whose password was checked: the cookie's secret, and who they are.

        Raises:
            Unknown: if there is no such account.
            StoreError: if it was disabled meanwhile.
        """
        secret = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            account = found(session, name)
            if account.disabled_at is not None:
                raise StoreError(f"The account {account.name} is disabled.")
            account.signed_in_at = now
            session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            mine = select(SessionRow).where(SessionRow.account == account.name)
            newest = session.scalars(mine.order_by(SessionRow.created_at.desc())).all()
            for row in newest[MOST_SESSIONS - 1 :]:
                session.delete(row)
            session.add(
                SessionRow(
                    digest=_digest(secret), account=account.name, created_at=now,
                    expires_at=now + min(self._idle, LONGEST),
                )
            )  # fmt: skip
            who = person(account.name, roles_of(session, account.name), account.payload)
        return secret, who

    def principal(self, secret: str) -> Principal | None:
        """Who is signed in with this cookie; None if it opens nothing (any more)."""
        digest = _digest(secret)
        now = time.monotonic()
        with self._lock:
            known = self._known.get(digest)
        if known is not None and now - known[0] < _REMEMBERED_S:
            return known[1]
        who = self._look_up(digest, datetime.now(UTC))
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = (now, who)
        return who

    def _look_up(self, digest: str, now: datetime) -> Principal | None:
        with self._database.transaction() as session:
            row = session.get(SessionRow, digest)
            if row is None or row.expires_at <= now:
                return None
            account = session.get(AccountRow, row.account)
            if account is None or account.disabled_at is not None:
                return None
            until = min(now + self._idle, row.created_at + LONGEST)
            # Not with every request: a write is a sync to disk.
            if until - row.expires_at > self._idle / 20:
                row.expires_at = until
            return person(account.name, roles_of(session, account.name), account.payload)

    def close(self, secret: str) -> None:
        """Signs this browser out."""
        digest = _digest(secret)
        with self._database.transaction() as session:
            session.execute(delete(SessionRow).where(SessionRow.digest == digest))
        with self._lock:
            self._known.pop(digest, None)

    def forget(self) -> None:
        """Looks everybody up anew: roles or accounts have changed."""
        with self._lock:
            self._known.clear()


def _digest(secret: str) -> str:
    # The secret is 256 random bits: a fast hash can't be searched, and it is paid per request.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
