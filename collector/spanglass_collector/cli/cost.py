"""`spanglass cost`: who spent what, why it changed, and how it compares with a provider's file."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.advise import moments
from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service, opened_store
from spanglass_dashboards.api.cost import Cost
from spanglass_store.errors import StoreError
from spanglass_store.queries.cost import GROUPS, CostFilter, GroupBy, Interval, cost

app = typer.Typer(help="Costs: who spent what, and why it changed.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="cost")


_MOST: Final = 500
_FACTORS: Final = ("volume", "mix", "length", "price")
From = Annotated[str, typer.Option("--from", help="Begin: 7d ago, or a day like 2026-11-01.")]
To = Annotated[str, typer.Option("--to", help="End: now unless given, or a day.")]
Project = Annotated[str, typer.Option(help="Whose calls; all unless given.")]
By = Annotated[str, typer.Option(help=f"What is told apart: {', '.join(GROUPS)}.")]
Out = Annotated[Format, typer.Option("--format", help="table, json or csv.")]


@app.command()
def showback(
    begin: From = "30d",
    end: To = "",
    by: By = "feature",
    project: Project = "",
    fmt: Out = Format.CSV,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says who spent what, as a table to hand on.

    spanglass cost showback --by project --from 2026-10-01 --to 2026-11-01 > october.csv
    """
    since, until = moments(begin, end)
    found = _cost(since, until, project, _known(by), "none", data_dir, url, key)
    columns = (by, "usd", "share", "calls", "unpriced_calls", "input_tokens", "output_tokens")
    total = found.total.cost_usd
    groups = [*((each.name or "(none)", each) for each in found.groups), ("others", found.others)]
    rows = [
        (
            name, round(each.cost_usd, 4), round(each.cost_usd / total, 6) if total else 0.0,
            round(each.calls), round(each.unknown_calls), round(each.input_tokens),
            round(each.output_tokens),
        )
        for name, each in groups
        if each.calls
    ]  # fmt: skip
    _print(fmt, columns, rows)


@app.command()
def changes(
    begin: From = "7d",
    end: To = "",
    by: By = "model",
    project: Project = "",
    fmt: Out = Format.TABLE,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says why more or less was spent than in the same time before: the parts are the change.

    spanglass cost changes --from 7d --by feature
    """
    since, until = moments(begin, end)
    before = since - (until - since)
    service, settings = find_service(data_dir, url, key)
    group = _known(by)
    if service is not None:
        query = {
            "start": since.isoformat(), "end": until.isoformat(), "group_by": group,
            "project": project, "limit": 50,
        }  # fmt: skip
        answer = service.request("GET", "/api/v1/cost/changes", params=query).json()
        total, groups = answer["total"], answer["groups"]
    else:
        from spanglass_store.queries.cost_changes import changes as compare

        with opened_store(settings) as store:
            parts = compare(
                store, CostFilter(before, since, project), CostFilter(since, until, project), group
            ).parts
        total = vars(parts.total)
        groups = [
            {"name": name.partition("\0")[0], "model": name.rpartition("\0")[2], **vars(each)}
            for name, each in sorted(
                parts.groups.items(), key=lambda item: -abs(item[1].change)
            )[:50]
        ]  # fmt: skip
    columns = (by, "model", "before", "after", *_FACTORS)
    rows = [
        tuple(each[name] if name in each else each["name"] for name in ("name", *columns[1:]))
        for each in ({"name": "all", "model": "", **total}, *groups)
    ]
    if fmt is Format.TABLE:
        rows = [
            tuple(f"${v:,.2f}" if isinstance(v, float) else v for v in row) for row in rows
        ]  # fmt: skip
    _print(fmt, columns, rows)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header, of a provider.")],
    columns: Annotated[
        str,
        typer.Option(
            "--map",
            help="Which column is what: date=…,model=…,cost=…[,input=…][,output=…][,currency=…].",
        ),
    ],
    project: Project = "",
    fmt: Out = Format.TABLE,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Lays a provider's usage file beside what was recorded, and says what the difference is.

    spanglass cost compare usage.csv --map date=Date,model=Model,cost=Cost,input=In,output=Out
    """  # fmt: skip
    from spanglass_detectors.savings import usage

    try:
        names = usage.mapping(columns)
        with file.open(newline="", encoding="utf-8-sig") as lines:
            theirs = usage.read(lines, names)
    except (usage.UsageFileError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{file}: {error}.") from error
    except OSError as error:
        raise StoreError(f"{file} can't be read: {error.strerror}.") from error
    if not theirs:
        raise StoreError(f"{file} has no lines behind its header.")
    first, last = (pick(day for day, _ in theirs) for pick in (min, max))
    found = _cost(
        _midnight(first), _midnight(last + timedelta(days=1)), project, "model", "day", data_dir,
        url, key,
    )  # fmt: skip
    has_tokens = "input" in names or "output" in names
    ours = {
        (datetime.fromisoformat(step.time).date(), group.name): usage.Usage(
            (step.input_tokens * ("input" in names) + step.output_tokens * ("output" in names))
            if has_tokens
            else 0.0,
            step.cost_usd,
        )
        for group in found.groups
        for step in group.series
    }
    lines_ = usage.compare(theirs, ours)
    titles = ("day", "model", "file", "recorded", "difference", "not on both sides", "price")
    rows: list[tuple[Any, ...]] = [
        (
            str(each.day), each.model, each.theirs.usd, each.ours.usd, each.difference,
            each.missing, each.price,
        )
        for each in lines_
    ]  # fmt: skip
    sums = [sum(row[n] for row in rows) for n in range(2, len(titles))]
    rows.append(("all", "", *sums))
    if fmt is Format.TABLE:
        rows = [(*row[:2], *(f"${value:,.2f}" for value in row[2:])) for row in rows]
    _print(fmt, titles, rows)
    if not has_tokens:
        errors.print("Map input and output, too, to tell other prices from calls that are missing.")


def _cost(
    since: datetime, until: datetime, project: str, by: GroupBy, interval: Interval,
    data_dir: Path | None, url: str, key: str,
) -> Cost:  # fmt: skip
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        query = {
            "start": since.isoformat(), "end": until.isoformat(), "project": project,
            "group_by": by, "interval": interval, "limit": _MOST,
        }  # fmt: skip
        return Cost.model_validate(service.request("GET", "/api/v1/cost", params=query).json())
    with opened_store(settings) as store:
        return Cost.model_validate(
            cost(store, CostFilter(since, until, project), by, interval, _MOST)
        )


def _known(by: str) -> GroupBy:
    if by not in GROUPS:
        raise StoreError(f"Costs can't be told apart by {by!r}; choose from {', '.join(GROUPS)}.")
    return by  # type: ignore[return-value]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _print(fmt: Format, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if fmt is Format.JSON:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
    elif fmt is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(map(_inert, rows))
    elif fmt is Format.TABLE:
        print_table(columns, rows)
    else:
        raise StoreError("Choose table, json or csv.")


def _inert(row: Sequence[Any]) -> list[Any]:
    """A row that no spreadsheet runs: a name that begins like a formula gets a quote in front."""
    return [
        f"'{each}" if isinstance(each, str) and each[:1] in "=+-@\t\r" and each else each
        for each in row
    ]
