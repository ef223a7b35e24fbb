"""Where each job is, who runs it, and which old windows it is asked to judge.

A lease decides who runs a job: whoever holds it may move the job's watermark. It is a row that is
changed only where nobody else's lease is valid, which both SQLite and PostgreSQL do in one step.
Clocks of collectors that share a database may differ by less than the lease lasts.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, Float, Integer, String, Text, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.state.database import Base, Database

#: Name of the secret that values are hashed with before they are kept as subjects.
SUBJECT_KEY: Final = "pii_subjects"
#: Name of the secret that is signed with what browsers keep while somebody signs in elsewhere.
SIGN_IN_KEY: Final = "sign_in"
#: Seconds that a lease lasts unless it is renewed.
LEASE_S: Final = 60.0
_US: Final = 1_000_000


class JobRow(Base):
    """Where a job is. Times are microseconds since 1970."""

    __tablename__ = "job_states"

    job: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[int] = mapped_column(BigInteger, default=0)
    watermark: Mapped[int] = mapped_column(BigInteger)
    window_end: Mapped[int] = mapped_column(BigInteger, default=0)
    cursor: Mapped[str] = mapped_column(Text, default="")
    retry_at: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_hour: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_s: Mapped[float] = mapped_column(Float, default=0.0)
    spent_day: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_usd: Mapped[float] = mapped_column(Float, default=0.0)
    error: Mapped[str] = mapped_column(Text, default="")


class BackfillRow(Base):
    """An old window that a job is to judge, by when spans began."""

    __tablename__ = "job_backfills"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    job: Mapped[str] = mapped_column(String(64), index=True)
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    done_until: Mapped[int] = mapped_column(BigInteger)
    cursor: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(16), default="queued")
    spans: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    requested_at: Mapped[int] = mapped_column(BigInteger)


class SecretRow(Base):
    """A secret of the installation, made when it is first asked for."""

    __tablename__ = "installation_secrets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(128))


@dataclass
class JobState:
    """Where a job is. Times are microseconds since 1970, 0 for none.

    Attributes:
        watermark: everything that came until then is judged.
        window_end: end of the window that is being judged; 0 between windows.
        cursor: the key of the last span of it that is.
        retry_at: when the next span that failed is due again.
        spent_hour: the hour that `spent_s` is of.
        spent_day: the day that `spent_usd` is of.
    """

    job: str
    watermark: int
    window_end: int = 0
    cursor: str = ""
    retry_at: int = 0
    spent_hour: int = 0
    spent_s: float = 0.0
    spent_day: int = 0
    spent_usd: float = 0.0
    error: str = ""
    owner: str = ""
    lease_until: int = 0


@dataclass
class Backfill:
    """An old window that a job is to judge. Times are microseconds since 1970.

    Attributes:
        done_until: spans that began before then are judged.
        cursor: the key of the last span behind that which is.
        state: `queued`, `running`, `done` or `failed`.
    """

    id: str
    job: str
    start: int
    end: int
    done_until: int
    cursor: str
    state: str
    spans: int
    error: str
    requested_at: int


class LeaseLost(Exception):
    """Somebody else runs the job by now; what was judged meanwhile is judged the same by them."""


def now_us() -> int:
    """The present, in microseconds since 1970."""
    return time.time_ns() // 1000


def moment(us: int) -> datetime:
    """A time from microseconds since 1970."""
    return datetime.fromtimestamp(us // _US, UTC).replace(microsecond=us % _US)


_STATE: Final = (
    "watermark", "window_end", "cursor", "retry_at", "spent_hour", "spent_s", "spent_day",
    "spent_usd", "error",
)  # fmt: skip
_BACKFILL: Final = ("done_until", "cursor", "state", "spans", "error")


class JobBook:
    """The jobs of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self) -> dict[str, JobState]:
        """Every job that was ever run, by name."""
        with self._database.transaction() as session:
            return {row.job: _state(row) for row in session.scalars(select(JobRow))}

    def acquire(self, job: str, owner: str, watermark: int) -> JobState | None:
        """Takes or renews a job's lease; None while somebody else holds it.

        Args:
            job: by name.
            owner: who asks.
            watermark: where the job begins if it was never run.
        """
        self._create(job, watermark)
        now = now_us()
        with self._database.transaction() as session:
            taken = session.execute(
                update(JobRow)
                .where(JobRow.job == job, or_(JobRow.owner == owner, JobRow.lease_until < now))
                .values(owner=owner, lease_until=now + int(LEASE_S * _US))
            )
            if not taken.rowcount:  # type: ignore[attr-defined]
                return None
            row = session.get(JobRow, job, populate_existing=True)
            return _state(row) if row is not None else None

    def _create(self, job: str, watermark: int) -> None:
        try:
            with self._database.transaction() as session:
                if session.get(JobRow, job) is None:
                    session.add(JobRow(job=job, watermark=watermark))
        except IntegrityError:
            # Another collector has just done the same.
            return

    def save(self, state: JobState, owner: str) -> None:
        """Writes where a job is, and renews its lease.

        Raises:
            LeaseLost: if somebody else has taken it.
        """
        now = now_us()
        values = {name: getattr(state, name) for name in _STATE}
        with self._database.transaction() as session:
            done = session.execute(
                update(JobRow)
                .where(JobRow.job == state.job, JobRow.owner == owner)
                .values(**values, lease_until=now + int(LEASE_S * _US))
            )
            if not done.rowcount:  # type: ignore[attr-defined]
                raise LeaseLost(state.job)

    def release(self, owner: str) -> None:
        """Gives back every lease of an owner."""
        with self._database.transaction() as session:
            session.execute(
                update(JobRow).where(JobRow.owner == owner).values(owner="", lease_until=0)
            )

    # -- backfills -----------------------------------------------------------------------------

    def request(self, job: str, start: int, end: int) -> Backfill:
        """Asks that a job judges what began in a window."""
        with self._database.transaction() as session:
            row = BackfillRow(
                id=secrets.token_hex(6), job=job, start=start, end=end, done_until=start,
                requested_at=now_us(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _backfill(row)

    def backfills(self, job: str = "", is_open: bool = False, limit: int = 50) -> list[Backfill]:
        """Windows that were asked for, the latest first.

        Args:
            job: of this one alone.
            is_open: only those that are not done, the oldest first.
            limit: most of them.
        """
        order = BackfillRow.requested_at if is_open else BackfillRow.requested_at.desc()
        asked = select(BackfillRow).order_by(order).limit(limit)
        if job:
            asked = asked.where(BackfillRow.job == job)
        if is_open:
            asked = asked.where(BackfillRow.state.in_(("queued", "running")))
        with self._database.transaction() as session:
            return [_backfill(row) for row in session.scalars(asked)]

    def save_backfill(self, backfill: Backfill) -> None:
        """Writes how far a window is."""
        values = {name: getattr(backfill, name) for name in _BACKFILL}
        with self._database.transaction() as session:
            session.execute(
                update(BackfillRow).where(BackfillRow.id == backfill.id).values(**values)
            )

    # -- secrets -------------------------------------------------------------------------------

    def secret(self, name: str) -> str:
        """A secret of the installation, 32 random bytes in hexadecimal."""
        try:
            with self._database.transaction() as session:
                row = session.get(SecretRow, name)
                if row is not None:
                    return row.value
                value = secrets.token_hex(32)
                session.add(SecretRow(name=name, value=value))
            return value
        except IntegrityError:
            return self.secret(name)


def _state(row: JobRow) -> JobState:
    names = ("job", *_STATE, "owner", "lease_until")
    return JobState(**{name: getattr(row, name) for name in names})


def _backfill(row: BackfillRow) -> Backfill:
    names = ("id", "job", "start", "end", *_BACKFILL, "requested_at")
    return Backfill(**{name: getattr(row, name) for name in names})
