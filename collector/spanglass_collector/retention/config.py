"""The setting `[retention.PROJECT]`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spanglass_collector.project_tables import read_tables
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
    read = read_tables("retention", given, ProjectRetention)
    return {project: own.model_dump(exclude_none=True) for project, own in read.items()}
