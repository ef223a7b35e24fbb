"""`spanglass eval`: applications and prompts run over datasets."""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import spanglass
from spanglass.evaluation import EvaluationError, Experiment, Report, Result
from spanglass_collector.chat_endpoint import ChatEndpoint
from spanglass_collector.cli import eval_prefer
from spanglass_collector.cli.eval_target import PromptTarget, function_of, scorers_of, trace_to
from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.prompt_registry import registry, version_of
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url, find_running
from spanglass_store.errors import StoreError
from spanglass_store.state.prompts import definition_of

app = typer.Typer(help="Runs applications and prompts over datasets.", no_args_is_help=True)
eval_prefer.register(app)

Name = Annotated[str, typer.Argument(help="As `spanglass eval list` shows it.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]
PATH: Final = "/api/v1/experiments"
_LIMIT: Final = re.compile(r"([A-Za-z0-9_.-]+)=(-?\d*\.?\d+(?:[eE]-?\d+)?)")
_PROMPT: Final = "prompt:"


@app.command()
def run(
    dataset: Annotated[str, typer.Argument(help="As `spanglass datasets list` shows it.")],
    target: Annotated[
        str, typer.Argument(help="module:function, or prompt:NAME@VERSION (or @LABEL).")
    ],
    name: Annotated[
        str, typer.Option(help="Of the run; the same again goes on with it. [default: a new one]")
    ] = "",
    version: Annotated[int, typer.Option(min=0, help="Of the dataset; 0 for the newest.")] = 0,
    split: Annotated[str, typer.Option(help="Only these examples.")] = "",
    score: Annotated[
        list[str] | None, typer.Option(help="module:function that scores an example and output.")
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="quality, grounding, safety, or one of your own.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="A rubric: helpfulness, contradiction, or a file.")
    ] = None,
    judge_url: Annotated[str, typer.Option(help="Endpoint of the judge.")] = "",
    judge_model: Annotated[str, typer.Option(help="Model that judges.")] = "",
    endpoint: Annotated[
        str, typer.Option(help="For a prompt: an OpenAI-compatible endpoint, https://host/v1.")
    ] = "",
    model: Annotated[str, typer.Option(help="For a prompt: instead of the one it names.")] = "",
    api_key_env: Annotated[
        str, typer.Option(help="Variable that holds the key of endpoint and judge.")
    ] = "",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Examples at a time.")] = 8,
    fail_under: Annotated[
        list[str] | None, typer.Option(help="SCORE=0.8: exit with 1 where its mean is below.")
    ] = None,
    fail_over: Annotated[
        list[str] | None, typer.Option(help="SCORE=2: exit with 1 where its mean is above.")
    ] = None,
    allow_errors: Annotated[int, typer.Option(min=0, help="Examples that may fail.")] = 0,
    against: Annotated[str, typer.Option(help="A run to compare this one to.")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Runs a function or a prompt over a dataset, scores what it answers, and keeps the results.

    A run that was killed goes on under the same --name, and counts nothing twice. It exits with 1
    where a limit is not kept or more examples fail than are allowed.

    spanglass eval run returns app:answer --detector quality --fail-under rougeL=0.4
    spanglass eval run returns prompt:shop-answer@staging --endpoint https://api.openai.com/v1 \
        --api-key-env OPENAI_API_KEY --against last-week
    """
    at_least, at_most = _limits(fail_under), _limits(fail_over)
    service = find_running(data_dir, url, key, "runs")
    called = _target(target, endpoint, model, api_key_env, (data_dir, url, key, project))
    scorers = scorers_of(
        score or [], detector or [], judge or [], judge_url, judge_model, api_key_env
    )
    name = name or f"{dataset}-{_now()}"
    try:
        experiment = Experiment(
            name, dataset=dataset, version=version, split=split, target=target,
            web_url=service.url, api_key=service.token, project=project,
        )  # fmt: skip
        examples = experiment.examples()
        trace_to(service, data_dir)
        report = _watched(
            lambda told: spanglass.evaluate(
                called, examples, scorers=scorers, workers=workers, keeper=experiment, name=name,
                progress=told,
            ),
            name, len(examples), experiment,
        )  # fmt: skip
    except (ValueError, OSError, EvaluationError) as error:
        text = str(error)
        # A sentence, unless it begins with an address.
        is_address = text.startswith(("http://", "https://"))
        raise StoreError(text if is_address else text[:1].upper() + text[1:]) from error
    finally:
        spanglass.flush()
    _print(report)
    for each in report.errors[:5]:
        errors.print(f"{each.example}: {each.error}", markup=False, highlight=False)
    for each in report.unscored[:5]:
        why = "; ".join(f"{scored}: {reason}" for scored, reason in each.unscored.items())
        errors.print(f"{each.example}: not scored: {why}", markup=False, highlight=False)
    if against:
        _compare(service, name, against, project, Format.TABLE)
    said = report.misses(at_least, at_most)
    if len(report.errors) > allow_errors:
        said.append(f"{len(report.errors)} of {len(report)} examples failed")
    if report.unscored:
        said.append(f"{len(report.unscored)} of {len(report)} examples could not be scored")
    errors.print(
        f"{name}: {len(report)} examples of {dataset}, version {experiment.version}.",
        markup=False, highlight=False,
    )  # fmt: skip
    if said:
        errors.print(f"Failed: {'; '.join(said)}.", style="red", markup=False, highlight=False)
        raise typer.Exit(1)


@app.command("list")
def list_(
    dataset: Annotated[str, typer.Option(help="Only runs over this one.")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows runs, the latest first.

    spanglass eval list --dataset returns
    """
    service = find_running(data_dir, url, key, "runs")
    found = service.request("GET", PATH, params=_of(project) | {"dataset": dataset}).json()
    rows = [
        (
            each["name"], each["dataset"], each["version"], each["target"],
            f"{each['results']} of {each['items']}", each["created_at"][:16].replace("T", " "),
        )
        for each in found["items"]
    ]  # fmt: skip
    print_table(("name", "dataset", "version", "target", "done", "began"), rows, whole=("name",))
    if not rows:
        errors.print("There are no runs. `spanglass eval run --help` shows how to make one.")


@app.command()
def show(
    name: Name,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows means and intervals of a run's scores.

    spanglass eval show short-answers
    """
    service = find_running(data_dir, url, key, "runs")
    found = service.request("GET", f"{PATH}/{name}", params=_of(project)).json()
    rows = [
        (each["name"], _number(each["mean"]), _range(each["low"], each["high"]), each["count"])
        for each in found["scores"]
    ]
    print_table(("score", "mean", "95 % interval", "examples"), rows)
    errors.print(
        f"{name}: {found['results']} of {found['items']} examples, {found['errors']} failed.",
        markup=False, highlight=False,
    )  # fmt: skip


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="A run.")],
    after: Annotated[str, typer.Argument(help="Another run over the same examples.")],
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Compares two runs, example by example.

    spanglass eval compare last-week short-answers
    """
    service = find_running(data_dir, url, key, "runs")
    _compare(service, after, before, project, format_)


def _compare(service: Service, after: str, before: str, project: str, format_: Format) -> None:
    params = _of(project) | {"to": before}
    found = service.request("GET", f"{PATH}/{after}/compare", params=params).json()
    if format_ is Format.JSON:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    rows = [
        (
            each["name"], _number(each["before"]), _number(each["after"]),
            _number(each["difference"]), _range(each["low"], each["high"]), f"{each['p']:.3f}",
            f"{each['higher']} / {each['lower']} / {each['same']}",
        )
        for each in found["values"]
    ]  # fmt: skip
    print_table(
        ("score", before, after, "difference", "95 % interval", "p", "higher / lower / same"), rows
    )
    for each in found["moved"][:10]:
        errors.print(
            f"{each['id']}: {each['name']} {_number(each['before'])} to {_number(each['after'])}",
            markup=False, highlight=False,
        )  # fmt: skip


def _target(
    target: str, endpoint: str, model: str, api_key_env: str, where: tuple[Any, ...]
) -> Callable[..., Any]:
    if not target.startswith(_PROMPT):
        return function_of(target)
    if not endpoint:
        raise StoreError("A prompt needs --endpoint: https://host/v1 of whoever serves the model.")
    name, _, which = target.removeprefix(_PROMPT).partition("@")
    with registry(*where) as (book, _, _):
        number = which.removeprefix("v")
        found = version_of(book, name, number if number.isdigit() else which or "latest")
    definition = definition_of(found)
    if not (model or definition.model.get("name")):
        raise StoreError(f"The prompt {name!r} names no model: give --model.")
    return PromptTarget(name, found.version, definition, ChatEndpoint(endpoint, model, api_key_env))


def _watched(
    go: Callable[[Callable[[int, int, Result], None]], Report],
    name: str,
    total: int,
    experiment: Experiment,
) -> Report:
    before = len(experiment.done())
    if before:
        errors.print(f"{before} examples are done already.", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors) as bar:
        task = bar.add_task(name, total=total, completed=before)
        return go(lambda done, _, __: bar.update(task, completed=done))


def _print(report: Report) -> None:
    rows = [
        (each.name, _number(each.mean), _range(each.low, each.high), each.count)
        for each in report.summaries()
    ]
    print_table(("score", "mean", "95 % interval", "examples"), rows)


def _limits(given: list[str] | None) -> dict[str, float]:
    found = {}
    for each in given or ():
        parts = _LIMIT.fullmatch(each)
        if parts is None:
            raise StoreError(f"{each!r} should look like SCORE=0.8.")
        found[parts[1]] = float(parts[2])
    return found


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _of(project: str) -> dict[str, str]:
    return {"project": project} if project else {}


def _number(value: float) -> str:
    return f"{value:.4g}"


def _range(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="eval")
