"""What the API says and takes about review queues."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from spanglass_store.review.plan import MOST_ITEMS, Plan, read_plan
from spanglass_store.review.rubric import MOST_CHOICES, MOST_CRITERIA, Rubric, read_rubric
from spanglass_store.state.reviews import MOST_LABELS_PER_ITEM

Answer = bool | float | Annotated[str, Field(max_length=200)]


class ChoiceModel(BaseModel):
    """One of the answers to a categorical question."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    means: str = Field("", max_length=1_000)
    value: float | None = Field(
        None, allow_inf_nan=False, description="Higher means more of what the question's name says."
    )


class CriterionModel(BaseModel):
    """One question; an answer becomes a score of its name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", examples=["groundedness"])
    kind: Literal["boolean", "categorical", "numeric"] = "boolean"
    question: str = Field("", max_length=2_000)
    choices: list[ChoiceModel] = Field(default_factory=list, max_length=MOST_CHOICES)
    low: float = Field(1, allow_inf_nan=False)
    high: float = Field(5, allow_inf_nan=False)
    required: bool = True


class PartModel(BaseModel):
    """So many traces for one reason."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["random", "uncertain", "disagreement", "feedback", "novel", "diverse"] = Field(
        "random",
        description="uncertain: a score near its threshold. disagreement: scores that differ on one"
        " trace. feedback: users were not content. novel: unlike what was looked at. diverse:"
        " unlike each other.",
    )
    count: int = Field(0, ge=0, le=MOST_ITEMS)
    ratio: float = Field(0, ge=0, le=1, description="Of random: a share instead of a number.")
    scores: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=20,
        description="Of uncertain: one name. Of disagreement: names that should say the same.",
    )  # fmt: skip
    threshold: float = Field(0.5, allow_inf_nan=False, description="Of uncertain.")


class PlanModel(BaseModel):
    """What a queue is fed with."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field("", max_length=1_000, description="As in the list of traces.")
    parts: list[PartModel] = Field(
        default_factory=lambda: [PartModel.model_validate({"count": 50})],
        min_length=1,
        max_length=6,
    )
    every_hours: float = Field(
        0, ge=0, le=24 * 366, description="How often it draws by itself; 0 for never."
    )
    unit: Literal["answer", "trace"] = Field(
        "answer", description="What is labelled: a trace's last answer, or the whole of it."
    )

    def plan(self) -> Plan:
        return read_plan(self.model_dump())


class QueueIn(BaseModel):
    """A queue as it is to be."""

    model_config = ConfigDict(extra="forbid")

    instructions: str = Field("", max_length=20_000)
    criteria: list[CriterionModel] = Field(min_length=1, max_length=MOST_CRITERIA)
    plan: PlanModel = Field(default_factory=lambda: PlanModel.model_validate({}))
    labels_per_item: int = Field(1, ge=1, le=MOST_LABELS_PER_ITEM)
    budget: int = Field(500, ge=1, le=MOST_ITEMS, description="Items at most.")
    is_open: bool = True

    def rubric(self) -> Rubric:
        return read_rubric([each.model_dump() for each in self.criteria])


class ReviewProgress(BaseModel):
    """How far a queue is."""

    items: int
    open: int = Field(description="Items that need labels.")
    disputed: int = Field(description="Items on which labels differ and nobody has decided.")
    done: int
    labels: int
    skipped: int
    wanted: int = Field(description="Labels that all items take.")


class QueueOut(QueueIn):
    """A queue."""

    project: str
    name: str
    trouble: str = Field(description="Why it could not draw by itself; empty if it could.")
    created_by: str
    created_at: datetime
    progress: ReviewProgress


class QueuePage(BaseModel):
    """A page of queues."""

    items: list[QueueOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class StratumOut(BaseModel):
    """A part of the traces that was drawn from."""

    id: int
    method: str
    start: datetime
    end: datetime
    population: int = Field(description="Traces that there were.")
    drawn: int = Field(description="Those of them that are items.")
    labelled: int = Field(description="Items whose labels are clear.")
    probability: float = Field(description="A trace's chance to be an item: drawn by population.")


class AnnotatorOut(BaseModel):
    """Who labelled how much."""

    name: str
    labels: int
    skipped: int


class WholeQueue(QueueOut):
    """A queue with what it was drawn from and who labelled."""

    strata: list[StratumOut]
    annotators: list[AnnotatorOut]


class DrawIn(BaseModel):
    """From which time to draw."""

    model_config = ConfigDict(extra="forbid")

    start: datetime | None = Field(
        None, description="Where the last draw ended unless given, or a week ago."
    )
    end: datetime | None = Field(None, description="A minute ago unless given.")
    count: int = Field(
        0, ge=0, le=MOST_ITEMS, description="Traces by chance, in place of the plan's number."
    )


class DrawOut(BaseModel):
    """What came of a draw."""

    start: datetime
    end: datetime
    traces: int = Field(description="Traces that there were to draw from.")
    added: int
    by_method: dict[str, int]


class TraceIds(BaseModel):
    """Traces to put in by hand."""

    model_config = ConfigDict(extra="forbid")

    traces: list[Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$")]] = Field(
        min_length=1, max_length=1_000
    )


class AddedOut(BaseModel):
    """How many were put in."""

    added: int
    there_already: int
    not_found: int


class ReviewItemOut(BaseModel):
    """Something to look at."""

    id: int
    trace_id: str
    span_id: str = Field(description="What labels are of; empty for the whole trace.")
    shown_span_id: str = Field(description="The span to look at; may be empty.")
    method: str = Field(description="Why it is here; `chosen`: by hand.")
    stratum: int | None
    place: float
    state: Literal["open", "disputed", "done"]
    created_at: datetime


class ReviewLabelOut(BaseModel):
    """What one reviewer says."""

    annotator: str
    state: Literal["labelled", "skipped"]
    is_final: bool = Field(description="It decides between others.")
    answers: dict[str, Answer]
    comment: str
    correction: str
    updated_at: datetime


class WholeItem(ReviewItemOut):
    """An item with labels: one's own, and others' once one has labelled it or it is clear."""

    labels: list[ReviewLabelOut]
    hidden: int = Field(description="Labels of others that are not shown yet.")


class ReviewItemPage(BaseModel):
    """A page of items."""

    items: list[ReviewItemOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class ByWhom(BaseModel):
    """Who labels."""

    model_config = ConfigDict(extra="forbid")

    annotator: str = Field(
        "", max_length=100, description="Where there are no keys; else the key says who it is."
    )


class NextIn(ByWhom):
    """Which item to hand out."""

    after: float | None = Field(
        None, ge=0, le=1, description="The place behind which to look; the first unless given."
    )


class NextOut(BaseModel):
    """The next item; none when there is nothing left for who asks."""

    item: WholeItem | None
    progress: ReviewProgress


class ReviewLabelIn(ByWhom):
    """What somebody says of an item."""

    answers: dict[str, Answer] = Field(min_length=1, max_length=MOST_CRITERIA)
    comment: str = Field("", max_length=10_000)
    correction: str = Field(
        "", max_length=100_000, description="The answer as it should have been."
    )


class LabelTaken(BaseModel):
    """What became of it."""

    item: ReviewItemOut
    written: bool = Field(
        description="Whether the scores say it, too. If not, they will when the store is back."
    )


class EstimateOut(BaseModel):
    """A rate or mean of all traces that were drawn from, corrected for how they were drawn."""

    value: float
    low: float | None = Field(description="95 % interval.")
    high: float | None
    labels: int
    population: int
    covered: float = Field(description="Share of the traces in parts with at least one label.")
    effective: float = Field(description="Labels by plain chance that would be as precise.")


class OutcomeOut(BaseModel):
    """How often one answer is right."""

    answer: str
    estimate: EstimateOut | None
    more_labels: int | None = Field(description="That the wanted precision takes.")


class CoefficientOut(BaseModel):
    """Agreement beyond chance."""

    value: float
    low: float = Field(description="95 % interval, by the bootstrap over items.")
    high: float
    n: int


class ReviewCriterionOut(BaseModel):
    """What is known by one question."""

    name: str
    kind: Literal["boolean", "categorical", "numeric"]
    outcomes: list[OutcomeOut]
    counts: dict[str, int] = Field(description="Labels by answer, as they are.")
    alpha: CoefficientOut | None = Field(description="Krippendorff's, of reviewers.")
    same: float | None = Field(description="Share of doubly labelled items on which all agree.")
    doubled: int


class ResultsOut(BaseModel):
    """What the labels of a queue say."""

    half_width: float
    criteria: list[ReviewCriterionOut]


class IntoDataset(BaseModel):
    """Labels that are to become examples."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    criterion: str = Field("", max_length=100, description="Only items with an answer to it.")
    answer: Answer | None = Field(None, description="Only those with this one.")
    split: str = Field("", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")
    expected: Literal["correction", "output", "none"] = "correction"
