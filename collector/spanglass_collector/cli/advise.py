"""`spanglass advise`: what would cost less, and how sure that is."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.output import Format, console, errors, visible
from spanglass_collector.cli.remote import (
    ApiKey,
    DataDir,
    Service,
    Url,
    find_service,
    opened_store,
)
from spanglass_store.errors import StoreError

_PATH: Final = "/api/v1/advice"
app = typer.Typer(help="Savings: what would cost less, and how sure that is.")


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="advise")


From = Annotated[
    str, typer.Option("--from", help="Begin: 7d ago, or a day like 2026-11-01.", show_default=True)
]
To = Annotated[str, typer.Option("--to", help="End: now unless given, or a day like 2026-11-08.")]


@app.callback(invoke_without_command=True)
def advise(
    context: typer.Context,
    begin: From = "7d",
    end: To = "",
    project: Annotated[str, typer.Option(help="Whose calls; all unless given.")] = "",
    fmt: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says what would cost less, with its evidence and its interval, and what can't be said.

    spanglass advise
    spanglass advise --from 30d --project shop --format json
    """
    if context.invoked_subcommand is not None:
        return
    if fmt not in (Format.TABLE, Format.JSON):
        raise StoreError("Choose table or json.")
    since, until = moments(begin, end)
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        advice = _asked(service, since, until, project)
    else:
        from spanglass_collector.embedding import embed_apart
        from spanglass_store.advice.advisor import advise as make
        from spanglass_store.data_directory import DataDirectory

        embed = embed_apart(DataDirectory(settings.data_dir).models)
        with opened_store(settings) as store:
            advice = make(store, since, until, project, embed).as_dict()
    if fmt is Format.JSON:
        print(json.dumps(advice, ensure_ascii=False, indent=1, default=str))
        return
    for line in _lines(advice):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def moments(begin: str, end: str) -> tuple[datetime, datetime]:
    """A range as it is given to commands: days, or how long ago.

    Raises:
        StoreError: if it is neither.
    """
    from spanglass_detectors.drift.windows import parse_window

    now = datetime.now(UTC)
    try:
        return parse_window(f"{begin}..{end}", now)
    except ValueError as error:
        raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _asked(service: Service, since: datetime, until: datetime, project: str) -> dict[str, Any]:
    query = {
        "start": since.isoformat(), "end": until.isoformat(), "project": project, "wait": 30,
    }  # fmt: skip
    told = False
    while True:
        answer = service.request("GET", _PATH, params=query).json()
        if answer["state"] == "done":
            return dict(answer["advice"])
        if not told:
            errors.print("Looking through the calls; over millions that takes minutes …")
            told = True


def _lines(advice: dict[str, Any]) -> list[str]:
    spend = advice["spend_usd_month"]
    rate = "" if spend is None else f", {_usd(spend)} a month at that rate"
    lines = [f"{advice['days']} days{rate}. Savings are a month's, with a 95 % interval.", ""]
    for number, each in enumerate(advice["findings"], 1):
        saving, evidence = each["saving"], each["evidence"]
        numbers = ", ".join(f"{k} {_number(v)}" for k, v in evidence["numbers"].items())
        lines += [
            f"{number}. {each['title']}",
            f"   saves     {_interval(saving)}, confidence {each['confidence']}",
            f"   of        {', '.join([each['project'], *each['scope'].values()])}",
            f"   kind      {each['kind']}",
            f"   risk      {each['risk']}: {each['risk_note']}",
            f"   evidence  {numbers}",
            f"   traces    {', '.join(evidence['examples']) or 'none'}",
            f"   method    {each['method']}",
            f"   next      {each['next_step']}",
            "",
        ]
    if not advice["findings"]:
        lines += ["Nothing was found that would surely cost less.", ""]
    for each in advice["cant_say"]:
        lines += [
            f"Can't say ({each['kind']}), because {each['because']}.",
            f"   {each['turn_on']}",
        ]
    if advice["nothing"]:
        lines.append(f"Nothing worth doing: {', '.join(advice['nothing'])}.")
    lines += advice["notes"]
    return [visible(line) for line in lines]


def _interval(saving: dict[str, float]) -> str:
    low, high = _usd(saving["low"]), _usd(saving["high"])
    return f"{_usd(saving['usd_month'])} ({low} to {high})"


def _usd(value: float) -> str:
    return f"${value:,.2f}"


def _number(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


@app.command()
def selfhost(
    gpu_hour_usd: Annotated[float, typer.Option(help="Price of a GPU's hour.")],
    tokens_per_second: Annotated[
        float, typer.Option(help="Output tokens of a GPU within your objective of latency.")
    ],
    model: Annotated[str, typer.Option(help="Whose calls, as spans name it; all if none.")] = "",
    begin: From = "7d",
    end: To = "",
    project: Annotated[str, typer.Option(help="Whose calls; all unless given.")] = "",
    input_weight: Annotated[float, typer.Option(help="Of an input token beside output's.")] = 0.1,
    most_busy: Annotated[float, typer.Option(help="Part of the time a GPU may be busy.")] = 0.6,
    gpus_per_replica: Annotated[int, typer.Option(help="GPUs that the model needs.")] = 1,
    fewest_replicas: Annotated[int, typer.Option(help="That are always kept.")] = 1,
    scaled: Annotated[
        bool, typer.Option("--scaled/--fixed", help="Whether replicas come and go.")
    ] = False,
    staff_usd_month: Annotated[float, typer.Option(help="People's time.")] = 0.0,
    places: Annotated[
        int, typer.Option(help="Requests a replica serves at once: has policies simulated.")
    ] = 0,
    fmt: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says what recorded calls would cost on GPUs of one's own, and which assumption decides.

    spanglass advise selfhost --gpu-hour-usd 2.5 --tokens-per-second 1500 --model gpt-4o-mini
    """
    since, until = moments(begin, end)
    given: dict[str, Any] = {
        "gpu_hour_usd": gpu_hour_usd, "tokens_per_second": tokens_per_second,
        "input_weight": input_weight, "most_busy": most_busy,
        "gpus_per_replica": gpus_per_replica, "fewest_replicas": fewest_replicas,
        "staff_usd_month": staff_usd_month, "is_scaled": scaled,
    }  # fmt: skip
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        query = {
            "start": since.isoformat(), "end": until.isoformat(), "project": project,
            "model": model, "places": places, **given,
        }  # fmt: skip
        found = service.request("GET", f"{_PATH}/selfhost", params=query).json()
    else:
        from spanglass_store.advice.own_gpus import assumptions, own_gpus
        from spanglass_store.advice.scope import scope_of

        with opened_store(settings) as store:
            made = own_gpus(
                store, scope_of(since, until, project), model, assumptions(**given), places
            )
        found = {
            **vars(made.comparison), "assumptions": vars(made.assumed), "calls": made.calls,
            "unpriced_calls": made.unpriced, "simulated_days": made.simulated_days,
            "policies": [{"name": name, **vars(each)} for name, each in made.policies.items()],
        }  # fmt: skip
    if fmt is Format.JSON:
        print(json.dumps(found, indent=1))
        return
    for line in _both_ways(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _both_ways(found: dict[str, Any]) -> list[str]:
    even = found["break_even_factor"]
    fleet = (
        f"{found['replicas']} replicas at most, {found['gpu_hours_month']:,.0f} GPU hours, busy"
        f" {found['busy_share']:.0%}, {_usd(found['usd_per_million_tokens'])} a million tokens"
    )
    lines = [
        f"API   {_usd(found['api_usd_month'])} a month ({found['calls']:,.0f} calls looked at)",
        f"GPUs  {_usd(found['own_usd_month'])} a month: {fleet}",
        f"Both cost the same at {even:,.3g} times this traffic." if even else "They never meet.",
        f"What decides, if it is off by a fifth: {', '.join(found['decides']) or 'nothing'}.",
        "",
        "Assumed (a fifth of it is, a month):",
    ]
    for name, value in found["assumptions"].items():
        moved = found["influence"].get(name)
        lines.append(f"  {name} = {value:g}" + (f"  ({_usd(moved)})" if moved else ""))
    if found["unpriced_calls"]:
        lines.append(f"{found['unpriced_calls']:,.0f} calls have no price and count as free.")
    return lines + [
        f"Scaling {each['name']}: {each['replica_hours']:,.1f} replica hours in"
        f" {found['simulated_days']} days, {each['most']} at most, {each['waited']:.1%} of"
        f" requests wait, 95 % less than {each['wait_p95_s']:,.1f} s."
        for each in found["policies"]
    ]
