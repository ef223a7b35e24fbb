"""The settings of the drift job: `[drift]` in `spanglass.toml`."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from spanglass_alerts.delivery.outgoing import networks
from spanglass_collector.drift.canary_settings import CanarySettings

CanaryName = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]


class DriftSettings(BaseModel):
    """What is watched, how closely, and how often it may be wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(True, description="Whether drift is looked for.")
    scales_h: tuple[int, ...] = Field((1, 6, 24), description="Lengths of windows, in hours.")
    reference_days: int = Field(7, ge=1, le=14, description="Days that a window is compared with.")
    false_findings_per_week: float = Field(
        1.0, gt=0, le=100, description="That chance may give, in each project."
    )
    least: int = Field(30, ge=10, description="Values that a window needs.")
    settle_s: float = Field(
        300.0, ge=0, le=3600, description="How long late spans of an hour are waited for."
    )
    interval_s: float = Field(60.0, ge=0.1, le=3600, description="Seconds between two looks.")
    metrics: tuple[str, ...] = Field((), description="Those that are watched; all unless given.")
    topics: bool = Field(True, description="Whether texts are read, to know what they are about.")

    canaries: dict[CanaryName, CanarySettings] = Field(
        default_factory=dict, description="Questions asked on a schedule, see below."
    )
    private_networks: str = Field(
        "", description="Networks that are not public and that canaries may ask all the same."
    )

    @field_validator("private_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks(value)
        return value

    @property
    def watches_topics(self) -> bool:
        """Whether there is use in reading texts."""
        return self.topics and (
            not self.metrics or any("topic" in metric for metric in self.metrics)
        )


def read_drift(given: dict[str, Any]) -> DriftSettings:
    """The settings of the drift job.

    Args:
        given: the table `[drift]`.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    try:
        settings = DriftSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("drift", *first["loc"])))
        said = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ValueError(f"{place}: {said}") from error
    if not settings.scales_h or any(24 % hours for hours in settings.scales_h):
        raise ValueError("drift.scales_h: windows of 1, 2, 3, 4, 6, 8, 12 or 24 hours fill a day")
    return settings
