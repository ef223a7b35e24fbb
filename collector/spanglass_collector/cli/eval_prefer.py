"""`spanglass eval prefer`: which of two runs a model prefers, example by example."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Service, Url, find_running
from spanglass_collector.judging.asking import Asker
from spanglass_collector.judging.pairs import QUESTION, Pair, PairJudge, Preferences, preferences
from spanglass_detectors.content import plain_text
from spanglass_store.errors import StoreError

_PAGE = 1_000
#: Examples that are shown of those that the later run lost.
_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(prefer)


def prefer(
    before: Annotated[str, typer.Argument(help="A run.")],
    after: Annotated[str, typer.Argument(help="Another run over the same examples.")],
    judge_url: Annotated[str, typer.Option(help="Endpoint of the judge.")],
    judge_model: Annotated[str, typer.Option(help="Model that judges.")],
    question: Annotated[str, typer.Option(help="What makes an answer better.")] = QUESTION,
    api_key_env: Annotated[str, typer.Option(help="Variable that holds the judge's key.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Examples at a time.")] = 4,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit with 1 where its share is below.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    project: Annotated[str, typer.Option(help="Whose; the key's own unless given.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Has a model say which run's answers are better.

    Each pair is judged twice, with the two in either order: a verdict that changes with the order
    is a tie, and the share that held says how far the judge can be trusted.

    spanglass eval prefer last-week short-answers --judge-url https://api.openai.com/v1 \
        --judge-model gpt-4o --api-key-env OPENAI_API_KEY
    """
    service = find_running(data_dir, url, key, "runs")
    of = {"project": project} if project else {}
    pairs = _pairs(service, before, after, of)
    try:
        # Who types the address may reach it, wherever it is.
        asker = Asker(judge_url, judge_model, api_key_env, private_networks="0.0.0.0/0")
    except ValueError as error:
        raise StoreError(str(error)) from error
    judge = PairJudge(asker, question)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task("judged", total=len(pairs))
        found = preferences(judge, pairs, workers, lambda: bar.advance(task))
    if 2 * len(found.failed) > len(pairs):
        # What is left would be those that are easily judged.
        reason = next(iter(found.failed.values()))
        raise StoreError(
            f"{len(found.failed)} of {len(pairs)} pairs could not be judged: {reason}."
        )
    _show(found, before, after, format_)
    if fail_under is not None and found.share < fail_under:
        said = f"{after} is preferred in {found.share:.0%}, below {fail_under:.0%}"
        errors.print(f"Failed: {said}.", style="red", markup=False, highlight=False)
        raise typer.Exit(1)


def _show(found: Preferences, before: str, after: str, format_: Format) -> None:
    low, high, p = found.certainty()
    if format_ is Format.JSON:
        document = {
            "before": found.count("first"), "after": found.count("second"),
            "tie": found.count("tie"), "share": found.share, "low": low, "high": high, "p": p,
            "steady": found.steady, "failed": found.failed,
            "examples": {name: each.winner for name, each in sorted(found.by_example.items())},
        }  # fmt: skip
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    print_table(
        (f"{before} better", f"{after} better", "as good", "share of the later", "95 %", "p"),
        [(
            str(found.count("first")), str(found.count("second")), str(found.count("tie")),
            f"{found.share:.0%}", f"{low:.0%} to {high:.0%}", f"{p:.3f}",
        )],
    )  # fmt: skip
    errors.print(
        f"In {found.steady:.0%} of pairs the verdict was the same in either order.",
        highlight=False,
    )
    lost = [name for name, each in sorted(found.by_example.items()) if each.winner == "first"]
    for name in lost[:_SHOWN]:
        said = found.by_example[name].reasons[0]
        errors.print(f"{name}: worse: {said[:300]}", markup=False, highlight=False)
    for name, why in sorted(found.failed.items())[:_SHOWN]:
        errors.print(f"{name}: not judged: {why}", markup=False, highlight=False)


def _pairs(service: Service, before: str, after: str, of: dict[str, str]) -> list[Pair]:
    """Answers of both runs to the same examples.

    Raises:
        StoreError: if they have none in common.
    """
    run = service.request("GET", f"/api/v1/experiments/{after}", params=of).json()
    path = f"/api/v1/datasets/{run['dataset']}/items"
    asked = {
        each["id"]: each["input"]
        for each in _paged(service, path, {**of, "version": str(run["version"])})
    }
    answers = [
        {
            each["example"]: _text(each["output"])
            for each in _paged(service, f"/api/v1/experiments/{name}/results", of)
            if not each["error"]
        }
        for name in (before, after)
    ]
    both = sorted(answers[0].keys() & answers[1].keys() & asked.keys())
    if not both:
        raise StoreError(
            f"{before} and {after} have no example in common at which both answered."
            " `spanglass eval list` shows what they were run over."
        )
    return [Pair(name, _text(asked[name]), answers[0][name], answers[1][name]) for name in both]


def _paged(service: Service, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = service.request(
            "GET", path, params={**params, "limit": _PAGE, "cursor": cursor}
        ).json()
        yield from page["items"]
        cursor = page["next"]
        if not cursor:
            return


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain_text(text)
