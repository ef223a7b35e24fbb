"""`spanglass prices`: what calls of models cost."""

import contextlib
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Service,
    Url,
    find_service,
    opened_store,
)
from spanglass_collector.settings import Settings
from spanglass_dashboards.api.prices import PriceIn, PriceOut, unknown_models
from spanglass_store.errors import StoreError
from spanglass_store.prices import file
from spanglass_store.prices.desk import PriceDesk, Recomputing
from spanglass_store.prices.entry import ALWAYS, Kind, Price, Source, hourly, usual_unit
from spanglass_store.prices.table import list_prices

app = typer.Typer(help="Prices of models, and what was charged by them.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="prices")


_PATH = "/api/v1/prices"
_POLL_S = 0.3
_COLUMNS = (
    "project", "provider", "model", "token_kind", "usd", "unit", "above_tokens", "service_tier",
    "start_date", "source",
)  # fmt: skip
_UNKNOWN = ("project", "provider", "model", "service_tier", "calls", "last_day", "command")

Provider = Annotated[str, typer.Option(help="As spans name it; any unless given.")]
Project = Annotated[str, typer.Option(help="Whose price; everybody's unless given.")]
Amount = Annotated[float | None, typer.Option(min=0, help="US dollars a million tokens.")]


@app.command("list")
def list_(
    model: Annotated[str, typer.Argument(help="Part of the model's name.")] = "",
    provider: Provider = "",
    source: Annotated[Source | None, typer.Option(help="Where prices come from.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=20_000)] = 200,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows prices.

    spanglass prices list gpt-4o
    spanglass prices list --source command
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        params = {"model": model, "provider": provider, "limit": limit}
        params |= {"source": str(source)} if source else {}
        items = service.request("GET", _PATH, params=params).json()["items"]
        rows = [PriceOut.model_validate(item) for item in items]
    else:
        with opened_store(settings) as store:
            found = list_prices(store, model, provider, source, limit)
        rows = [PriceOut.model_validate(each, from_attributes=True) for each in found]
    print_table(_COLUMNS, [_row(row) for row in rows], whole=("model",))
    if len(rows) >= limit:
        errors.print("There are more: name a model, or raise --limit.")


def _row(price: PriceOut) -> tuple[Any, ...]:
    values = price.model_dump(mode="json")
    start = "" if price.start_date == ALWAYS else str(price.start_date)
    return tuple((values | {"start_date": start})[name] for name in _COLUMNS)


@app.command("set")
def set_(
    model: Annotated[str, typer.Argument(help="As spans name it.")],
    provider: Provider = "",
    project: Project = "",
    input_: Annotated[
        float | None, typer.Option("--input", min=0, help="US dollars a million input tokens.")
    ] = None,
    output: Amount = None,
    cache_read: Amount = None,
    cache_write: Amount = None,
    reasoning: Amount = None,
    request: Annotated[float | None, typer.Option(min=0, help="US dollars a request.")] = None,
    gpu_hour: Annotated[
        float | None, typer.Option(min=0, help="US dollars an hour of one GPU of your own.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0.001, help="GPUs that the model runs on.")] = 1.0,
    concurrency: Annotated[
        float, typer.Option(min=0.001, help="Calls that it answers at once, on average.")
    ] = 1.0,
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day, UTC. [default: always]"),
    ] = None,
    service_tier: Annotated[str, typer.Option(help="Only for this one: batch, priority, …")] = "",
    above_tokens: Annotated[
        int, typer.Option(min=0, help="Only for calls of more input tokens.")
    ] = 0,
    recompute_: Annotated[
        bool, typer.Option("--recompute", help="Charge stored spans of the model anew, too.")
    ] = False,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Gives prices of your own; they go before those of a file and of the catalogue.

    spanglass prices set my-llama --input 0.10 --output 0.40 --recompute
    spanglass prices set gpt-4o --provider openai --project shop --input 2 --start 2026-01-01
    spanglass prices set 'ft:gpt-4.1-*' --provider openai --input 3 --output 12
    spanglass prices set llama-3.3-70b --gpu-hour 2.40 --gpus 4 --concurrency 12
    """
    if gpu_hour is None and (gpus, concurrency) != (1.0, 1.0):
        raise typer.BadParameter("--gpus and --concurrency need --gpu-hour.")
    amounts = {
        Kind.INPUT: input_, Kind.OUTPUT: output, Kind.CACHE_READ: cache_read,
        Kind.CACHE_WRITE: cache_write, Kind.REASONING: reasoning, Kind.REQUEST: request,
        Kind.GPU_HOUR: None if gpu_hour is None else hourly(gpu_hour, gpus, concurrency),
    }  # fmt: skip
    prices = [
        PriceIn(
            project=project, provider=provider, model=model, token_kind=kind, usd=usd,
            unit=usual_unit(kind),
            above_tokens=above_tokens, service_tier=service_tier,
            start_date=start.date() if start else ALWAYS,
        )
        for kind, usd in amounts.items()
        if usd is not None
    ]  # fmt: skip
    if not prices:
        raise typer.BadParameter("Give at least one price, for example --input 0.10.")
    with _desk(data_dir, url, key) as (service, desk):
        if service is not None:
            body = [price.model_dump(mode="json") for price in prices]
            service.request("PUT", _PATH, json=body)
        else:
            desk.set([Price(**dict(price)) for price in prices])
        errors.print(f"{len(prices)} prices of {model} count from now on.", markup=False)
        if recompute_:
            _recompute(service, desk, None, None, [])
        else:
            errors.print("Stored spans keep their cost until `spanglass prices recompute`.")


@app.command()
def unset(
    model: Annotated[str, typer.Argument(help="As `spanglass prices list` shows it.")],
    provider: Provider = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Takes back prices that were given by command.

    spanglass prices unset my-llama
    """
    with _desk(data_dir, url, key) as (service, desk):
        if service is not None:
            params = {"model": model, "provider": provider, "project": project}
            gone = service.request("DELETE", _PATH, params=params).json()["prices"]
        else:
            gone = desk.unset(project, provider, model)
            if not gone:
                raise StoreError(
                    "No price was given for that model. `spanglass prices list` shows them."
                )
    errors.print(f"{gone} prices of {model} are gone.", markup=False)


@app.command()
def check(path: Annotated[Path, typer.Argument(help="A file of prices (TOML).")]) -> None:
    """Says whether a file of prices is right, and what is wrong with it.

    spanglass prices check prices.toml
    """
    prices = file.read(path)
    models = len({(price.provider, price.model) for price in prices})
    console.print(f"{path} is right: {len(prices)} prices of {models} models.", markup=False)


@app.command()
def unknown(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far back.")] = 30,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows models that calls have no cost of, with the command that prices each.

    spanglass prices unknown
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        items = service.request("GET", f"{_PATH}/unknown", params={"days": days}).json()
    else:
        with opened_store(settings) as store:
            items = [each.model_dump() for each in unknown_models(store, days)]
    print_table(_UNKNOWN, [[item[name] for name in _UNKNOWN] for item in items], whole=("model",))
    if not items:
        errors.print("Every call has a cost.")


@app.command()
def recompute(
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day, inclusive.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this one; can be given several times.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Charges stored spans anew whose price has changed, while everything goes on.

    spanglass prices recompute
    spanglass prices recompute --start 2026-01-01 --end 2026-01-31 --model gpt-4o
    """
    with _desk(data_dir, url, key) as (service, desk):
        _recompute(
            service, desk, start.date() if start else None, end.date() if end else None, model or []
        )


def _recompute(
    service: Service | None, desk: PriceDesk, first: date | None, last: date | None,
    models: list[str],
) -> None:  # fmt: skip
    if service is None:
        total = desk.recompute(first, last, models, _show)
    else:
        body = {
            "start": str(first) if first else None, "end": str(last) if last else None,
            "models": models,
        }  # fmt: skip
        state = service.request("POST", f"{_PATH}/recompute", json=body).json()
        shown = 0
        while state["state"] == "running":
            time.sleep(_POLL_S)
            state = service.request("GET", f"{_PATH}/recompute").json()
            if state["spans_done"] > shown:
                shown = state["spans_done"]
                day = date.fromisoformat(state["day"])
                _show(Recomputing(True, day, shown, state["spans_total"]))
        if state["error"]:
            raise StoreError(state["error"])
        total = state["spans_total"]
    console.print(f"{total} spans were charged anew.", highlight=False)


def _show(state: Recomputing) -> None:
    errors.print(f"{state.day}: {state.done} of {state.total} spans", highlight=False)


@contextlib.contextmanager
def _desk(data_dir: Path | None, url: str, key: str) -> Iterator[tuple[Service | None, PriceDesk]]:
    """The service, if it runs; else the book of its data directory."""
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        yield service, None  # type: ignore[misc]
        return
    with opened_store(settings) as store:
        desk = PriceDesk(store, _path(settings))
        desk.load()
        yield None, desk


def _path(settings: Settings) -> Path | None:
    return Path(settings.prices) if settings.prices else None
