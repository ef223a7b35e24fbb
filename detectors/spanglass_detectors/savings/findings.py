"""What is said of a saving: the money with its interval, what it rests on, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

#: A number of the evidence, as it is shown.
Number = float | int | str | None


class Level(StrEnum):
    """How much of a thing there is: of confidence, or of a risk to quality."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


#: What a dollar counts for in the order of findings, by how sure it is.
WEIGHT: Final = {Level.HIGH: 1.0, Level.MEDIUM: 0.6, Level.LOW: 0.3}
#: A saving whose lower end is a smaller part of what is spent is not worth anybody's time.
MATERIAL_SHARE: Final = 0.005


@dataclass(frozen=True)
class Saving:
    """US dollars a month (30.44 days), with a 95 % interval."""

    usd_month: float
    low: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What a finding rests on.

    Attributes:
        numbers: measured in the range, by what they are.
        examples: ids of traces to look at.
        sql: shows it; runs as it is.
    """

    numbers: Mapping[str, Number]
    examples: tuple[str, ...] = ()
    sql: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that would cost less.

    Attributes:
        kind: the method's name.
        title: what, in a line.
        project: whose.
        scope: which part of the traffic: service, feature, model and so on.
        saving: money.
        risk: to the quality of answers.
        risk_note: what could get worse.
        evidence: what it rests on.
        method: how the number was made, in a sentence; docs/savings.md has the formula.
        confidence: that the saving is there.
        next_step: the one thing to do.
    """

    kind: str
    title: str
    project: str
    scope: Mapping[str, str]
    saving: Saving
    risk: Level
    risk_note: str
    evidence: Evidence
    method: str
    confidence: Level
    next_step: str

    @property
    def rank(self) -> float:
        """What it counts for: the lower end of its saving, by how sure it is."""
        return self.saving.low * WEIGHT[self.confidence]


@dataclass(frozen=True)
class CantSay:
    """A question that what is stored can't answer.

    Attributes:
        kind: the method's name.
        because: why not.
        turn_on: what would let it be answered.
    """

    kind: str
    because: str
    turn_on: str


@dataclass(frozen=True)
class Advice:
    """All that can be said of a range of time.

    Attributes:
        findings: what counts for most first.
        cant_say: what can't be said, with why.
        nothing: methods that looked and found nothing worth doing.
        spend_usd_month: what calls cost a month at the rate of the range; None without prices.
        days: whole days that were looked at.
        notes: what has to be known to read the rest.
    """

    findings: tuple[Finding, ...] = ()
    cant_say: tuple[CantSay, ...] = ()
    nothing: tuple[str, ...] = ()
    spend_usd_month: float | None = None
    days: int = 0
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)


def ranked(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, by money and confidence."""
    return tuple(sorted(found, key=lambda each: (-each.rank, each.kind, each.title)))


def is_material(saving: Saving | None, spend_usd_month: float) -> bool:
    """Whether a saving is surely there and worth looking at.

    Args:
        saving: with its interval.
        spend_usd_month: what is spent on the same thing.
    """
    return saving is not None and saving.low > max(0.0, MATERIAL_SHARE * spend_usd_month)
