"""A file of rules and what belongs to them; several files are one book."""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from spanglass_alerts.rules.model import AnyRule, Rule
from spanglass_alerts.rules.routing import (
    Channel,
    Gathering,
    Heartbeat,
    Inhibition,
    Maintenance,
    Route,
)
from spanglass_alerts.rules.values import Duration, Labels, Model, Name

_Value = float | None


class Series(Model):
    """What is measured of one group, one value for each evaluation; null is no data.

    `measure` is what a rule measures: `value`, or the parts of a rule that has several
    (`numerator` and `denominator`, `baseline`, …).
    """

    labels: Labels = Field(default_factory=dict)
    measure: str = "value"
    values: Annotated[list[_Value], Field(min_length=1, max_length=10_000)]
    counts: list[float] = Field(
        default_factory=list, description="Rows behind each; many, unless given."
    )


class Expected(Model):
    """An alert that a test expects; of the labels, those that are given have to be so."""

    labels: Labels = Field(default_factory=dict)
    state: Literal["pending", "firing"] = "firing"


class Expectation(Model):
    """All alerts of a rule at one time."""

    at: Duration
    alerts: list[Expected] = Field(default_factory=list)


class RuleTest(Model):
    """A test of a rule: given series, expected alerts."""

    rule: Name
    name: str = ""
    every: Duration = 60
    series: Annotated[list[Series], Field(min_length=1)]
    expect: Annotated[list[Expectation], Field(min_length=1)]


class Book(Model):
    """Everything that a file can say."""

    version: Literal[1] = 1
    rules: Annotated[list[AnyRule], Field(max_length=10_000)] = Field(default_factory=list)
    channels: Annotated[list[Channel], Field(max_length=1000)] = Field(default_factory=list)
    routes: Annotated[list[Route], Field(max_length=1000)] = Field(default_factory=list)
    inhibit: Annotated[list[Inhibition], Field(max_length=1000)] = Field(default_factory=list)
    maintenance: Annotated[list[Maintenance], Field(max_length=1000)] = Field(default_factory=list)
    heartbeat: Heartbeat | None = None
    incidents: Gathering | None = None
    tests: Annotated[list[RuleTest], Field(max_length=10_000)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names(self) -> "Book":
        for what, names in (
            ("rule", [each.name for each in self.rules]),
            ("channel", [each.name for each in self.channels]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"there are two {what}s named {twice[0]!r}; names have to differ")
        return self

    def rule(self, name: str) -> Rule | None:
        return next((each for each in self.rules if each.name == name), None)


def schema() -> dict[str, Any]:
    """The JSON schema of a file of rules (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Spanglass alert rules",
    } | TypeAdapter(Book).json_schema(by_alias=True)
