"""Rules as people write them, one model a kind."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter, field_validator, model_validator

from spanglass_alerts.rules import vocabulary
from spanglass_alerts.rules.values import (
    Compared,
    Duration,
    Filter,
    Labels,
    Model,
    Name,
    Severity,
    written,
)

#: Longest window over rows, in seconds: 40 days.
MOST_WINDOW_S: Final = 40 * 86400
_Text = Annotated[str, StringConstraints(max_length=2000)]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _metric(name: str) -> str:
    if name not in vocabulary.METRICS:
        raise ValueError(
            f"there is no metric {name!r}{vocabulary.nearest(name, vocabulary.METRICS)}"
        )
    return name


class Flaps(Model):
    """When an alert that comes and goes is held: it then ends after a quiet time."""

    count: int = Field(4, ge=2, le=100, description="Times that it fired.")
    within: Duration = Field(3600, description="In how long.")
    quiet: Duration = Field(900, description="How long it has to be well before it is resolved.")


class RuleBase(Model):
    """What every rule has."""

    name: Name
    summary: _Text = Field(
        "",
        description="What to tell people; {value}, {threshold} and {LABEL} are filled in, {value%}"
        " as a percentage.",
    )
    severity: Severity = "warning"
    labels: Labels = Field(default_factory=dict, description="Added to every alert, for routing.")
    project: str = Field("", max_length=64, description="Whose data; everybody's unless given.")
    where: Filter = Field(
        default_factory=dict,
        description="Only rows with these values; `!` is not, `*` anything, `=` exactly.",
    )
    group_by: Annotated[list[str], Field(max_length=5)] = Field(
        default_factory=list, description="An alert for each value of these."
    )
    window: Duration = Field(300, description="How far back a value looks.")
    for_: Duration = Field(0, alias="for", description="How long it must hold before it fires.")
    keep_firing_for: Duration = Field(0, description="How long it must be well before it ends.")
    every: Duration = Field(0, description="Time between evaluations; the service's unless given.")
    delay: Duration = Field(0, description="Further time left to data that comes late.")
    min_count: int = Field(1, ge=0, description="Fewer rows than this say nothing.")
    no_data: Literal["resolve", "keep", "alert"] = Field(
        "resolve", description="What a group without data does to its alert; `alert` fires one."
    )
    max_groups: int = Field(1000, ge=1, le=10_000, description="Groups at most, the largest first.")
    flaps: Flaps = Flaps.model_validate({})
    playbook: str = Field("", max_length=200, description="Name of a playbook.")
    owner: str = Field("", max_length=200)
    enabled: bool = True

    @field_validator("window")
    @classmethod
    def _has_length(cls, value: int) -> int:
        if not 10 <= value <= MOST_WINDOW_S:
            raise ValueError(f"should be between 10s and {written(MOST_WINDOW_S)}")
        return value

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        """What it measures; empty where its groups do not come from dimensions."""
        return ()

    @model_validator(mode="after")
    def _dimensions(self) -> "RuleBase":
        for source in self.sources:
            for name in (*self.group_by, *self.where):
                vocabulary.dimension(source, name)
        if len(set(self.group_by)) != len(self.group_by):
            raise ValueError("group_by names a dimension twice")
        return self


class _OfMetric(RuleBase):
    metric: str

    _known = field_validator("metric")(_metric)

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return (vocabulary.METRICS[self.metric].source,)


class Threshold(_OfMetric):
    """A metric compared with a number."""

    kind: Literal["threshold"] = "threshold"
    condition: Compared


class Part(Model):
    """One side of a ratio."""

    metric: str
    where: Filter = Field(default_factory=dict)

    _known = field_validator("metric")(_metric)


class Ratio(RuleBase):
    """One metric over another."""

    kind: Literal["ratio"]
    numerator: Part
    denominator: Part
    condition: Compared

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return tuple(
            vocabulary.METRICS[p.metric].source for p in (self.numerator, self.denominator)
        )

    @model_validator(mode="after")
    def _parts(self) -> "Ratio":
        for part in (self.numerator, self.denominator):
            for name in part.where:
                vocabulary.dimension(vocabulary.METRICS[part.metric].source, name)
        return self


class Percentile(RuleBase):
    """A percentile of a quantity."""

    kind: Literal["percentile"]
    of: str
    percentile: Annotated[float, Field(gt=0, lt=100)]
    condition: Compared

    @field_validator("of")
    @classmethod
    def _quantity(cls, value: str) -> str:
        if value not in vocabulary.QUANTITIES:
            said = vocabulary.nearest(value, vocabulary.QUANTITIES)
            raise ValueError(f"there are no percentiles of {value!r}{said}")
        return value

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return (vocabulary.QUANTITIES[self.of][0],)


class Baseline(Model):
    """What a change is measured against."""

    window: Duration = 3600
    offset: Duration = Field(0, description="How long before the window; directly unless given.")


class Change(_OfMetric):
    """A metric against what it was: `> 0.5` is half as much again, `< -20%` a fifth less."""

    kind: Literal["change"]
    condition: Compared
    baseline: Baseline = Baseline.model_validate({})
    min_change: float = Field(0, ge=0, description="Smaller differences than this say nothing.")


class Anomaly(_OfMetric):
    """A metric far from what it was at this time in past seasons (robust: median and MAD)."""

    kind: Literal["anomaly"]
    season: Duration = 86400
    seasons: int = Field(5, ge=3, le=14, description="How many of them are looked at.")
    deviations: Annotated[float, Field(gt=0, le=100)] = 4.0
    direction: Literal["up", "down", "both"] = "both"
    min_change: float = Field(0, ge=0, description="Smaller differences than this say nothing.")


class BurnWindow(Model):
    """Two windows over which the budget of errors has to burn too fast."""

    long: Duration
    short: Duration
    factor: _Positive

    @model_validator(mode="after")
    def _order(self) -> "BurnWindow":
        if not 10 <= self.short < self.long <= MOST_WINDOW_S:
            raise ValueError("short has to be shorter than long, and at least 10s")
        return self


#: The windows of Google's SRE workbook, chapter 5: 2 % of a month's budget in an hour, 5 % in six.
_BURN: Final = (
    BurnWindow.model_validate({"long": "1h", "short": "5m", "factor": 14.4}),
    BurnWindow.model_validate({"long": "6h", "short": "30m", "factor": 6}),
)


class BurnRate(RuleBase):
    """A service level objective whose budget of errors burns too fast."""

    kind: Literal["burn_rate"]
    objective: _Share = Field(description="The share of calls that should be well, like 0.999.")
    bad: Literal["errors", "slow", "slow_first_token"] = "errors"
    slower_than: Duration = Field(0, description="What is slow.")
    windows: Annotated[tuple[BurnWindow, ...], Field(min_length=1, max_length=4)] = _BURN

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return ("calls",)

    @model_validator(mode="after")
    def _slow(self) -> "BurnRate":
        if (self.bad != "errors") != bool(self.slower_than):
            raise ValueError("slower_than says what `bad: slow` means, and nothing else")
        return self


class Budget(RuleBase):
    """What may be spent in a day, week or month (UTC)."""

    kind: Literal["budget"]
    metric: Literal["cost_usd", "tokens", "input_tokens", "output_tokens", "requests"] = "cost_usd"
    limit: _Positive
    period: Literal["day", "week", "month"] = "month"
    at: Annotated[float, Field(gt=0, le=10)] = Field(1.0, description="Share that is spent.")
    forecast: bool = Field(
        False, description="Fires, too, when the period would end above the limit at this pace."
    )

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return ("calls",)


class Score(RuleBase):
    """The quality of answers by one of the scores."""

    kind: Literal["score"]
    score: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    statistic: Literal["mean", "p10", "p50", "share_below", "share_above", "count"] = "mean"
    bound: float | None = Field(None, description="Of share_below and share_above.")
    condition: Compared

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return ("scores",)

    @model_validator(mode="after")
    def _bounded(self) -> "Score":
        if self.statistic.startswith("share") != (self.bound is not None):
            raise ValueError("bound is what share_below and share_above compare with")
        return self


class Completeness(RuleBase):
    """The share of spans that arrived of those that Spanglass's SDK says it made, by hour."""

    kind: Literal["completeness"]
    condition: Compared = Field(default_factory=lambda: _condition("< 0.99"))
    window: Duration = 7200

    @model_validator(mode="after")
    def _by_service(self) -> "Completeness":
        if set(self.group_by) - {"service"} or set(self.where) - {"service"}:
            raise ValueError("completeness is known by service alone")
        return self


class NoData(RuleBase):
    """Nothing comes any more from what sent before."""

    kind: Literal["no_data"]
    source: Literal["spans", "calls", "points", "scores"] = "spans"
    metric: str = Field("", max_length=300, description="Of points: only this metric's.")
    lookback: Duration = Field(3600, description="How far before the window it must have sent.")
    no_data: Literal["resolve", "keep", "alert"] = "keep"

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return (self.source,)


class Points(RuleBase):
    """A metric that was sent: GPUs, engines, hosts, or anything else in the table `metrics`."""

    kind: Literal["metric"]
    metric: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    aggregate: Literal["avg", "max", "min", "sum", "last", "p95", "mean", "rate", "increase"] = (
        "avg"
    )
    condition: Compared

    @property
    def sources(self) -> tuple[vocabulary.Source, ...]:
        return ("counters" if self.aggregate in ("rate", "increase") else "points",)


class Collector(RuleBase):
    """The collector's own health: one of its own metrics, as `/metrics` shows them."""

    kind: Literal["collector"]
    metric: Annotated[str, StringConstraints(pattern=r"^spanglass_[a-z0-9_]+$")]
    change: bool = Field(False, description="Its growth within the window instead of its value.")
    condition: Compared

    @model_validator(mode="after")
    def _plain(self) -> "Collector":
        if self.group_by or self.project:
            raise ValueError("the collector's metrics are told apart by their own labels alone")
        return self


class Sql(RuleBase):
    """A SELECT that answers a column `value`, and a column for each of group_by.

    {start:DateTime64(6)} and {end:DateTime64(6)} are the window.
    """

    kind: Literal["sql"]
    query: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    condition: Compared

    @model_validator(mode="after")
    def _no_filter(self) -> "Sql":
        if self.where:
            raise ValueError("where belongs into the query of a rule of kind sql")
        return self


Rule = (
    Threshold | Ratio | Percentile | Change | Anomaly | BurnRate | Budget | Score | Completeness
    | NoData | Points | Collector | Sql
)  # fmt: skip
AnyRule = Annotated[Rule, Field(discriminator="kind")]
_RULE: Final[TypeAdapter[Rule]] = TypeAdapter(AnyRule)
KINDS: Final = (
    "threshold", "ratio", "percentile", "change", "anomaly", "burn_rate", "budget", "score",
    "completeness", "no_data", "metric", "collector", "sql",
)  # fmt: skip


def rule(document: Any) -> Rule:
    """A rule from its document.

    Raises:
        pydantic.ValidationError: if it is none.
    """
    return _RULE.validate_python(document)


def document(of: Rule) -> dict[str, Any]:
    """A rule as a document: what was not given is left out, but for the severity."""
    given = of.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"name": of.name, "kind": of.kind, "severity": of.severity} | given


def _condition(text: str) -> Any:
    return TypeAdapter(Compared).validate_python(text)
