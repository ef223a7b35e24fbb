"""What a machine's scores are worth: the chance that people say yes, by the score."""

import asyncio
import statistics
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.agreement import Text
from spanglass_dashboards.api.comparing import not_installed
from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.score_pairs import Pair, PairFilter, Per, pairs
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/quality", tags=["scores"])


class CalibratedGroup(BaseModel):
    """Examples with scores near each other."""

    score: float
    n: int
    share: float = Field(description="Of them that people said yes to.")
    low: float = Field(description="95 % interval of the share.")
    high: float
    calibrated: float = Field(description="The chance that the calibration gives them.")


class CalibrationOut(BaseModel):
    """One machine's score, calibrated by what people said."""

    name: str
    source: Literal["code", "judge", "detector"]
    evaluator: str
    n: int = Field(description="Spans or traces that both have judged.")
    positives: int = Field(description="Those to which people said yes: 0.5 or more.")
    why_not: str = Field(description="Why there is no calibration; empty where there is one.")
    method: Literal["", "logistic", "isotonic"] = ""
    threshold: float | None = Field(None, description="From this score on yes is likelier than no.")
    threshold_low: float | None = Field(None, description="95 % interval, by the bootstrap.")
    threshold_high: float | None = None
    auc: float | None = Field(
        None, description="The chance that a yes has a higher score than a no; 0.5 says nothing."
    )
    auc_low: float | None = None
    auc_high: float | None = None
    brier: float | None = Field(
        None, description="Mean squared error of the chances, on examples that were held out."
    )
    brier_plain: float | None = Field(None, description="The same of the share of yes alone.")
    points: list[list[float]] = Field(
        description="Scores and chances, between which chances lie; empty without a calibration."
    )
    groups: list[CalibratedGroup]


class CalibrationsOut(BaseModel):
    """Machines calibrated by people, those with the most examples first."""

    items: list[CalibrationOut]


@router.get("/calibration")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    name: Annotated[str, Query(min_length=1, max_length=200, description="Of the machine.")],
    start: Start = None,
    end: End = None,
    project: Text = "",
    beside: Annotated[
        str, Query(max_length=200, description="Of people's score; the machine's unless given.")
    ] = "",
    per: Annotated[
        Per, Query(description="trace: the mean of a trace's spans, beside what people said.")
    ] = "span",
) -> CalibrationsOut:
    """The chance that people say yes, by a detector's or judge's score."""
    since, until = time_range(start, end)
    which = PairFilter(since, until, project, name, beside, per)
    store = context.store(principal)

    def answer() -> CalibrationsOut:
        found = pairs(store, which)
        items = [_out(key, of) for key, of in found.items()]
        return CalibrationsOut(items=sorted(items, key=lambda each: -each.n))

    return await asyncio.to_thread(answer)


def _out(key: tuple[str, str, str], of: Sequence[Pair]) -> CalibrationOut:
    try:
        from spanglass_detectors.review.calibration import FEWEST, calibrate
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    name, source, evaluator = key
    scores: list[float] = []
    yes: list[bool] = []
    for pair in of:
        people = [each.value for each in pair.people if each.value is not None]
        if people and pair.machine.value is not None:
            scores.append(pair.machine.value)
            yes.append(statistics.median(people) >= 0.5)
    found = calibrate(scores, yes)
    why_not = ""
    if found is None:
        few = min(sum(yes), len(yes) - sum(yes)) < FEWEST
        why_not = (
            f"People said yes to {sum(yes)} and no to {len(yes) - sum(yes)}; it takes {FEWEST} of"
            " each."
            if few
            else "All scores are the same."
        )
    about: dict[str, Any] = {
        "name": name, "source": source, "evaluator": evaluator, "n": len(yes),
        "positives": sum(yes), "why_not": why_not, "points": [], "groups": [],
    }  # fmt: skip
    if found is not None:
        about |= vars(found) | {
            "groups": [vars(each) for each in found.groups],
            "points": [list(each) for each in found.points],
        }
    return CalibrationOut.model_validate(about)
