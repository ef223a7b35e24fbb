"""What datasets take and say."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_store.state.dataset_tables import Item
from spanglass_store.state.datasets import ITEM_ID, SPLIT

#: Items, traces or ids that one request names.
MOST_AT_ONCE = 5_000
_Split = Annotated[str, Field(pattern=f"^({SPLIT})?$", examples=["test"])]
_By = Field("", max_length=200, description="Who; the key's id unless given.")
_Why = Field("", max_length=10_000)
_Base = Annotated[
    int | None,
    Field(
        ge=0,
        le=1_000_000,
        description="The newest version that the author knew: 409 if it is not.",
    ),
]


class ItemIn(BaseModel):
    """An example."""

    input: Any = Field(description="A text, messages, or named values; not empty.")
    expected: Any = Field(None, description="What the answer should be, where it is known.")
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=200)
    split: _Split = ""
    trace_id: str = Field("", pattern="^([0-9a-f]{32})?$")
    span_id: str = Field("", pattern="^([0-9a-f]{16})?$")
    id: str = Field(
        "", pattern=f"^({ITEM_ID})?$", description="The same id again replaces the item."
    )

    def item(self) -> Item:
        return Item(
            self.input, self.expected, self.metadata, self.split, self.trace_id, self.span_id,
            self.id,
        )  # fmt: skip


class ItemsIn(BaseModel):
    """Items to keep; they become one version."""

    items: list[ItemIn] = Field(min_length=1, max_length=MOST_AT_ONCE)
    author: str = _By
    message: str = _Why
    base: _Base = None
    change: str = Field(
        "", max_length=64, description="Of an upload in pieces: with the same, one version."
    )


class TargetIn(BaseModel):
    """A trace, or a span of it."""

    trace_id: str = Field(pattern="^[0-9a-f]{32}$")
    span_id: str = Field("", pattern="^([0-9a-f]{16})?$")


class TracesIn(Exact):
    """Traces whose questions become items."""

    traces: list[TargetIn] = Field(default_factory=list, max_length=MOST_AT_ONCE)
    sql: str = Field(
        "",
        max_length=100_000,
        description="A SELECT that gives trace_id, and span_id where spans are meant.",
        examples=["SELECT trace_id FROM scores WHERE name = 'user_feedback' AND value < 0.5"],
    )
    expected: Literal["correction", "output", "none"] = Field(
        "correction",
        description="What counts as right: a correction or reference where there is one, the"
        " answer itself where there is none (`output`), or nothing.",
    )
    split: _Split = ""
    author: str = _By
    message: str = _Why


class RemoveIn(Exact):
    """Items to take out; older versions keep them."""

    ids: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    author: str = _By
    message: str = _Why
    base: _Base = None


class SplitIn(BaseModel):
    """How items are divided; what is nearly the same stays together."""

    shares: dict[str, Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]] = Field(
        min_length=1, max_length=20, examples=[{"train": 0.8, "test": 0.2}]
    )
    author: str = _By


class ChangedOut(BaseModel):
    """What came of a change."""

    version: int = Field(description="The newest one; as before where nothing changed.")
    added: int
    changed: int
    removed: int
    unchanged: int = Field(description="Items that were there already, as they are.")
    not_found: int = Field(
        0, description="Traces that are not there, have no input, or belong to another project."
    )


class ItemOut(BaseModel):
    """An example."""

    id: str
    input: Any
    expected: Any
    metadata: dict[str, Any]
    split: str
    trace_id: str
    span_id: str


class ItemPage(BaseModel):
    """A page of items."""

    version: int
    items: list[ItemOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class DatasetOut(BaseModel):
    """A dataset."""

    project: str
    name: str
    description: str
    latest: int = Field(description="Number of its newest version; 0 while it is empty.")
    items: int
    created_at: datetime
    updated_at: datetime


class DatasetPage(BaseModel):
    """A page of datasets."""

    items: list[DatasetOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class DatasetVersionOut(BaseModel):
    """What one change did."""

    version: int
    author: str
    message: str
    added: int
    changed: int
    removed: int
    items: int
    created_at: datetime


class WholeDataset(DatasetOut):
    """A dataset with its versions, the newest first."""

    splits: dict[str, int] = Field(description="Items by split; those without under ''.")
    versions: list[DatasetVersionOut]


class DatasetIn(BaseModel):
    """A dataset to be made, or described anew."""

    description: str = Field("", max_length=10_000)


class PairOut(BaseModel):
    """Two items that are nearly the same."""

    first: str
    second: str
    similarity: float
    by: Literal["text", "words", "vectors"]
    first_split: str
    second_split: str
    is_leak: bool = Field(description="They are in different splits.")


class Checked(BaseModel):
    """What is wrong with a version."""

    version: int
    items: int
    without_expected: int
    pairs: list[PairOut] = Field(description="Leaks first, then the nearest; 1,000 at most.")
    pairs_found: int
    leaks: int
