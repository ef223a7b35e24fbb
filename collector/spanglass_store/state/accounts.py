"""Accounts: people who sign in, and what they are in which project."""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Boolean, ForeignKey, String, Text, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state import passwords
from spanglass_store.state.database import Base, Database, UtcTime
from spanglass_store.state.keys import keep_project, named_project
from spanglass_store.state.rights import ALL_PROJECTS, Role

#: Accounts of an installation at most, and roles of an account.
MOST_ACCOUNTS: Final = 10_000
MOST_ROLES: Final = 1_000
#: How long it is believed that there is no account, in seconds.
_REMEMBERED_S: Final = 2.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")
_NO_NAME: Final = re.compile(r"[^a-z0-9._@+-]+")
#: Characters of a name from elsewhere: they leave room for what tells two people apart.
_LONGEST_CALLED: Final = 100
#: Names that stand for somebody else in logs: of keys, and of this machine.
_TAKEN: Final = re.compile(r"[0-9a-f]{8}|local|somebody|unknown|jobs")


class AccountRow(Base):
    """A person."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    #: Empty for who signs in elsewhere.
    password: Mapped[str] = mapped_column(Text)
    #: Who this is at the provider of identities: issuer and subject; empty for a local account.
    subject: Mapped[str] = mapped_column(String(600), index=True)
    payload: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcTime)


class RoleRow(Base):
    """What a person is in a project."""

    __tablename__ = "account_roles"

    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"), primary_key=True)
    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class SessionRow(Base):
    """A browser in which somebody is signed in. The secret itself is not kept."""

    __tablename__ = "web_sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Account:
    """A person as they are listed.

    Attributes:
        roles: by project; `*` is all of them.
        payload: whether they may read what people and models wrote.
        is_external: whether they sign in elsewhere, by OpenID Connect.
    """

    name: str
    payload: bool
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None
    is_external: bool
    roles: Mapping[str, Role] = field(default_factory=dict)


class Accounts:
    """The accounts of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._configured = (0.0, False)

    def create(
        self, name: str, password: str, roles: Mapping[str, Role], payload: bool = True
    ) -> Account:
        """Makes an account.

        Raises:
            Conflict: if there is one of that name.
            StoreError: if the name, the password or a project's name can't be one.
        """
        name = named(name)
        kept = passwords.hashed(passwords.acceptable(password, name))
        with self._database.transaction() as session:
            if session.get(AccountRow, name) is not None:
                raise Conflict(f"There is an account {name!r} already. Choose another name.")
            row = new_row(session, name, kept, "", payload)
            give(session, name, roles)
            made = shown(session, row)
        self._configured = (0.0, True)
        return made

    def arrive(self, subject: str, called: str, roles: Mapping[str, Role] | None) -> Account:
        """The account of somebody whom a provider of identities knows; made when there is none.

        A local account of the same name stays somebody else's: the newcomer gets another name.

        Args:
            subject: issuer and subject, by which they are known again.
            called: what they are called there.
            roles: all that they are from now on; None leaves that as it is.

        Raises:
            StoreError: if the account is disabled, or a project's name can't be one.
        """
        try:
            account = self._arrive(subject, called, roles)
        except IntegrityError:
            # They signed in twice at once, and the other one made the account.
            account = self._arrive(subject, called, roles)
        self._configured = (0.0, True)
        return account

    def _arrive(self, subject: str, called: str, roles: Mapping[str, Role] | None) -> Account:
        with self._database.transaction() as session:
            row = session.scalar(select(AccountRow).where(AccountRow.subject == subject))
            if row is None:
                row = new_row(session, _free_name(session, called, subject), "", subject, True)
            if row.disabled_at is not None:
                raise StoreError(f"The account {row.name} is disabled.")
            if roles is not None:
                session.execute(delete(RoleRow).where(RoleRow.account == row.name))
                give(session, row.name, roles)
            return shown(session, row)

    def list(self) -> list[Account]:
        """Every account by name, disabled ones too."""
        with self._database.transaction() as session:
            held: dict[str, dict[str, Role]] = {}
            for each in session.scalars(select(RoleRow)):
                held.setdefault(each.account, {})[each.project] = Role(each.role)
            rows = session.scalars(select(AccountRow).order_by(AccountRow.name))
            return [_account(row, held.get(row.name, {})) for row in rows]

    def get(self, name: str) -> Account:
        """One account.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            return shown(session, found(session, name))

    def set_role(self, name: str, project: str, role: Role | None) -> Account:
        """Says what somebody is in a project, or that they are nothing there any more.

        Raises:
            Unknown: if there is no such account.
            StoreError: if the project's name can't be one.
        """
        with self._database.transaction() as session:
            row = found(session, name)
            if role is None:
                session.execute(
                    delete(RoleRow).where(RoleRow.account == row.name, RoleRow.project == project)
                )
            else:
                give(session, row.name, {project: role})
            return shown(session, row)

    def set_payload(self, name: str, payload: bool) -> Account:
        """Says whether somebody may read prompts and answers.

        Raises:
            Unknown: if there is no such account.
        """
        with self._database.transaction() as session:
            row = found(session, name)
            row.payload = payload
            return shown(session, row)

    def disable(self, name: str, disabled: bool = True) -> Account:
        """Lets somebody in no more, and signs them out everywhere; or lets them in again.

        Raises:
            Unknown: if there is no such account.
        """
        with self._database.transaction() as session:
            row = found(session, name)
            row.disabled_at = (row.disabled_at or datetime.now(UTC)) if disabled else None
            if disabled:
                session.execute(delete(SessionRow).where(SessionRow.account == row.name))
            return shown(session, row)

    def reset_password(self, name: str, password: str) -> Account:
        """Gives somebody another password, and signs them out everywhere.

        Raises:
            Unknown: if there is no such account.
            StoreError: if the password can't be one, or they sign in elsewhere.
        """
        kept = passwords.hashed(passwords.acceptable(password, name))
        with self._database.transaction() as session:
            row = found(session, name)
            if row.subject:
                raise StoreError(f"{name} signs in by OpenID Connect and has no password here.")
            row.password = kept
            session.execute(delete(SessionRow).where(SessionRow.account == row.name))
            return shown(session, row)

    def check(self, name: str, password: str) -> Account | None:
        """Who this is; None if name and password do not fit, or the account is disabled.

        It takes as long for a name that nobody has.
        """
        with self._database.transaction() as session:
            row = _row(session, name)
            kept, is_open = (row.password, row.disabled_at is None) if row else ("", False)
        if not passwords.matches(kept, password) or not is_open or row is None:
            return None
        with self._database.transaction() as session:
            again = found(session, row.name)
            if passwords.is_outdated(kept) and again.password == kept:
                again.password = passwords.hashed(password)
            return shown(session, again) if again.disabled_at is None else None

    def configured(self) -> bool:
        """Whether there is an account. Accounts are disabled, never deleted: it stays so."""
        at, known = self._configured
        if known or time.monotonic() - at < _REMEMBERED_S:
            return known
        with self._database.transaction() as session:
            is_there = session.scalar(select(AccountRow.name).limit(1)) is not None
        self._configured = (time.monotonic(), is_there)
        return is_there


def named(name: str) -> str:
    """An account's name, in lower case.

    Raises:
        StoreError: if it can't be one.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name) or _TAKEN.fullmatch(name):
        raise StoreError(
            f"{name!r} can't be an account's name: use up to 128 letters, digits and . _ @ + -,"
            " beginning with a letter or digit; not eight hexadecimal digits, which are a key's."
        )
    return name


def _free_name(session: Session, called: str, subject: str) -> str:
    """A name for somebody from elsewhere: what they are called there, where that is free."""
    mark = hashlib.sha256(subject.encode()).hexdigest()[:10]
    name = _NO_NAME.sub("-", called.strip().lower()).lstrip("._@+-")[:_LONGEST_CALLED]
    if not name or _TAKEN.fullmatch(name):
        return f"{name or 'person'}-{mark}"
    return name if session.get(AccountRow, name) is None else f"{name}-{mark}"


def found(session: Session, name: str) -> AccountRow:
    """The row of an account.

    Raises:
        Unknown: if there is none.
    """
    row = _row(session, name)
    if row is None:
        raise Unknown(f"There is no account {name!r}. `spanglass accounts list` shows the names.")
    return row


def _row(session: Session, name: str) -> AccountRow | None:
    # Only what can be a name: PostgreSQL takes offence at some that can't.
    name = name.strip().lower()
    return session.get(AccountRow, name) if _NAME.fullmatch(name) else None


def new_row(session: Session, name: str, kept: str, subject: str, payload: bool) -> AccountRow:
    """Adds the row of an account.

    Raises:
        StoreError: if there are too many.
    """
    count = session.scalar(select(func.count()).select_from(AccountRow)) or 0
    if count >= MOST_ACCOUNTS:
        raise StoreError(f"There are {MOST_ACCOUNTS:,} accounts, which is the most there can be.")
    row = AccountRow(
        name=name, password=kept, subject=subject, payload=payload, created_at=datetime.now(UTC),
        disabled_at=None, signed_in_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def give(session: Session, name: str, roles: Mapping[str, Role]) -> None:
    """Gives somebody roles; those in other projects stay.

    Raises:
        StoreError: if a project's name can't be one, or there are too many.
    """
    for project, role in roles.items():
        if project != ALL_PROJECTS:
            keep_project(session, named_project(project), datetime.now(UTC))
        row = session.get(RoleRow, (name, project))
        if row is None:
            session.add(RoleRow(account=name, project=project, role=Role(role).value))
            session.flush()
        else:
            row.role = Role(role).value
    mine = select(func.count()).select_from(RoleRow).where(RoleRow.account == name)
    if (session.scalar(mine) or 0) > MOST_ROLES:
        raise StoreError(f"An account has {MOST_ROLES:,} roles at most. Give one in all projects.")


def roles_of(session: Session, name: str) -> dict[str, Role]:
    """What somebody is, by project."""
    rows = session.scalars(select(RoleRow).where(RoleRow.account == name))
    return {row.project: Role(row.role) for row in rows}


def shown(session: Session, row: AccountRow) -> Account:
    """A row as it is listed."""
    return _account(row, roles_of(session, row.name))


def _account(row: AccountRow, roles: Mapping[str, Role]) -> Account:
    return Account(
        row.name, row.payload, row.created_at, row.disabled_at, row.signed_in_at,
        bool(row.subject), dict(sorted(roles.items())),
    )  # fmt: skip
