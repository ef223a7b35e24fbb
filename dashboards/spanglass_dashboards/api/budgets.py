"""Budgets: what calls may cost, and how that stands."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.context import Context, context_of, manager, of_project, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.client import Store
from spanglass_store.errors import NotAllowed
from spanglass_store.queries.budgets import standings
from spanglass_store.state.budgets import Budget, Budgets, Period, Plan
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/budgets", tags=["cost"])


class BudgetIn(Exact):
    """What a budget is for; calls count that fit everything that is given."""

    name: str = Field(min_length=1, max_length=200)
    # What is spent is divided by it: of less than a millionth of a dollar that can be no number.
    amount_usd: float = Field(
        strict=True, ge=1e-6, le=1e12, allow_inf_nan=False, description="US dollars a period."
    )
    period: Period = Field(Period.MONTH, description="Days and months are UTC's.")
    project: str = Field("", max_length=200, description="Empty for all.")
    feature: str = Field("", max_length=500, description="As spans have it; empty for all.")
    user: str = Field("", max_length=500, description="As spans have it; empty for all.")
    model: str = Field("", max_length=500, description="As spans have it; empty for all.")


class BudgetOut(BudgetIn):
    """A budget, and how it stands."""

    # A service that is newer than who reads this may say more.
    model_config = ConfigDict(extra="ignore")

    id: str
    created_at: datetime
    updated_at: datetime
    period_start: datetime
    period_end: datetime
    spent_usd: float = Field(description="In the period, so far.")
    share: float = Field(description="Of the amount; 1 is all of it.")
    burn_rate_usd_per_day: float = Field(
        description="Over the last week of a monthly budget, the last six hours of a daily one."
    )
    forecast_usd: float = Field(description="Cost of the whole period, at that rate.")
    runs_out_at: datetime | None = Field(
        description="When the amount was or will be spent, at that rate; null if not in the period."
    )


def _kept(context: Annotated[Context, Depends(context_of)]) -> Budgets:
    if context.budgets is None:
        raise NotFound("This process keeps no budgets.")
    return context.budgets


Kept = Annotated[Budgets, Depends(_kept)]
Reader = Annotated[Principal, Depends(reader)]
Manager = Annotated[Principal, Depends(manager)]
OfRequest = Annotated[Context, Depends(context_of)]


@router.get("")
async def list_(context: OfRequest, principal: Reader, budgets: Kept) -> list[BudgetOut]:
    """Budgets of one's projects, by name; those of no project are shown to admin keys."""
    found = await asyncio.to_thread(budgets.list)
    mine = [each for each in found if _is_visible(each, principal)]
    return await asyncio.to_thread(shown, context.store(principal), mine)


@router.post("", status_code=201)
async def create(
    context: OfRequest,
    principal: Manager,
    budgets: Kept,
    body: BudgetIn,
) -> BudgetOut:
    """Makes a budget."""
    _require(body.project, principal)
    made = await asyncio.to_thread(budgets.create, Plan(**dict(body)))
    return await _one(context, principal, made)


@router.get("/{budget_id}")
async def show(context: OfRequest, principal: Reader, budgets: Kept, budget_id: str) -> BudgetOut:
    """One budget."""
    return await _one(context, principal, await _visible(budgets, principal, budget_id))


@router.put("/{budget_id}")
async def change(
    context: OfRequest,
    principal: Manager,
    budgets: Kept,
    budget_id: str,
    body: BudgetIn,
) -> BudgetOut:
    """Puts another plan in the place of a budget's."""
    _require((await _visible(budgets, principal, budget_id)).plan.project, principal)
    _require(body.project, principal)
    changed = await asyncio.to_thread(budgets.change, budget_id, Plan(**dict(body)))
    return await _one(context, principal, changed)


@router.delete("/{budget_id}", status_code=204)
async def delete(principal: Manager, budgets: Kept, budget_id: str) -> None:
    """Forgets a budget."""
    _require((await _visible(budgets, principal, budget_id)).plan.project, principal)
    await asyncio.to_thread(budgets.delete, budget_id)


def shown(store: Store, budgets: Sequence[Budget]) -> list[BudgetOut]:
    """Budgets with how they stand.

    Args:
        store: as a reader.
        budgets: which.
    """
    found = standings(store, budgets, datetime.now(UTC)) if budgets else []
    return [
        BudgetOut(
            **vars(budget.plan),
            id=budget.id,
            created_at=budget.created_at,
            updated_at=budget.updated_at,
            **vars(each),
        )
        for budget, each in zip(budgets, found, strict=True)
    ]


async def _one(context: Context, principal: Principal, budget: Budget) -> BudgetOut:
    (only,) = await asyncio.to_thread(shown, context.store(principal), [budget])
    return only


async def _visible(budgets: Budgets, principal: Principal, budget_id: str) -> Budget:
    found = await asyncio.to_thread(budgets.get, budget_id)
    if not _is_visible(found, principal):
        raise NotFound(f"There is no budget {budget_id!r}.")
    return found


def _require(project: str, principal: Principal) -> None:
    """One that counts all projects is for who administers all of them."""
    if principal.projects is None:
        return
    if not project:
        raise NotAllowed("Name a project: budgets of all projects take an administrator of all.")
    of_project(principal, project)


def _is_visible(budget: Budget, principal: Principal) -> bool:
    return principal.projects is None or budget.plan.project in principal.projects
