"""`spanglass alerts`: rules, what fires, and who is told."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from spanglass_alerts import playbook
from spanglass_alerts.evaluate.given import run
from spanglass_alerts.rules import files, vocabulary
from spanglass_alerts.rules.book import schema as rules_schema
from spanglass_alerts.rules.model import document as rule_document
from spanglass_collector.cli import incidents
from spanglass_collector.cli.alert_service import API, alert_service
from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError

app = typer.Typer(help="Alerts: rules, what fires, and who is told.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(incidents.app, name="incidents")
    parent.add_typer(app, name="alerts")


Files = Annotated[
    list[str], typer.Argument(help="YAML files, folders of them, or `shipped`.", show_default=False)
]


@app.command()
def check(places: Files) -> None:
    """Checks files of rules, and runs the tests in them.

    spanglass alerts check alerts/
    """
    book = files.read(places)
    known = playbook.names(places)
    for rule in book.rules:
        if said := playbook.notice(rule.playbook, known):
            errors.print(f"{rule.name}: {said}", markup=False, soft_wrap=True)
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
    sources: tuple[vocabulary.Source, ...] = ("calls", "scores", "points", "pii", "drift")
    for source in sources:
        known = [*vocabulary.DIMENSIONS[source]]
        if source == "scores":
            known += vocabulary.OF_TRACE
        elif source in ("calls", "points"):
            known += ("attributes.KEY", "resource.KEY")
        console.print(f"\nDimensions of {source}: {', '.join(known)}", highlight=False)


@app.command()
def schema() -> None:
    """Prints the JSON schema of files of rules, for editors.

    spanglass alerts schema > alerts.schema.json
    """
    print(json.dumps(rules_schema(), indent=2))


@app.command("list")
def list_(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows what fires or is about to.

    spanglass alerts list
    """
    items = alert_service(data_dir, url, key).request("GET", API).json()["items"]
    rows = [
        (a["state"], a["severity"], a["summary"], a["since"], a["held"], a["id"]) for a in items
    ]
    print_table(("state", "severity", "alert", "since", "held", "id"), rows, whole=("id",))


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(help="As `spanglass alerts list` shows it.")],
    note: Annotated[str, typer.Option(help="What is being done.")] = "",
    by: Annotated[str, typer.Option(help="Who.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Takes an alert: it is not repeated and does not escalate.

    spanglass alerts ack 0123456789abcdef01234567-1 --by me
    """
    body = {"by": by or getpass.getuser(), "note": note}
    alert_service(data_dir, url, key).request("POST", f"{API}/{alert}/acknowledge", json=body)


@app.command()
def rules(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Lists the rules of a running service, and which of them fail.

    spanglass alerts rules
    """
    found = alert_service(data_dir, url, key).request("GET", f"{API}/rules").json()
    rows = [(r["rule"]["name"], r["rule"]["kind"], r["origin"], r["error"]) for r in found]
    print_table(("rule", "kind", "from", "error"), rows, whole=("rule",))


@app.command("send-test")
def send_test(
    channel: Annotated[str, typer.Argument(help="Its name in the files of rules.")],
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Sends a test message to a channel.

    spanglass alerts send-test team-chat
    """
    path = f"{API}/channels/{channel}/test"
    done = alert_service(data_dir, url, key).request("POST", path).json()
    if not done["sent"]:
        raise StoreError(f"{channel} did not take it: {done['reason']}")
    errors.print(f"{channel} took it.", highlight=False, markup=False)


@app.command("test")
def preview(
    rule: Annotated[str, typer.Argument(help="Name of a rule, or a YAML file with one rule.")],
    start: Annotated[str, typer.Option("--from", help="2026-01-31T12:00:00Z; a day ago.")] = "",
    end: Annotated[str, typer.Option("--to", help="Now unless given.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Says when a rule would have fired.

    spanglass alerts test error-rate-high --from 2026-01-31T00:00:00Z
    """
    service = alert_service(data_dir, url, key)
    if Path(rule).is_file():
        found = files.read([rule]).rules
        if len(found) != 1:
            raise StoreError(f"{rule} has {len(found)} rules; a preview is of one.")
        document = rule_document(found[0])
    else:
        document = service.request("GET", f"{API}/rules/{rule}").json()["rule"]
    body = {"rule": document} | {k: v for k, v in (("start", start), ("end", end)) if v}
    said = service.request("POST", f"{API}/rules/{document['name']}/preview", json=body).json()
    rows = [
        (
            " ".join(f"{name}={value}" for name, value in each["labels"].items()),
            each["fired_at"], each["resolved_at"] or "", each["worst"], each["threshold"],
        )
        for each in said["episodes"]
    ]  # fmt: skip
    print_table(("labels", "fired", "resolved", "worst", "bound"), rows)
    errors.print(
        f"{len(said['episodes'])} alerts, evaluated every {said['step_s']:.0f} s.", highlight=False
    )
