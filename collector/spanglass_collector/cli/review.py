"""`spanglass review`: what people are to look at, and what their labels say."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
import yaml

from spanglass_collector.cli.here import Asked, api_of
from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError

app = typer.Typer(
    help="Review: queues of answers that people label, and what labels say of all.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="As `spanglass review list` shows it.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]
By = Annotated[str, typer.Option(help="Who labels, where there are no keys.")]
_PATH: Final = "/api/v1/review/queues"
_MOST_BYTES: Final = 1_000_000
_ANSWER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,99})=(.+)", re.DOTALL)


@app.command("list")
def list_(project: Project = "", data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Shows queues and how far they are.

    spanglass review list
    """
    found: list[dict[str, Any]] = []
    cursor = ""
    with api_of(data_dir, url, key) as api:
        while True:
            page = _ask(api, "GET", "", project, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                break
    rows = []
    for each in found:
        so_far = each["progress"]
        state = "open" if each["is_open"] else "closed"
        rows.append((
            each["name"], state, so_far["items"], so_far["done"], so_far["disputed"],
            f"{so_far['labels']} of {so_far['wanted']}", each["trouble"],
        ))  # fmt: skip
    print_table(
        ("name", "state", "items", "done", "disputed", "labels", "trouble"), rows, whole=("name",)
    )
    if not found:
        errors.print("There are no queues. `spanglass review create --help` shows how to make one.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for the queue, or of the one to change.")],
    file: Annotated[
        Path, typer.Argument(help="YAML or JSON: criteria, plan, instructions.", dir_okay=False)
    ],
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Makes a queue of a file, or changes the one of that name.

    spanglass review create grounded examples/review/grounded.yaml
    """
    body = _read(file)
    with api_of(data_dir, url, key) as api:
        _ask(api, "PUT", f"/{_safe(name)}", project, body)
    _say(f"The queue {name} is ready. `spanglass review draw {name}` fills it.")


@app.command()
def draw(
    name: Name,
    start: Annotated[str, typer.Option(help="From when; where the last draw ended.")] = "",
    end: Annotated[str, typer.Option(help="Until when; a minute ago.")] = "",
    count: Annotated[int, typer.Option(min=0, help="How many by chance; the plan's.")] = 0,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Draws items from a time; the same times again draw more from it.

    spanglass review draw grounded --start 2026-03-01 --end 2026-03-08
    """
    body = {"start": start or None, "end": end or None, "count": count}
    with api_of(data_dir, url, key) as api:
        done = _ask(api, "POST", f"/{_safe(name)}/draw", project, body)
    by = ", ".join(f"{each} {n}" for each, n in done["by_method"].items()) or "none"
    _say(
        f"{done['added']} items are new, of {done['traces']} traces from {done['start'][:16]} to"
        f" {done['end'][:16]}: {by}."
    )


@app.command()
def add(
    name: Name,
    traces: Annotated[list[str], typer.Argument(help="Ids of traces.")],
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Puts traces in by hand; no estimate rests on them.

    spanglass review add grounded 0af7651916cd43dd8448eb211c80319c
    """
    with api_of(data_dir, url, key) as api:
        done = _ask(api, "POST", f"/{_safe(name)}/items", project, {"traces": traces})
    _say(
        f"{done['added']} added, {done['there_already']} were there, {done['not_found']} not found."
    )


@app.command()
def items(
    name: Name,
    state: Annotated[str, typer.Option(help="open, disputed or done.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows items: why they are there, and how they stand.

    spanglass review items grounded --state disputed
    """
    with api_of(data_dir, url, key) as api:
        page = _ask(api, "GET", f"/{_safe(name)}/items", project, state=state, limit=limit)
    rows = [
        (each["id"], each["trace_id"], each["span_id"], each["method"], each["state"])
        for each in page["items"]
    ]
    print_table(("item", "trace", "span", "because", "state"), rows, whole=("trace",))


@app.command()
def label(
    name: Name,
    item: Annotated[int, typer.Argument(help="Its number, as `items` shows it.")],
    answers: Annotated[list[str], typer.Argument(help="groundedness=yes tone=4")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    correction: Annotated[str, typer.Option(help="The answer as it should have been.")] = "",
    decide: Annotated[
        bool, typer.Option("--decide", help="Decide between labels that differ.")
    ] = False,
    by: By = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Labels an item; again, it replaces what you said.

    spanglass review label grounded 17 groundedness=no --comment "no document says so"
    """
    with api_of(data_dir, url, key) as api:
        whole = _ask(api, "GET", f"/{_safe(name)}", project)
        kinds = {each["name"]: each["kind"] for each in whole["criteria"]}
        said = dict(_answer(each, kinds) for each in answers)
        body = {
            "answers": said, "comment": comment, "correction": correction, "annotator": by,
        }  # fmt: skip
        place = "decision" if decide else "label"
        done = _ask(api, "PUT", f"/{_safe(name)}/items/{item}/{place}", project, body)
    _say(f"Item {item} is {done['item']['state']}.")


@app.command()
def results(
    name: Name,
    half_width: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Wanted precision to each side.")
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """What labels say of all traces that were drawn from, with 95 % intervals.

    spanglass review results grounded --half-width 0.03
    """
    with api_of(data_dir, url, key) as api:
        found = _ask(api, "GET", f"/{_safe(name)}/results", project, half_width=half_width)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = []
    for each in found["criteria"]:
        alpha = each["alpha"]
        for outcome in each["outcomes"]:
            estimate = outcome["estimate"] or {}
            share = each["kind"] != "numeric"
            rows.append((
                each["name"], outcome["answer"], _figure(estimate.get("value"), share),
                f"{_figure(estimate.get('low'), share)} to {_figure(estimate.get('high'), share)}",
                estimate.get("labels", 0), estimate.get("population", 0),
                _or_none(outcome["more_labels"]),
                f"{alpha['value']:.2f}" if alpha else "none",
            ))  # fmt: skip
    print_table(
        ("question", "answer", "of all", "95 % interval", "labels", "traces",
         f"more for ± {half_width:g}", "alpha"),
        rows,
    )  # fmt: skip


@app.command()
def dataset(
    name: Name,
    into: Annotated[str, typer.Argument(help="The dataset; a new one is made.")],
    criterion: Annotated[str, typer.Option(help="Only items with an answer to it.")] = "",
    answer: Annotated[str, typer.Option(help="Only those with this one.")] = "",
    split: Annotated[str, typer.Option(help="Which part: train, test, …")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Makes examples of items whose labels are clear; a correction becomes what is expected.

    spanglass review dataset grounded regressions --criterion groundedness --answer no
    """
    with api_of(data_dir, url, key) as api:
        whole = _ask(api, "GET", f"/{_safe(name)}", project)
        kinds = {each["name"]: each["kind"] for each in whole["criteria"]}
        wanted = _answer(f"{criterion}={answer}", kinds)[1] if answer else None
        body = {"dataset": into, "criterion": criterion, "answer": wanted, "split": split}
        done = _ask(api, "POST", f"/{_safe(name)}/dataset", project, body)
    _say(
        f"{into}: {done['added']} added, {done['there_already']} were there; {done['not_found']}"
        " traces are gone or have no input."
    )


@app.command()
def delete(
    name: Name, project: Project = "", data_dir: DataDir = None, url: Url = "", key: ApiKey = ""
) -> None:
    """Forgets a queue; scores that its labels became stay.

    spanglass review delete grounded
    """
    with api_of(data_dir, url, key) as api:
        _ask(api, "DELETE", f"/{_safe(name)}", project)
    _say(f"{name} is gone.")


def register(app_: typer.Typer) -> None:
    """Adds the commands."""
    app_.add_typer(app, name="review")


def _ask(api: Asked, method: str, path: str, project: str, body: Any = None, **params: Any) -> Any:
    if project:
        params["project"] = project
    options: dict[str, Any] = {} if body is None else {"json": body}
    answer = api.request(method, _PATH + path, params=params, **options)
    return answer.json() if answer.content else None


def _read(file: Path) -> Any:
    try:
        text = file.read_text("utf-8")[:_MOST_BYTES]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"Can't read {file}: {error}") from error
    try:
        # JSON is YAML, too.
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise StoreError(f"{file} is no YAML: {error}") from error
    if not isinstance(found, dict):
        raise StoreError(f"{file}: write `criteria:` with a list of questions.")
    return found


def _answer(given: str, kinds: dict[str, str]) -> tuple[str, Any]:
    found = _ANSWER.fullmatch(given)
    if found is None:
        raise StoreError(f"{given!r} should look like groundedness=yes.")
    name, text = found[1], found[2]
    kind = kinds.get(name)
    if kind == "boolean":
        if text.lower() not in ("yes", "no", "true", "false"):
            raise StoreError(f"{name}: answer yes or no.")
        return name, text.lower() in ("yes", "true")
    if kind == "numeric":
        try:
            return name, float(text)
        except ValueError:
            raise StoreError(f"{name}: {text!r} is no number.") from None
    return name, text


def _figure(value: float | None, share: bool) -> str:
    if value is None:
        return "none"
    return f"{100 * value:.1f} %" if share else f"{value:.3g}"


def _or_none(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _safe(name: str) -> str:
    return quote(name, safe="")


def _say(text: str) -> None:
    errors.print(text, markup=False, highlight=False)
