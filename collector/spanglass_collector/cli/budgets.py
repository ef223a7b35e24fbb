"""`spanglass budgets`: what calls of models may cost, and how that stands."""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Service,
    Url,
    find_service,
    opened_state,
    opened_store,
)
from spanglass_collector.settings import Settings
from spanglass_dashboards.api.budgets import BudgetIn, BudgetOut, shown
from spanglass_store.state.budgets import Budgets, Period, Plan

app = typer.Typer(help="Budgets: what calls may cost in a day or a month.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="budgets")


_PATH: Final = "/api/v1/budgets"
_COLUMNS: Final = (
    "id", "name", "of", "amount", "spent", "share", "a day", "forecast", "runs out",
)  # fmt: skip

Daily = Annotated[float | None, typer.Option(help="US dollars a day, UTC.")]
Monthly = Annotated[float | None, typer.Option(help="US dollars a month, UTC.")]
Project = Annotated[str, typer.Option(help="Whose calls; all unless given.")]
Feature = Annotated[str, typer.Option(help="Of the calls; any unless given.")]
User = Annotated[str, typer.Option(help="Of the calls; any unless given.")]
Model = Annotated[str, typer.Option(help="As spans name it; any unless given.")]
Id = Annotated[str, typer.Argument(help="As `spanglass budgets list` shows it.")]


@app.command("list")
def list_(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows every budget: what is spent of it, how fast, and where that leads.

    spanglass budgets list
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        found = [BudgetOut.model_validate(each) for each in service.request("GET", _PATH).json()]
    else:
        with opened_store(settings) as store, _budgets(settings) as budgets:
            found = shown(store, budgets.list())
    print_table(_COLUMNS, [_row(each) for each in found], whole=("id",))
    if not found:
        errors.print(
            "There are no budgets. `spanglass budgets create --help` shows how to make one."
        )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What you will know it by.")],
    daily: Daily = None,
    monthly: Monthly = None,
    project: Project = "",
    feature: Feature = "",
    user: User = "",
    model: Model = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Makes a budget of the calls that fit everything that is given.

    spanglass budgets create everything --monthly 2000
    spanglass budgets create "search of the shop" --project shop --feature search --daily 20
    """
    plan = _plan(name, daily, monthly, project, feature, user, model)
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        body = plan.model_dump(mode="json")
        budget_id = service.request("POST", _PATH, json=body).json()["id"]
    else:
        with _budgets(settings) as budgets:
            budget_id = budgets.create(Plan(**dict(plan))).id
    errors.print(f"Budget {budget_id}: {plan.name}.", markup=False, highlight=False)


@app.command()
def change(
    budget_id: Id,
    daily: Daily = None,
    monthly: Monthly = None,
    name: Annotated[str, typer.Option(help="A new name.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Gives a budget another amount or name.

    spanglass budgets change 1a2b3c4d --monthly 2500
    """
    service, settings = find_service(data_dir, url, key)
    with _found(service, settings, budget_id) as (before, budgets):
        if daily is None and monthly is None:
            is_daily = before.period is Period.DAY
            daily, monthly = (before.amount_usd, None) if is_daily else (None, before.amount_usd)
        plan = _plan(
            name or before.name, daily, monthly, before.project, before.feature, before.user,
            before.model,
        )  # fmt: skip
        if service is not None:
            service.request("PUT", f"{_PATH}/{budget_id}", json=plan.model_dump(mode="json"))
        else:
            budgets.change(budget_id, Plan(**dict(plan)))
    errors.print(f"Budget {budget_id} is changed.", markup=False, highlight=False)


@app.command()
def delete(budget_id: Id, data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Forgets a budget.

    spanglass budgets delete 1a2b3c4d
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        service.request("DELETE", f"{_PATH}/{budget_id}")
    else:
        with _budgets(settings) as budgets:
            budgets.delete(budget_id)
    errors.print(f"Budget {budget_id} is gone.", markup=False, highlight=False)


def _plan(
    name: str, daily: float | None, monthly: float | None, project: str, feature: str, user: str,
    model: str,
) -> BudgetIn:  # fmt: skip
    if (daily is None) == (monthly is None):
        raise typer.BadParameter("Give one amount: --daily or --monthly, in US dollars.")
    period = Period.DAY if monthly is None else Period.MONTH
    try:
        return BudgetIn(
            name=name, amount_usd=float(daily if monthly is None else monthly), period=period,  # type: ignore[arg-type]
            project=project, feature=feature, user=user, model=model,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None


@contextlib.contextmanager
def _found(
    service: Service | None, settings: Settings, budget_id: str
) -> Iterator[tuple[BudgetIn, Budgets]]:
    """A budget's plan, and the budgets where no service runs."""
    if service is not None:
        found = service.request("GET", f"{_PATH}/{budget_id}").json()
        yield BudgetIn(**{name: found[name] for name in BudgetIn.model_fields}), None  # type: ignore[misc]
        return
    with _budgets(settings) as budgets:
        yield BudgetIn(**vars(budgets.get(budget_id).plan)), budgets


@contextlib.contextmanager
def _budgets(settings: Settings) -> Iterator[Budgets]:
    """The budgets of a data directory, or of the state database that the settings name."""
    with opened_state(settings) as database:
        yield Budgets(database)


def _row(budget: BudgetOut) -> tuple[Any, ...]:
    of = [getattr(budget, name) for name in ("project", "feature", "user", "model")]
    runs_out = budget.runs_out_at
    return (
        budget.id, budget.name, ", ".join(filter(None, of)) or "all calls",
        f"${budget.amount_usd:,.2f} a {budget.period}", f"${budget.spent_usd:,.2f}",
        f"{budget.share:.0%}", f"${budget.burn_rate_usd_per_day:,.2f}",
        f"${budget.forecast_usd:,.2f}", f"{runs_out:%Y-%m-%d %H:%M}" if runs_out else "",
    )  # fmt: skip
