"""What detectors give back."""

import math
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Score:
    """A judgement of a span: a row of `scores`.

    Attributes:
        name: what was judged, in lower case (`refusal`, `toxicity`).
        value: higher means more of what the name says; None where only a label has a meaning.
        label: in words.
        explanation: the evidence: the sentence, the place, the rule. Reading it takes the payload
            grant.
        metadata: further facts, none of which may hold what people or models wrote.
        cost_usd: what the judgement cost, in US dollars, for the job's budget.

    Raises:
        ValueError: without a name, or with neither a value nor a label, or a value that is no
            number.
    """

    name: str
    value: float | None = None
    label: str = ""
    explanation: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    cost_usd: float = 0.0

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a score needs a name")
        if self.value is None and not self.label:
            raise ValueError(f"the score {self.name} has neither a value nor a label")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"the score {self.name} has the value {self.value}")


@dataclass(frozen=True)
class PiiFinding:
    """Personal data of one kind in one place of a span: a row of `pii_findings`.

    It never holds the value.

    Attributes:
        entity: presidio's name for it.
        field: where: `input`, `output`, or the name of an attribute or event.
        role: who wrote it: `user`, `assistant`, `system`, `tool`, `document`; empty if not known.
        count: how often.
        confidence: of the surest one, from 0 to 1.
        subjects: keyed hashes of the distinct values, 16 bytes in hexadecimal.
    """

    entity: str
    field: str
    role: str = ""
    count: int = 1
    confidence: float = 1.0
    subjects: tuple[str, ...] = ()


Result: TypeAlias = Score | PiiFinding
