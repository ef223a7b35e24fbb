"""`spanglass purge`: erases a user, a session, a trace or a part, and proves it."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.conditions import conditions
from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url, find_service
from spanglass_collector.settings import Settings
from spanglass_store.errors import StoreError

_PATH: Final = "/api/v1/purges"
#: Seconds between looks at a purge that is under way.
_LOOK_S: Final = 0.2
#: Ids that a proof is asked about at a time.
_AT_ONCE: Final = 1000


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("purge")(purge)


def purge(
    user: Annotated[str | None, typer.Option(help="Every trace of this user.")] = None,
    session: Annotated[str | None, typer.Option(help="Every trace of this session.")] = None,
    trace: Annotated[str | None, typer.Option(help="This trace: 32 hexadecimal digits.")] = None,
    service: Annotated[str | None, typer.Option(help="Traces with spans of this service.")] = None,
    environment: Annotated[str | None, typer.Option(help="Traces of this environment.")] = None,
    start: Annotated[str | None, typer.Option(help="What began then or later: 2026-01-02.")] = None,
    end: Annotated[str | None, typer.Option(help="What began before.")] = None,
    project: Annotated[str | None, typer.Option(help="Of this project alone.")] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(help="File for the receipt. [default: standard output]", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Shows what would go, and changes nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if nothing is left of the project, or of all.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Shows earlier purges.")] = False,
    verify: Annotated[
        Path | None,
        typer.Option(help="A receipt, whose proofs are asked again.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Erases traces with everything that hangs on them, and writes a receipt as JSON.

    Everything that is given has to hold; traces go whole. It ends when rows and bytes are gone from
    the store, the spool, dead letters, scores, findings and samples.

    spanglass purge --user 42 --project shop --receipt user-42.json
    spanglass purge --service checkout --end 2026-01-01 --dry-run
    spanglass purge --verify user-42.json
    """
    document = conditions(
        user_id=user, session_id=session, trace_id=trace, service=service,
        environment=environment, start=start, end=end, project=project,
    )  # fmt: skip
    running, settings = find_service(data_dir, url, key)
    with _desk(running, settings) as desk:
        if show:
            _show(desk("GET", "", {}))
            return
        if verify is not None:
            _verify(verify, running, settings)
            return
        seen = desk("POST", "/preview", document)
        _show_preview(seen)
        if dry_run:
            return
        if seen["everything"] and not yes:
            _confirm(project or "")
        asked = desk("POST", "", {**document, "everything": bool(seen["everything"])})
        done = _await(desk, asked)
    # The one that is kept names nobody; whoever asked knows whom he meant.
    told = {**done["receipt"], "selection": _normal(document)}
    text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    if receipt is None:
        sys.stdout.write(text)
        return
    try:
        receipt.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"All of it is gone, but {receipt} can't be written: {error.strerror}."
            f" `spanglass purge --list` shows the purge {done['id']}."
        ) from error
    errors.print(f"All of it is gone. The receipt is {receipt}.", highlight=False, soft_wrap=True)


#: One call: method, path behind `/purges`, body.
_Desk = Callable[[str, str, Mapping[str, Any]], Any]


@contextlib.contextmanager
def _desk(running: Service | None, settings: Settings) -> Iterator[_Desk]:
    """Speaks to the service, or does its work on a data directory whose service does not run."""
    if running is not None:
        service = running

        def ask(method: str, path: str, body: Mapping[str, Any]) -> Any:
            options = {"json": dict(body)} if method == "POST" else {}
            return service.request(method, _PATH + path, **options).json()

        yield ask
        return
    from spanglass_collector.erasure.alone import opened_desk
    from spanglass_dashboards.api.purges import Purge, PurgeIn
    from spanglass_store.erasure.selection import selection_of

    with opened_desk(settings) as desk:

        def do(method: str, path: str, body: Mapping[str, Any]) -> Any:
            if path == "/preview":
                return desk.preview(selection_of(body))
            if method == "POST":
                wanted = PurgeIn.model_validate(dict(body)).everything
                of = selection_of(body).document()
                asked = desk.request(of, "this machine", wanted)
                desk.work_off()
                return Purge.model_validate(desk.get(asked.id)).model_dump(mode="json")
            found = [Purge.model_validate(each).model_dump(mode="json") for each in desk.list()]
            return {"items": found}

        yield do


def _normal(document: Mapping[str, str]) -> dict[str, str]:
    from spanglass_store.erasure.selection import selection_of

    return selection_of(document).document()


def _show_preview(seen: Mapping[str, Any]) -> None:
    if not seen["rows"]:
        errors.print("Nothing of that is here now; what waits in the spool is looked at, too.")
        return
    told = ", ".join(f"{rows:,} in {place}" for place, rows in seen["rows"].items())
    errors.print(f"{seen['traces']:,} traces: {told}", highlight=False)


def _confirm(project: str) -> None:
    of = f"the project {project}" if project else "every project"
    if not sys.stdin.isatty():
        raise StoreError(f"This would erase everything of {of}. If that is meant, add --yes.")
    typer.confirm(f"This erases everything of {of}, for good. Go on?", abort=True, err=True)


def _await(desk: _Desk, asked: dict[str, Any]) -> dict[str, Any]:
    told = ""
    while asked["state"] != "done":
        if asked["waiting_for"] != told:
            told = asked["waiting_for"]
            errors.print(f"Waits for {told}" if told else "Goes on.", highlight=False, markup=False)
        time.sleep(_LOOK_S)
        asked = desk("GET", f"/{asked['id']}", {})
    return asked


def _show(answer: Mapping[str, Any]) -> None:
    print_table(
        ("id", "asked", "by", "state", "waits for", "rows"),
        [
            (
                each["id"], str(each["requested_at"])[:19], each["requested_by"], each["state"],
                each["waiting_for"],
                sum(place["rows"] for place in each["receipt"].get("removed", ())),
            )
            for each in answer["items"]
        ],
        whole=("id",),
    )  # fmt: skip


def _verify(path: Path, running: Service | None, settings: Settings) -> None:
    """Asks a receipt's proofs again.

    Raises:
        StoreError: if it can't be read, or something is there.
    """
    from spanglass_collector.cli.remote import asking
    from spanglass_collector.erasure.receipt import parameters

    try:
        document = json.loads(path.read_text("utf-8"))
        proofs, ids = document["proof"], document["traces"]["ids"]
        selection = document["selection"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} can't be read as a receipt of a purge: {error}.") from error
    batches = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)] or [[]]
    found = []
    with asking(running, settings) as ask:
        for proof in proofs:
            of_traces = "{traces:" in proof["query"]
            rows = sum(
                int(ask(proof["query"], parameters(proof, selection, batch))[0][0])
                for batch in (batches if of_traces else batches[:1])
            )
            found.append((proof["place"], rows, proof["query"]))
    print_table(("place", "rows", "query"), found)
    if any(rows for _, rows, _ in found):
        raise StoreError("There is data of that selection: it has come since, or came back.")
    console.print("Nothing of it is there.")
