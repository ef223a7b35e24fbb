"""The setting `[retention.PROJECT]`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanglass_store.retention.policy import LONGEST_DAYS


class ProjectRetention(BaseModel):
    """How long one project's telemetry is kept; what is not given is as for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spans_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS, description="Days that spans and logs are kept; 0 for ever."
    )
    payload_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS,
        description="Days that prompts and answers are kept; 0 as long as the span.",
    )  # fmt: skip
    metrics_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS,
        description="Days that data points are kept; 0 as long as spans.",
    )  # fmt: skip


def read_retention(given: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What is said of projects, by name.

    Args:
        given: the table `[retention]`.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    found = {}
    for project, own in given.items():
        if not isinstance(own, dict):
            raise ValueError(f"retention.{project} should be a table, like [retention.{project}]")
        try:
            read = ProjectRetention(**own)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, ("retention", project, *first["loc"])))
            said = (
                "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
            )
            raise ValueError(f"{place}: {said}") from error
        found[project] = read.model_dump(exclude_none=True)
    return found
