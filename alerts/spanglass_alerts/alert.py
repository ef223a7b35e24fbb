"""What an alert is, and what is said of it over time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

State = Literal["pending", "firing", "acknowledged", "resolved"]
#: States in which somebody has to do something, or is doing it.
ACTIVE: tuple[State, ...] = ("firing", "acknowledged")


@dataclass(frozen=True)
class Observation:
    """What one evaluation found of one group.

    Attributes:
        labels: of the group; without those of the rule.
        value: None where there is none.
        threshold: what it was compared with.
        breached: None where that can't be told: no data, or too little.
        count: rows behind the value.
        detail: what else was measured, for people.
    """

    labels: Mapping[str, str]
    value: float | None
    threshold: float | None
    breached: bool | None
    count: float = 0
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """One group of one rule, from when it is first breached until after it is well.

    Times are seconds since 1970.

    Attributes:
        fingerprint: of rule and group: the same each time.
        episode: how often it has fired; `id` is of one time.
        since: when it was first breached this time.
        well_since: since when it is well while it still fires; 0 while it is not.
        fired: when it fired of late, for flap control.
        flapping: whether it comes and goes so often that it is held.
        no_data: whether it fires because there is no data.
        incident: number of the incident that has gathered it; 0 for none.
    """

    fingerprint: str
    rule: str
    severity: str
    labels: Mapping[str, str]
    state: State
    since: float
    seen_at: float
    value: float | None = None
    threshold: float | None = None
    count: float = 0
    episode: int = 0
    fired_at: float = 0
    resolved_at: float = 0
    well_since: float = 0
    acknowledged_at: float = 0
    acknowledged_by: str = ""
    note: str = ""
    fired: tuple[float, ...] = ()
    flapping: bool = False
    no_data: bool = False
    incident: int = 0
    project: str = ""
    summary: str = ""
    playbook: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.fingerprint}-{self.episode}"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    def document(self) -> dict[str, Any]:
        """As JSON keeps it."""
        plain = {name: dict(v) if isinstance(v, Mapping) else v for name, v in vars(self).items()}
        return plain | {"fired": list(self.fired)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Alert":
        known = {
            name: value for name, value in document.items() if name in cls.__dataclass_fields__
        }
        return cls(**known | {"fired": tuple(document.get("fired", ()))})

    def with_(self, **changes: Any) -> "Alert":
        return replace(self, **changes)


def fingerprint(rule: str, labels: Mapping[str, str]) -> str:
    """The same for one group of one rule, whenever and wherever it is asked."""
    text = json.dumps([rule, sorted(labels.items())], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
