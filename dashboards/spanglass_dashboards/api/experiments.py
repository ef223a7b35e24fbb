"""Experiments: results of a run over a dataset, and two of them compared example by example."""

import asyncio
import hashlib
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from spanglass.evaluation import Report, Result
from spanglass_dashboards.api.datasets import Book as Datasets
from spanglass_dashboards.api.datasets import OfProject
from spanglass_dashboards.context import (
    Context,
    context_of,
    editor,
    manager,
    of_project,
    payload_reader,
    reader,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import StoreError
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.state.datasets import ITEM_ID, NAME, SPLIT
from spanglass_store.state.experiments import ExperimentBook
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/experiments", tags=["experiments"])

Name = Annotated[str, Path(pattern=f"^{NAME}$", examples=["short-answers"])]
Reader = Annotated[Principal, Depends(reader)]
PayloadReader = Annotated[Principal, Depends(payload_reader)]
Editor = Annotated[Principal, Depends(editor)]
Manager = Annotated[Principal, Depends(manager)]
#: Results that are read for a summary: a dataset has no more items.
_ALL: Final = 100_000


def _book(context: Annotated[Context, Depends(context_of)]) -> ExperimentBook:
    if context.experiments is None:
        raise NotFound("This process keeps no experiments.")
    return context.experiments


Book = Annotated[ExperimentBook, Depends(_book)]


class ExperimentIn(BaseModel):
    """What is run over what."""

    dataset: str = Field(pattern=f"^{NAME}$")
    version: int = Field(
        0, ge=0, le=1_000_000, description="0: the newest, or that of the run that goes on."
    )
    split: str = Field("", pattern=f"^({SPLIT})?$")
    target: str = Field("", max_length=500, description="What is run, in words.")


class ExperimentOut(BaseModel):
    """A run over the examples of a dataset."""

    project: str
    name: str
    dataset: str
    version: int
    split: str
    target: str
    items: int = Field(description="Examples that there are.")
    results: int = Field(description="Examples that are done.")
    created_at: datetime
    updated_at: datetime


class ExperimentList(BaseModel):
    """Experiments, the latest first; 1,000 at most."""

    items: list[ExperimentOut]


class SummaryOut(BaseModel):
    """One score over all examples that have it, with the mean's 95 % interval."""

    name: str
    mean: float
    low: float
    high: float
    count: int


class WholeExperiment(ExperimentOut):
    """An experiment with its sums."""

    errors: int = Field(description="Examples at which the application failed.")
    scores: list[SummaryOut]


class JudgedIn(BaseModel):
    """One score of one answer."""

    name: str = Field(min_length=1, max_length=200)
    value: float | None = Field(None, allow_inf_nan=False)
    label: str = Field("", max_length=200)
    explanation: str = Field("", max_length=10_000)


class ResultIn(BaseModel):
    """What came of one example."""

    example: str = Field(pattern=f"^{ITEM_ID}$", description="The item's id.")
    output: Any = None
    error: str = Field("", max_length=2_000)
    duration_s: float = Field(0, ge=0, allow_inf_nan=False)
    scores: list[JudgedIn] = Field(default_factory=list, max_length=200)
    trace_id: str = Field("", pattern="^([0-9a-f]{32})?$")
    input_tokens: int | None = Field(None, ge=0, le=1 << 53)
    output_tokens: int | None = Field(None, ge=0, le=1 << 53)
    cost_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    unscored: dict[str, str] = Field(
        default_factory=dict, max_length=200, description="Scorers that failed, and why."
    )


class ResultsIn(BaseModel):
    """Results to keep."""

    results: list[ResultIn] = Field(min_length=1, max_length=1_000)


class Kept(BaseModel):
    """What came of keeping results."""

    added: int = Field(description="Others had a result already, which stays.")


class ResultPage(BaseModel):
    """A page of results."""

    items: list[ResultIn]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class PairedOut(BaseModel):
    """A score of the same examples in two runs."""

    name: str
    before: float
    after: float
    difference: float
    low: float = Field(description="Of the difference's 95 % interval.")
    high: float
    p: float = Field(description="Corrected for how many are compared (Holm).")
    is_clear: bool = Field(description="The interval leaves zero out.")
    higher: int = Field(description="Examples whose value is higher after.")
    lower: int
    same: int


class Moved(BaseModel):
    """An example whose value differs."""

    id: str
    name: str
    before: float
    after: float


class PairedComparison(BaseModel):
    """Two runs, example by example."""

    examples: int = Field(description="That both runs have.")
    values: list[PairedOut]
    left_out: list[str] = Field(description="Scores that fewer than five examples have twice.")
    moved: list[Moved] = Field(description="Examples whose scores differ, the most first; 200.")


@router.get("")
async def index(
    book: Book,
    principal: Reader,
    dataset: Annotated[str, Query(max_length=200)] = "",
    project: Annotated[str, Query(max_length=64)] = "",
) -> ExperimentList:
    """Experiments, the latest first."""
    projects = [of_project(principal, project)] if project else principal.projects
    found = await asyncio.to_thread(book.find, projects, dataset, 1_000)
    return ExperimentList(items=[ExperimentOut(**vars(each)) for each in found])


@router.put("/{name}")
async def begin(
    book: Book,
    datasets: Datasets,
    principal: Editor,
    name: Name,
    body: ExperimentIn,
    project: OfProject = "",
) -> ExperimentOut:
    """Begins an experiment, or goes on with the one of that name."""
    of = of_project(principal, project)

    def answer() -> ExperimentOut:
        wanted = body.version
        found = next((e for e in book.find([of], body.dataset, 10_000) if e.name == name), None)
        version = wanted or (found.version if found else datasets.get(of, body.dataset).latest)
        items = datasets.count(of, body.dataset, version, body.split or None)
        if not items:
            raise StoreError(
                f"Version {version} of the dataset {body.dataset!r} has no items"
                + (f" in the split {body.split!r}." if body.split else ".")
            )
        run = book.begin(of, name, body.dataset, version, body.split, body.target, items)
        return ExperimentOut(**vars(run))

    return await asyncio.to_thread(answer)


@router.get("/{name}")
async def show(
    book: Book, principal: Reader, name: Name, project: OfProject = ""
) -> WholeExperiment:
    """An experiment with means and intervals of its scores."""
    of = of_project(principal, project)

    def answer() -> WholeExperiment:
        report = report_of(book, of, name)
        return WholeExperiment(
            **vars(book.get(of, name)),
            errors=len(report.errors),
            scores=[SummaryOut(**vars(each)) for each in report.summaries()],
        )

    return await asyncio.to_thread(answer)


@router.delete("/{name}", status_code=204)
async def delete(book: Book, principal: Manager, name: Name, project: OfProject = "") -> None:
    """Forgets an experiment with its results; scores of its traces stay."""
    await asyncio.to_thread(book.delete, of_project(principal, project), name)


@router.get("/{name}/results")
async def results(
    book: Book,
    principal: PayloadReader,
    name: Name,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=100)] = "",
    project: OfProject = "",
) -> ResultPage:
    """Results by the ids of their examples; it takes the payload grant."""
    of = of_project(principal, project)
    found = await asyncio.to_thread(book.results, of, name, cursor, limit)
    return ResultPage(
        items=[ResultIn(**each) for each in found],
        next=found[-1]["example"] if len(found) == limit else "",
    )


@router.post("/{name}/results", status_code=201)
async def keep(
    context: Annotated[Context, Depends(context_of)],
    book: Book,
    principal: Editor,
    name: Name,
    body: ResultsIn,
    project: OfProject = "",
) -> Kept:
    """Keeps results, and their scores beside their traces; the first of an example counts."""
    of = of_project(principal, project)

    def answer() -> Kept:
        book.get(of, name)
        # Before the results: what is not stored is sent again, and these replace themselves.
        scores = [each for result in body.results for each in _scores(of, name, result)]
        if scores:
            add_scores(context.owner(), scores)
        return Kept(added=book.keep(of, name, [each.model_dump() for each in body.results]))

    return await asyncio.to_thread(answer)


@router.get("/{name}/compare")
async def compare(
    book: Book,
    principal: Reader,
    name: Name,
    to: Annotated[str, Query(pattern=f"^{NAME}$", description="The run that it is compared to.")],
    project: OfProject = "",
) -> PairedComparison:
    """Two runs over the same examples: `to` is before, the named one after."""
    of = of_project(principal, project)
    return await asyncio.to_thread(
        lambda: paired(report_of(book, of, to), report_of(book, of, name))
    )


def report_of(book: ExperimentBook, project: str, name: str) -> Report:
    """All results of an experiment."""
    found = book.results(project, name, limit=_ALL)
    return Report([Result.read(each) for each in found])


def paired(before: Report, after: Report) -> PairedComparison:
    """Two runs, example by example.

    Raises:
        StoreError: if numpy or scipy is not installed.
    """
    try:
        from spanglass_detectors import comparison as by
    except ModuleNotFoundError as missing:
        raise StoreError(
            f"{missing.name} is not installed: pip install 'spanglass[detectors]'."
        ) from missing
    old = {each.example: each for each in before}
    both = [(old[each.example], each) for each in after if each.example in old]
    facts = ("duration_s", "cost_usd", "output_tokens")
    found: list[tuple[str, by.Difference, list[tuple[str, float, float]]]] = []
    left_out = []
    for name in [*sorted({*before.names(), *after.names()}), *facts]:
        rows = [
            (a.example, x, y)
            for a, b in both
            if (x := a.value(name)) is not None and (y := b.value(name)) is not None
        ]
        difference = by.paired([x for _, x, _ in rows], [y for *_, y in rows])
        if difference is not None:
            found.append((name, difference, rows))
        elif name not in facts:
            left_out.append(name)
    ps = by.holm([each.p for _, each, _ in found if each.p is not None])
    moved = [
        Moved(id=key, name=name, before=x, after=y)
        for name, _, rows in found
        if name not in facts
        for key, x, y in rows
        if x != y
    ]
    moved.sort(key=lambda each: -abs(each.after - each.before))
    return PairedComparison(
        examples=len(both),
        values=[
            PairedOut(
                name=name, before=each.before, after=each.after, difference=each.difference,
                low=each.low, high=each.high, p=p, is_clear=each.is_clear,
                higher=sum(y > x for _, x, y in rows), lower=sum(y < x for _, x, y in rows),
                same=sum(x == y for _, x, y in rows),
            )
            for (name, each, rows), p in zip(found, ps, strict=True)
        ],
        left_out=left_out,
        moved=moved[:200],
    )  # fmt: skip


def _scores(project: str, name: str, result: ResultIn) -> list[Score]:
    if not result.trace_id:
        return []
    return [
        Score(
            project=project, name=each.name, value=each.value, label=each.label, source="code",
            explanation=each.explanation, evaluator=f"experiment {name}"[:200],
            trace_id=result.trace_id,
            metadata={"experiment": name, "example": result.example},
            score_id=hashlib.sha256(
                "\0".join((project, name, result.example, each.name)).encode("utf-8", "replace")
            ).hexdigest()[:32],
        )
        for each in result.scores
        if each.value is not None or each.label
    ]  # fmt: skip
