"""`spanglass prompts`: versions of prompts, their labels, and what a change did."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from spanglass.prompts import PromptError
from spanglass_collector.cli import prompt_files, prompt_search, prompt_split
from spanglass_collector.cli.output import Format, console, errors, print_table, visible
from spanglass_collector.cli.prompt_registry import PATH, registry, version_of
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, opened_store
from spanglass_dashboards.api.comparing import Compared, Comparison, compared, ratio
from spanglass_store.errors import StoreError
from spanglass_store.prompts.diff import diff as lines_of
from spanglass_store.prompts.files import as_yaml
from spanglass_store.queries.samples import Side, samples, units
from spanglass_store.state.keys import DEFAULT_PROJECT
from spanglass_store.state.prompts import definition_of

app = typer.Typer(
    help="Prompts: versions, labels, files, and what a change did.", no_args_is_help=True
)
prompt_files.register(app)
prompt_search.register(app)
prompt_split.register(app)

Name = Annotated[str, typer.Argument(help="As `spanglass prompts list` shows it.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]
Which = Annotated[
    str, typer.Option("--version", help="A version's number, or a label. [default: the newest]")
]
_SIGNS: Final = {"same": " ", "removed": "-", "added": "+", "gap": "…"}
_STYLES: Final = {"removed": "red", "added": "green", "gap": "dim"}
_COMPARED: Final = (
    "value",
    "statistic",
    "before",
    "after",
    "difference",
    "95 % interval",
    "however often",
    "p",
    "n",
)


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Part of the name.")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows prompts with their newest version and their labels.

    spanglass prompts list
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        found = book.find(search)
    rows = [
        (
            each.name, each.latest, ", ".join(f"{k} {v}" for k, v in each.labels.items()),
            f"{each.updated_at:%Y-%m-%d %H:%M}",
        )
        for each in found
    ]  # fmt: skip
    print_table(("name", "newest", "labels", "changed"), rows, whole=("name",))
    if not found:
        errors.print("There are no prompts. `spanglass prompts push --help` shows how to make one.")


@app.command()
def show(
    name: Name,
    version: Which = "latest",
    history: Annotated[bool, typer.Option(help="List its versions instead.")] = False,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows what a version says, as YAML.

    spanglass prompts show greeting --version production
    spanglass prompts show greeting --history
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        if history:
            rows = [
                (
                    each.version, ", ".join(each.labels), each.author, each.message, each.source,
                    f"{each.created_at:%Y-%m-%d %H:%M}",
                )
                for each in book.versions(name)
            ]  # fmt: skip
            print_table(("version", "labels", "author", "message", "source", "when"), rows)
            return
        found = version_of(book, name, version)
    errors.print(f"{name}, version {found.version}", markup=False, highlight=False)
    for line in as_yaml(found.document).splitlines():
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


@app.command()
def label(
    name: Name,
    label: Annotated[str, typer.Argument(help="production, staging, …")],
    version: Annotated[int, typer.Argument(min=0, help="Where to; 0 takes the label off.")],
    message: Annotated[str, typer.Option("--message", "-m", help="Why.")] = "",
    author: Annotated[str, typer.Option(help="Who moves it; the key's id unless given.")] = "",
    expect: Annotated[
        int | None,
        typer.Option(min=0, help="Where it is believed to be, 0 for nowhere; else it stays."),
    ] = None,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Puts a label on a version; applications use it within a minute.

    spanglass prompts label greeting production 3 --expect 2 -m "fewer refusals"
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        book.move(name, label, version, author, message, expect)
    said = f"is on version {version}" if version else "is on no version"
    errors.print(f"{label} of {name} {said}.", markup=False, highlight=False)


@app.command()
def diff(
    name: Name,
    before: Annotated[str, typer.Argument(help="A version's number, or a label.")],
    after: Annotated[str, typer.Argument(help="A version's number, or a label.")] = "latest",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows what changed between two versions.

    spanglass prompts diff greeting production latest
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        sides = [version_of(book, name, each) for each in (before, after)]
    for line in lines_of(sides[0].document, sides[1].document):
        text = Text(f"{_SIGNS[line.kind]} {visible(line.text)}", style=_STYLES.get(line.kind, ""))
        console.print(text, soft_wrap=True, highlight=False)


@app.command()
def render(
    name: Name,
    version: Which = "latest",
    var: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE; a value in JSON counts as that.")
    ] = None,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows a version with values for its variables.

    spanglass prompts render greeting --var name=Ada
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        definition = definition_of(version_of(book, name, version))
    try:
        made = definition.render(_values(var or [], definition.variables))
    except PromptError as error:
        raise StoreError(str(error)) from error
    if isinstance(made, str):
        print(made)
    else:
        print(json.dumps(made, ensure_ascii=False, indent=2))


@app.command()
def compare(
    name: Name,
    before: Annotated[str, typer.Argument(help="Version, as calls name it.")],
    after: Annotated[str, typer.Argument(help="Version, as calls name it.")],
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="Of calls, until now.")] = 30,
    model: Annotated[str, typer.Option(help="Only calls of this model.")] = "",
    feature: Annotated[str, typer.Option(help="Only calls of this feature.")] = "",
    environment: Annotated[str, typer.Option(help="Only calls of this environment.")] = "",
    expected_share: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.999, help="Of AFTER in a split: checked against the users."),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Compares calls with two versions: latency, tokens, cost, errors, scores.

    spanglass prompts compare greeting 2 3 --days 7
    """
    if before == after:
        raise typer.BadParameter("Name two versions.")
    start = datetime.now(UTC) - timedelta(days=days)
    narrow = {"model": model, "feature": feature, "environment": environment}
    with registry(data_dir, url, key, project) as (_, service, settings):
        if service is not None:
            params = {"before": before, "after": after, "start": start.isoformat(), **narrow}
            params |= {"project": project} if project else {}
            params |= {"expected_share": str(expected_share)} if expected_share else {}
            answer = service.request("GET", f"{PATH}/{name}/compare", params=params)
            found = Comparison.model_validate(answer.json())
        else:
            until = datetime.now(UTC) + timedelta(minutes=1)
            sides = [
                Side(
                    start, until, project or DEFAULT_PROJECT, prompt_name=name,
                    prompt_version=version, **narrow,
                )
                for version in (before, after)
            ]  # fmt: skip
            with opened_store(settings) as store:
                found = compared(samples(store, sides[0]), samples(store, sides[1]))
                if expected_share is not None:
                    counts = [units(store, side) for side in sides]
                    found.sample_ratio = ratio(counts[0], counts[1], expected_share)
    if format_ is Format.JSON:
        print(found.model_dump_json(indent=2))
        return
    print_table(
        _COMPARED,
        [
            (
                each.name, each.statistic, _short(each.before), _short(each.after),
                _short(each.difference) + (" *" if each.is_clear else ""),
                f"{_short(each.low)} … {_short(each.high)}", _ends(each),
                "" if each.p is None else f"{each.p:.3g}", f"{each.n_before} / {each.n_after}",
            )
            for each in found.values
        ],
        whole=("value",),
    )  # fmt: skip
    said = "* the interval leaves zero out; p is corrected for how many are compared (Holm)."
    if found.left_out:
        said += f" Too few values to compare: {', '.join(found.left_out)}."
    if not found.values and not found.left_out:
        said = "There are no calls with these versions: are name and version sent with the calls?"
    errors.print(said, markup=False, highlight=False)
    if (split := found.sample_ratio) is not None:
        verdict = "the split is broken, trust nothing above" if split.is_mismatch else "fine"
        errors.print(
            f"Of {split.units_before + split.units_after} users {split.share:.1%} had {after},"
            f" {split.expected:.1%} were to (p {split.p:.2g}): {verdict}.",
            markup=False, highlight=False,
        )  # fmt: skip


def _values(given: list[str], variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, is_there, text = each.partition("=")
        if not is_there:
            raise typer.BadParameter(f"{each!r} should look like NAME=VALUE.")
        about = variables.get(name)
        if about is not None and about.type == "string":
            found[name] = text
            continue
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _ends(value: Compared) -> str:
    if value.always_low is None or value.always_high is None:
        return ""
    return f"{_short(value.always_low)} … {_short(value.always_high)}"


def _short(value: float) -> str:
    return f"{value:.4g}"


def register(root: typer.Typer) -> None:
    """Adds the commands to the command line."""
    root.add_typer(app, name="prompts")
