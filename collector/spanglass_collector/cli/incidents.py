"""`spanglass alerts incidents`: what is wrong, who sees to it, and what is written of it."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from spanglass_collector.cli.alert_service import alert_service
from spanglass_collector.cli.output import console, errors, print_table, visible
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url

app = typer.Typer(
    help="Incidents: alerts that belong together, and what is done about them.",
    no_args_is_help=True,
)
_PATH = "/api/v1/incidents"

Number = Annotated[int, typer.Argument(help="Of the incident, as `list` shows it.", min=1)]
By = Annotated[str, typer.Option(help="Who does it; you unless given.")]
Text = Annotated[str, typer.Argument(help="What to write down.")]


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="active, open, acknowledged, resolved; all unless given.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Most of them.", min=1, max=200)] = 50,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Lists incidents, the latest first.

    spanglass alerts incidents list --state active
    """
    asked: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    found = alert_service(data_dir, url, key).request("GET", _PATH, params=asked).json()
    rows = [
        (i["id"], i["state"], i["severity"], i["title"], i["alerts"], i["owner"], i["opened_at"])
        for i in found["items"]
    ]
    head = ("id", "state", "severity", "title", "alerts", "owner", "opened")
    print_table(head, rows, whole=("id",))


@app.command()
def show(number: Number, data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows an incident: its alerts and its timeline.

    spanglass alerts incidents show 12
    """
    service = alert_service(data_dir, url, key)
    _print(service.request("GET", f"{_PATH}/{number}").json())


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(help="What is wrong.")],
    alert: Annotated[
        list[str] | None, typer.Option(help="An alert to put into it; may be given often.")
    ] = None,
    severity: Annotated[str, typer.Option(help="critical, error, warning or info.")] = "error",
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Begins an incident by hand.

    spanglass alerts incidents open "Answers in the wrong language"
    """
    body = {"title": title, "alerts": alert or [], "severity": severity, "by": _who(by)}
    found = alert_service(data_dir, url, key).request("POST", _PATH, json=body).json()
    errors.print(f"Incident {found['id']} is open.", highlight=False)


@app.command()
def add(
    number: Number,
    alerts: Annotated[list[str], typer.Argument(help="Ids, as `spanglass alerts list` shows.")],
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Puts alerts into an incident.

    spanglass alerts incidents add 12 0123456789abcdef01234567-1
    """
    _do(alert_service(data_dir, url, key), number, "alerts", {"alerts": alerts, "by": _who(by)})


@app.command()
def ack(
    number: Number,
    note: Annotated[str, typer.Option(help="What is being done.")] = "",
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Takes an incident and all of its alerts: nothing is repeated or escalates.

    spanglass alerts incidents ack 12 --note "Looking at the provider"
    """
    service = alert_service(data_dir, url, key)
    _do(service, number, "acknowledge", {"by": _who(by), "note": note})


@app.command()
def resolve(
    number: Number,
    note: Annotated[str, typer.Option(help="What ended it.")] = "",
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Ends an incident, whatever its alerts do.

    spanglass alerts incidents resolve 12 --note "Took the release back"
    """
    service = alert_service(data_dir, url, key)
    _do(service, number, "resolve", {"by": _who(by), "note": note})


@app.command()
def note(
    number: Number,
    text: Text,
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Writes something down, also after the end.

    spanglass alerts incidents note 12 "The provider answers again"
    """
    _do(alert_service(data_dir, url, key), number, "notes", {"by": _who(by), "text": text})


@app.command()
def owner(
    number: Number,
    name: Annotated[str, typer.Argument(help="Who has it from now on.")],
    by: By = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Hands an incident to somebody.

    spanglass alerts incidents owner 12 "team checkout"
    """
    service = alert_service(data_dir, url, key)
    body = {"owner": name, "by": _who(by)}
    service.request("PATCH", f"{_PATH}/{number}", json=body)


@app.command()
def postmortem(
    number: Number,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file.")] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Writes a draft of a post-mortem, in Markdown.

    spanglass alerts incidents postmortem 12 -o incident-12.md
    """
    service = alert_service(data_dir, url, key)
    text = service.request("GET", f"{_PATH}/{number}/postmortem").text
    if output is None:
        print(text)
    else:
        output.write_text(text, "utf-8")
        errors.print(f"Wrote {output}.", markup=False, highlight=False)


def _who(by: str) -> str:
    return by or getpass.getuser()


def _do(service: Service, number: int, what: str, body: Mapping[str, Any]) -> None:
    service.request("POST", f"{_PATH}/{number}/{what}", json=dict(body))


def _print(found: Mapping[str, Any]) -> None:
    about = [f"{found['severity']}, {found['state']}", f"opened {found['opened_at']}"]
    if found["owner"]:
        about.append(f"owner {found['owner']}")
    console.print(f"{found['id']}: {visible(found['title'])}", markup=False, highlight=False)
    console.print(visible("; ".join(about)), markup=False, highlight=False)
    alerts = [(a["state"], a["severity"], a["summary"], a["id"]) for a in found["gathered"]]
    print_table(("state", "severity", "alert", "id"), alerts, whole=("id",))
    rows = [(e["at"], e["kind"], e["author"], e["text"]) for e in found["entries"]]
    print_table(("time", "", "who", "what"), rows)
