"""`spanglass prompts search`: a better prompt, looked for over a dataset."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import spanglass
from spanglass.evaluation import EvaluationError, Example
from spanglass_collector.chat_endpoint import ChatEndpoint
from spanglass_collector.cli.dataset_desk import datasets
from spanglass_collector.cli.eval_target import scorers_of, trace_to
from spanglass_collector.cli.output import Format, errors, print_table
from spanglass_collector.cli.prompt_registry import registry, version_of
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError
from spanglass_store.state.prompt_tables import Origin, Version
from spanglass_store.state.prompts import definition_of

Save = Literal["better", "always", "never"]
_CODE: Final = 200


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(search)


def search(
    name: Annotated[str, typer.Argument(help="As `spanglass prompts list` shows it.")],
    dataset: Annotated[str, typer.Argument(help="As `spanglass datasets list` shows it.")],
    objective: Annotated[str, typer.Option(help="The score that counts; higher is better.")],
    endpoint: Annotated[str, typer.Option(help="OpenAI-compatible: https://host/v1.")],
    version: Annotated[
        str, typer.Option("--version", help="To begin with: a version's number, or a label.")
    ] = "latest",
    dataset_version: Annotated[int, typer.Option(min=0, help="0 for the newest.")] = 0,
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
    model: Annotated[
        list[str] | None, typer.Option(help="Who may answer; several are tried.")
    ] = None,
    writer_model: Annotated[
        str, typer.Option(help="Model that writes instructions; without one they stay.")
    ] = "",
    writer_url: Annotated[str, typer.Option(help="Its endpoint, if it is another.")] = "",
    api_key_env: Annotated[
        str, typer.Option(help="Variable that holds the key of the endpoints.")
    ] = "",
    budget: Annotated[int, typer.Option(min=1, help="Calls at most.")] = 500,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Of candidates.")] = 5,
    population: Annotated[int, typer.Option(min=2, max=500, help="Candidates of a round.")] = 12,
    shots: Annotated[int, typer.Option(min=0, max=50, help="Examples shown at most.")] = 4,
    seed: Annotated[int, typer.Option(help="Of chance: the same again decides alike.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Calls at a time.")] = 8,
    journal: Annotated[
        Path | None, typer.Option(help="A file by which a search that was killed goes on.")
    ] = None,
    save: Annotated[
        Save, typer.Option(help="Make a version of the best: if it is clearly better, or always.")
    ] = "better",
    label: Annotated[str, typer.Option(help="Put this label on the new version.")] = "",
    format_: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    project: Annotated[str, typer.Option(help="Whose; the key's own unless given.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Looks for a better prompt over a dataset, and makes a version of it.

    Candidates show other examples, have instructions that a model wrote, or ask another model.
    What is found is compared with the prompt as it is on examples that were kept aside.

    spanglass prompts search shop-answer returns --detector quality --objective rougeL \
        --endpoint https://api.openai.com/v1 --api-key-env OPENAI_API_KEY \
        --writer-model gpt-4o --budget 800 --label staging
    """
    # numpy and scipy take a second to load.
    from spanglass_detectors.prompt_search import search as look

    where = (data_dir, url, key, project)
    scorers = scorers_of(
        score or [], detector or [], judge or [], judge_url, judge_model, api_key_env
    )
    if not scorers:
        raise StoreError("Name what scores answers: --score, --detector or --judge.")
    asked = ChatEndpoint(endpoint, "", api_key_env)
    writer = ChatEndpoint(writer_url or endpoint, writer_model, api_key_env)
    with datasets(*where) as desk:
        examples = [
            Example(each.input, each.expected, each.metadata, each.split, each.item_id)
            for each in desk.items(dataset, dataset_version)
        ]
    with registry(*where) as (book, service, _):
        begun = version_of(book, name, version)
        definition = definition_of(begun)
        if not (model or definition.model.get("name")):
            raise StoreError(f"The prompt {name!r} names no model: give --model.")
        about = f"search {name} version {begun.version} over {dataset} by {objective}"
        if service is not None:
            trace_to(service, data_dir)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        try:
            with Progress(*columns, TimeRemainingColumn(), console=errors) as bar:
                task = bar.add_task(name, total=budget)
                found = look(
                    definition, examples, asked.ask, scorers, objective=objective,
                    write=writer.write if writer_model else None, models=model or (),
                    budget=budget, rounds=rounds, population=population, most_shots=shots,
                    seed=seed, workers=workers, journal=journal, name=about,
                    progress=lambda done, of: bar.update(task, completed=done, total=of),
                )  # fmt: skip
        except (ValueError, OSError, EvaluationError) as error:
            raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}") from error
        finally:
            spanglass.flush()
        made = None
        is_new = found.best.candidate != found.base.candidate
        if is_new and (save == "always" or (save == "better" and found.is_better)):
            origin = Origin("", said(found, objective), f"search over {dataset}")
            made, _ = book.save(name, found.best.definition, origin, None)
            if label:
                book.move(name, label, made.version, "", said(found, objective), None)
    if format_ is Format.JSON:
        print(json.dumps(_document(found, objective, made), ensure_ascii=False, indent=2))
        return
    _print(found, objective)
    if made is not None:
        on = f", with the label {label}" if label else ""
        errors.print(
            f"Version {made.version} of {name} is the best{on}."
            f" See `spanglass prompts diff {name} {begun.version} {made.version}`.",
            markup=False, highlight=False,
        )  # fmt: skip
    elif is_new and save == "better":
        errors.print("It is not clearly better, so no version was made; --save always makes one.")


def said(found: Any, objective: str) -> str:
    """What came of a search, in a sentence."""
    if found.difference is None:
        return f"{objective}: nothing better than {found.base.held_out:.3g}"
    gap = found.difference
    return (
        f"{objective} {found.base.held_out:.3g} to {found.best.held_out:.3g} on"
        f" {found.kept_aside} examples kept aside (difference {gap.difference:.3g},"
        f" 95 % interval {gap.low:.3g} to {gap.high:.3g})"
    )


def _print(found: Any, objective: str) -> None:
    unit = f"cost, {found.cost_unit}" if found.cost_unit else "cost"
    listed = [found.base, *(each for each in found.front if each != found.base)]
    rows = [
        (
            "as it is" if each is found.base else each.candidate.origin,
            f"{each.quality:.3g}", "" if each.held_out is None else f"{each.held_out:.3g}",
            "" if each.cost is None else f"{each.cost:.3g}", f"{each.duration_s:.3g}",
            len(each.candidate.shots), each.candidate.model,
            each.candidate.instruction[:_CODE].replace("\n", " "),
        )
        for each in listed
    ]  # fmt: skip
    print_table(
        ("from", objective, "kept aside", unit, "seconds", "shows", "model", "instructions"), rows
    )
    errors.print(
        f"{said(found, objective)[:1].upper()}{said(found, objective)[1:]}. {found.tried}"
        f" candidates, {found.calls} calls; {found.shown} examples to show, {found.chosen_by} to"
        f" choose by."
        + (f" {found.unusable} written instructions were unusable." if found.unusable else ""),
        markup=False, highlight=False,
    )  # fmt: skip


def _document(found: Any, objective: str, made: Version | None) -> dict[str, Any]:
    def scored(each: Any) -> dict[str, Any]:
        return {
            "origin": each.candidate.origin, "quality": each.quality, "held_out": each.held_out,
            "cost": each.cost, "duration_s": each.duration_s,
            "shots": list(each.candidate.shots), "definition": each.definition.document(),
        }  # fmt: skip

    return {
        "objective": objective, "base": scored(found.base), "best": scored(found.best),
        "front": [scored(each) for each in found.front],
        "difference": None if found.difference is None else vars(found.difference),
        "is_better": found.is_better, "cost_unit": found.cost_unit, "calls": found.calls,
        "tried": found.tried, "rounds": list(found.rounds), "shown": found.shown,
        "chosen_by": found.chosen_by, "kept_aside": found.kept_aside,
        "version": None if made is None else made.version,
    }  # fmt: skip
