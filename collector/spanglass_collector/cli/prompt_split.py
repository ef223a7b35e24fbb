"""`spanglass prompts split, power`: a test on live traffic, and how long it takes."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.prompt_registry import PATH, registry
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url
from spanglass_dashboards.api.prompt_split import PowerOut, SplitOut
from spanglass_store.errors import StoreError

Name = Annotated[str, typer.Argument(help="As `spanglass prompts list` shows it.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(split)
    app.command()(power)


def split(
    name: Name,
    before: Annotated[str, typer.Argument(help="Version, as calls name it.")],
    after: Annotated[str, typer.Argument(help="Version that is tested.")],
    days: Annotated[float, typer.Option(min=0.01, max=365, help="Since it began.")] = 14,
    expected_share: Annotated[
        float | None, typer.Option(min=0.001, max=0.999, help="Of AFTER, checked.")
    ] = None,
    guardrail: Annotated[
        list[str] | None,
        typer.Option(help="error_rate=+0.02 may rise so far, score.relevance=-0.05 fall."),
    ] = None,
    stop: Annotated[
        str, typer.Option(help="A label on AFTER: put back on BEFORE where a guardrail breaks.")
    ] = "",
    watch: Annotated[
        float | None, typer.Option(min=1, help="Look again every so many minutes, until it breaks.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Compares users of two versions while a split runs, and ends it where it does harm.

    It may be run as often as one likes. It exits with 1 where a guardrail is broken.

    spanglass prompts split shop-answer 3 4 --guardrail error_rate=+0.02 --stop staging
    """
    if before == after:
        raise typer.BadParameter("Name two versions.")
    if stop and not (guardrail and before.isdigit() and after.isdigit()):
        raise typer.BadParameter("--stop needs --guardrail, and versions by their numbers.")
    start = datetime.now(UTC) - timedelta(days=days)
    params: dict[str, Any] = {"before": before, "after": after, "start": start.isoformat()}
    params |= {"guardrail": guardrail} if guardrail else {}
    params |= {"expected_share": expected_share} if expected_share else {}
    with registry(data_dir, url, key, project) as (book, service, _):
        asked = _running(service)
        while True:
            answer = asked.request("GET", f"{PATH}/{name}/split", params=params | _of(project))
            found = SplitOut.model_validate(answer.json())
            if found.should_stop or watch is None:
                break
            time.sleep(watch * 60)
        if found.should_stop and stop:
            broken = ", ".join(each.guardrail for each in found.guardrails if each.is_broken)
            book.move(name, stop, int(before), "", f"broken: {broken}"[:200], int(after))
    if format_ is Format.JSON:
        print(found.model_dump_json(indent=2))
    else:
        _print(found, name)
    if found.should_stop:
        said = f" {stop} is on version {before} again." if stop else ""
        errors.print(f"A guardrail is broken: stop.{said}", style="red", highlight=False)
        raise typer.Exit(1)


def power(
    name: Name,
    version: Annotated[str, typer.Argument(help="Whose traffic is looked at.")],
    effect: Annotated[float, typer.Option(min=0, help="The difference to find, in its unit.")],
    value: Annotated[str, typer.Option(help="error_rate, score.NAME, …")] = "duration_s",
    share: Annotated[float, typer.Option(min=0.001, max=0.999, help="Of the new one.")] = 0.5,
    chance: Annotated[float, typer.Option(min=0.5, max=0.99, help="To find it.")] = 0.8,
    days: Annotated[int, typer.Option(min=1, max=90, help="Of traffic.")] = 14,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says how many users and days it takes to find a difference, from the prompt's own traffic.

    spanglass prompts power shop-answer 3 --value duration_s --effect 0.2 --share 0.1
    """
    params = {"version": version, "effect": effect, "value": value, "share": share}
    params |= {"chance": chance, "days": days}
    with registry(data_dir, url, key, project) as (_, service, _):
        answer = _running(service).request(
            "GET", f"{PATH}/{name}/power", params=params | _of(project)
        )
    found = PowerOut.model_validate(answer.json())
    rows = [
        ("at the end, once", found.users_at_the_end, _days(found.days_at_the_end)),
        ("however often", found.users_however_often, _days(found.days_however_often)),
    ]
    print_table(("looking", "users", "days"), rows)
    errors.print(
        f"{value} is {found.mean:.4g} with a spread of {found.sd:.4g} between users, of whom"
        f" {found.users_per_day:.4g} come a day.",
        markup=False, highlight=False,
    )  # fmt: skip


def _print(found: SplitOut, name: str) -> None:
    rows = [
        (
            each.name, f"{each.before:.4g}", f"{each.after:.4g}", f"{each.difference:.4g}",
            f"{each.low:.4g} … {each.high:.4g}", _ends(each.always_low, each.always_high),
            f"{each.p:.3g}", f"{each.variance_saved:.0%}",
            f"{each.users_before} / {each.users_after}",
        )
        for each in found.values
    ]  # fmt: skip
    print_table(
        ("value", "before", "after", "difference", "95 % interval", "however often", "p",
         "less noise", "users"),
        rows, whole=("value",),
    )  # fmt: skip
    print_table(
        ("guardrail", "difference, however often", ""),
        [
            (each.guardrail, _ends(each.always_low, each.always_high),
             "broken" if each.is_broken else "holds")
            for each in found.guardrails
        ],
    )  # fmt: skip
    said = []
    if not found.values:
        said.append("Too few users to compare: are user_id or session_id sent with the calls?")
    if found.users_of_both:
        said.append(f"{found.users_of_both} users saw both versions and count on no side.")
    if found.is_changed:
        said.append("The split changed in the middle: compare only the days since.")
    if found.sample_ratio is not None and found.sample_ratio.is_mismatch:
        said.append("The split is broken, trust nothing above.")
    for each in said:
        errors.print(each, markup=False, highlight=False)


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} … {high:.4g}"


def _days(days: float | None) -> str:
    return "no users come" if days is None else f"{days:.3g}"


def _of(project: str) -> dict[str, str]:
    return {"project": project} if project else {}


def _running(service: Service | None) -> Service:
    if service is None:
        raise StoreError("No service runs here: start one with `spanglass serve`, or give --url.")
    return service
