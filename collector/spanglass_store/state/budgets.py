"""Budgets: what somebody means to spend, in a day or a month."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Float, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from spanglass_store.errors import StoreError, Unknown
from spanglass_store.state.database import Base, Database, UtcTime

#: Each is looked at whenever budgets are listed.
MOST_BUDGETS: Final = 100


class Period(StrEnum):
    """What an amount is for; days and months are UTC's."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True)
class Plan:
    """What a budget is for and how much it is. Calls count that fit everything that is given.

    Attributes:
        name: what people know it by.
        amount_usd: US dollars a period.
        project: of the calls; empty for all.
        feature: as spans have it; empty for all.
        user: as spans have it; empty for all.
        model: the response's, else the request's; empty for all.
    """

    name: str
    amount_usd: float
    period: Period = Period.MONTH
    project: str = ""
    feature: str = ""
    user: str = ""
    model: str = ""


@dataclass(frozen=True)
class Budget:
    """A plan that is kept."""

    id: str
    plan: Plan
    created_at: datetime
    updated_at: datetime


class BudgetRow(Base):
    """A budget."""

    __tablename__ = "budgets"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    amount_usd: Mapped[float] = mapped_column(Float)
    period: Mapped[str] = mapped_column(String(8))
    project: Mapped[str] = mapped_column(String(200))
    feature: Mapped[str] = mapped_column(String(500))
    user: Mapped[str] = mapped_column(String(500))
    model: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class Budgets:
    """The budgets of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[Budget]:
        """Every budget, by name."""
        with self._database.transaction() as session:
            rows = session.scalars(select(BudgetRow).order_by(BudgetRow.name, BudgetRow.id))
            return [_budget(row) for row in rows]

    def get(self, budget_id: str) -> Budget:
        """One budget.

        Raises:
            Unknown: if there is none of that id.
        """
        with self._database.transaction() as session:
            return _budget(_find(session, budget_id))

    def create(self, plan: Plan) -> Budget:
        """Keeps a new budget.

        Raises:
            StoreError: if there are too many.
        """
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            if (session.scalar(select(func.count(BudgetRow.id))) or 0) >= MOST_BUDGETS:
                raise StoreError(
                    f"There are {MOST_BUDGETS} budgets, as many as there can be. Delete one first."
                )
            row = BudgetRow(id=secrets.token_hex(4), created_at=now, updated_at=now, **vars(plan))
            session.add(row)
            return _budget(row)

    def change(self, budget_id: str, plan: Plan) -> Budget:
        """Puts a plan in the place of a budget's.

        Raises:
            Unknown: if there is none of that id.
        """
        with self._database.transaction() as session:
            row = _find(session, budget_id)
            for name, value in vars(plan).items():
                setattr(row, name, value)
            row.updated_at = datetime.now(UTC)
            return _budget(row)

    def delete(self, budget_id: str) -> Budget:
        """Forgets a budget, and returns what it was.

        Raises:
            Unknown: if there is none of that id.
        """
        with self._database.transaction() as session:
            row = _find(session, budget_id)
            session.delete(row)
            return _budget(row)


def _find(session: Session, budget_id: str) -> BudgetRow:
    row = session.get(BudgetRow, budget_id)
    if row is None:
        raise Unknown(f"There is no budget {budget_id!r}. `spanglass budgets list` shows the ids.")
    return row


def _budget(row: BudgetRow) -> Budget:
    plan = Plan(
        row.name, row.amount_usd, Period(row.period), row.project, row.feature, row.user, row.model
    )
    return Budget(row.id, plan, row.created_at, row.updated_at)
