"""What the registry of prompts takes and says."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from spanglass_store.state.prompts import LABEL


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("should be a whole number")
    return value


#: Whole numbers; a truth or a text is none. Zero stands for no version.
_Number = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_no_truth)]
_NumberOrZero = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_no_truth)]
_By = Field("", max_length=200, description="Who; the key's id unless given.")
_Why = Field("", max_length=10_000)


class VariableIn(BaseModel):
    """A variable of a template."""

    type: Literal[
        "any", "string", "number", "integer", "boolean", "array", "object", "messages"
    ] = "any"
    required: bool = Field(True, strict=True)
    default: Any = None
    description: str = Field("", max_length=2000)


class DefinitionIn(BaseModel):
    """What a version of a prompt says."""

    kind: Literal["text", "chat"] | None = None
    syntax: Literal["mustache", "jinja2"] = "mustache"
    template: str | list[dict[str, str]] = Field(
        description="Text, or messages: `role` and `content`, or `placeholder`.",
        examples=["Greet {{name}}."],
    )
    variables: dict[str, VariableIn] | None = Field(
        None, description="By name; taken from the template unless given."
    )
    model: dict[str, Any] = Field(default_factory=dict, description="Settings of the call.")
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema of the answer.")
    tools: list[dict[str, Any]] = Field(default_factory=list)


class VersionIn(BaseModel):
    """A new version."""

    definition: DefinitionIn
    author: str = _By
    message: str = _Why
    source: str = Field("", max_length=500, description="A commit, or where it comes from.")
    base: _NumberOrZero | None = Field(
        None,
        description="The newest version that the author knew; null does not ask.",
    )


class VersionOut(BaseModel):
    """A version of a prompt; it never changes."""

    version: int
    digest: str
    author: str
    message: str
    source: str
    created_at: datetime
    labels: list[str]


class WholeVersion(VersionOut):
    """A version with what it says."""

    project: str
    name: str
    definition: dict[str, Any]


class Saved(WholeVersion):
    """A version that was asked to be kept."""

    is_new: bool = Field(description="False where the newest version said the same already.")


class PromptOut(BaseModel):
    """A prompt."""

    project: str
    name: str
    latest: int = Field(description="Number of its newest version.")
    labels: dict[str, int] = Field(description="Version by label.")
    created_at: datetime
    updated_at: datetime


class PromptPage(BaseModel):
    """A page of prompts."""

    items: list[PromptOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class MoveOut(BaseModel):
    """That a label was moved; 0 stands for no version."""

    label: str
    before: int
    after: int
    by: str
    message: str
    at: datetime


class CommentOut(BaseModel):
    """What somebody says of a version."""

    version: int
    author: str
    text: str
    at: datetime


class WholePrompt(PromptOut):
    """A prompt with its versions, the newest first, and what became of its labels."""

    versions: list[VersionOut]
    moves: list[MoveOut]
    comments: list[CommentOut]


class MoveIn(BaseModel):
    """Where a label is to go."""

    version: _Number
    by: str = _By
    message: str = _Why
    expected: _NumberOrZero | None = Field(
        None,
        description="The version it is believed to be on, 0 for none: 409 if it is not.",
    )


class CommentIn(BaseModel):
    """What somebody says of a version."""

    text: str = Field(min_length=1, max_length=10_000)
    author: str = _By


class LineOut(BaseModel):
    """A line of a diff."""

    kind: Literal["same", "removed", "added", "gap"]
    text: str
    before: int | None
    after: int | None


class Diff(BaseModel):
    """What changed between two versions, as lines of YAML; empty if nothing did."""

    before: int
    after: int
    lines: list[LineOut]


class RenderIn(BaseModel):
    """Values for the variables of a version."""

    variables: dict[str, Any] = Field(default_factory=dict)
    version: _Number | None = None
    label: str = Field("latest", pattern=f"^{LABEL}$", description="Where no version is given.")


class Rendered(BaseModel):
    """A version with values for its variables."""

    version: int
    text: str | None = Field(description="Of a text.")
    messages: list[dict[str, Any]] | None = Field(description="Of a chat.")
