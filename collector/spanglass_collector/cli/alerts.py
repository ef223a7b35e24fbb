"""`spanglass alerts`: rules, what fires, and who is told."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spanglass_alerts.evaluate.given import run
from spanglass_alerts.rules import files, vocabulary
from spanglass_alerts.rules.book import schema as rules_schema
from spanglass_collector.cli.output import console, errors, print_table
from spanglass_store.errors import StoreError

app = typer.Typer(help="Alerts: rules, what fires, and who is told.", no_args_is_help=True)

Files = Annotated[
    list[str], typer.Argument(help="YAML files, folders of them, or `shipped`.", show_default=False)
]


@app.command()
def check(places: Files) -> None:
    """Checks files of rules, and runs the tests in them.

    spanglass alerts check alerts/
    """
    book = files.read(places)
    failed = [each for each in run(book) if each.problem]
    for each in failed:
        name = f" ({each.test.name})" if each.test.name else ""
        errors.print(f"{each.test.rule}{name}: {each.problem}", markup=False, soft_wrap=True)
    if failed:
        raise StoreError(f"{len(failed)} of {len(book.tests)} tests of rules failed.")
    errors.print(
        f"{len(book.rules)} rules, {len(book.channels)} channels, {len(book.routes)} routes:"
        f" nothing is wrong. {len(book.tests)} tests passed.",
        highlight=False,
    )


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("alerts.yaml"),
) -> None:
    """Writes the rules that ship into a file, to be made yours.

    spanglass alerts init alerts.yaml
    """
    if path.exists():
        raise StoreError(f"{path} is there already. Name another file.")
    path.write_text(files.shipped_rules().read_text("utf-8"), "utf-8")
    errors.print(f"Wrote {path}. Serve with: spanglass serve --alerts {path}", markup=False)


@app.command()
def metrics() -> None:
    """Lists what rules can measure, and by what it can be told apart.

    spanglass alerts metrics
    """
    rows = [(name, m.source, m.unit, m.description) for name, m in vocabulary.METRICS.items()]
    print_table(("metric", "of", "unit", "is"), rows, whole=("metric",))
    sources: tuple[vocabulary.Source, ...] = ("calls", "scores", "points")
    for source in sources:
        known = [*vocabulary.DIMENSIONS[source]]
        known += vocabulary.OF_TRACE if source == "scores" else ("attributes.KEY", "resource.KEY")
        console.print(f"\nDimensions of {source}: {', '.join(known)}", highlight=False)


@app.command()
def schema() -> None:
    """Prints the JSON schema of files of rules, for editors.

    spanglass alerts schema > alerts.schema.json
    """
    print(json.dumps(rules_schema(), indent=2))
