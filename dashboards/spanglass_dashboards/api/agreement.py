"""How far machines agree with people: what a judge's or a detector's scores are worth."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.agreeing import agreed
from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.errors import StoreError
from spanglass_store.queries.score_pairs import Pair, PairFilter, Per, pairs
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/quality", tags=["scores"])

Text = Annotated[str, Query(max_length=1000)]
#: Disagreements that are shown.
_SHOWN = 5


class Coefficient(BaseModel):
    """Agreement beyond chance: 1 is all of it, 0 what chance gives."""

    value: float
    low: float = Field(description="95 % interval, by the bootstrap over what was judged.")
    high: float
    n: int


class Disagreement(BaseModel):
    """What people and machine saw differently."""

    project: str
    trace_id: str
    span_id: str
    people: str
    machine: str


class AgreementOut(BaseModel):
    """One machine beside people."""

    name: str
    source: Literal["code", "judge", "detector"]
    evaluator: str
    n: int = Field(description="Spans or traces that both have judged.")
    people: int = Field(description="Evaluators among people, by their names.")
    agreement: float | None = Field(description="Share in which both say the same category.")
    kappa: Coefficient | None = Field(description="Cohen's, of people's middle and the machine.")
    kappa_of: Literal["categories", "ranks", "cut at 0.5", "none"] = Field(
        description="ranks: weighted by squares. cut at 0.5: of values between 0 and 1."
    )
    alpha: Coefficient | None = Field(
        description="Krippendorff's, of all people and the machine: of the values' distances, or"
        " of labels."
    )
    alpha_people: Coefficient | None = Field(description="Of people alone, where two judged one.")
    disagreements: list[Disagreement] = Field(description="Those that are furthest apart.")


class AgreementsOut(BaseModel):
    """Machines beside people, those with the most in common first."""

    items: list[AgreementOut]


@router.get("/agreement")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    name: Annotated[str, Query(max_length=200, description="Of the machine's score.")] = "",
    beside: Annotated[
        str, Query(max_length=200, description="Of people's score; the machine's unless given.")
    ] = "",
    per: Annotated[
        Per, Query(description="trace: the mean of a trace's spans, beside what people said.")
    ] = "span",
) -> AgreementsOut:
    """How far detectors and judges agree with people who scored the same, by name and evaluator."""
    if beside and not name:
        raise StoreError("Give the name of the machine's score that stands beside it: name=….")
    since, until = time_range(start, end)
    which = PairFilter(since, until, project, name, beside, per)
    store = context.store(principal)

    def answer() -> AgreementsOut:
        found = pairs(store, which)
        items = [_out(key, of) for key, of in found.items()]
        return AgreementsOut(items=sorted(items, key=lambda each: (-each.n, each.name)))

    return await asyncio.to_thread(answer)


def _out(key: tuple[str, str, str], of: Sequence[Pair]) -> AgreementOut:
    name, source, evaluator = key
    found = agreed(of)
    return AgreementOut.model_validate({
        "name": name, "source": source, "evaluator": evaluator, "n": len(of),
        "people": len({said.by for pair in of for said in pair.people}),
        "agreement": found.agreement, "kappa_of": found.kappa_of,
        "kappa": found.kappa and vars(found.kappa), "alpha": found.alpha and vars(found.alpha),
        "alpha_people": found.alpha_people and vars(found.alpha_people),
        "disagreements": [
            {
                "project": pair.project, "trace_id": pair.trace_id, "span_id": pair.span_id,
                "people": people, "machine": machine,
            }
            for pair, people, machine in found.disagreements[:_SHOWN]
        ],
    })  # fmt: skip
