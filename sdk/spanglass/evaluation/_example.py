"""What an application is asked, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Example:
    """What an application is given, and what it should answer.

    Attributes:
        input: a text, messages, or named values, which become arguments.
        expected: None where nobody has said it.
        metadata: whatever helps to sort examples.
        split: which part of a dataset it belongs to.
        id: made of input and expected output where none is given.
    """

    input: Any
    expected: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    id: str = ""

    @property
    def key(self) -> str:
        """What its result is kept under."""
        if self.id:
            return self.id
        said = json.dumps([self.input, self.expected], sort_keys=True, default=str)
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:24]


@dataclass(frozen=True)
class Judged:
    """One score of one answer.

    Attributes:
        name: what was judged; higher means more of it.
        value: None where only a label has a meaning.
        label: in words.
        explanation: the evidence.
    """

    name: str
    value: float | None = None
    label: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class Result:
    """What came of one example.

    Attributes:
        example: its key.
        output: what the application answered; None where it failed.
        error: why it failed; empty where it did not.
        duration_s: that it took, in seconds.
        scores: of the answer.
        trace_id: of the call, 32 hexadecimal digits; empty where nothing is traced.
        input_tokens: None where they are not known.
        output_tokens: the same.
        cost_usd: the same.
        unscored: scorers that failed, by name, and why.
    """

    example: str
    output: Any = None
    error: str = ""
    duration_s: float = 0.0
    scores: tuple[Judged, ...] = ()
    trace_id: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    unscored: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As plain data. What JSON has no word for is written as text."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return found

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Result:
        """From plain data; names that are not known are left out.

        Raises:
            KeyError: it names no example.
            TypeError: its scores are none.
        """
        known = {each.name: said[each.name] for each in fields(cls) if each.name in said}
        known["example"] = said["example"]
        names = {each.name for each in fields(Judged)}
        known["scores"] = tuple(
            Judged(**{name: value for name, value in each.items() if name in names})
            for each in said.get("scores", ())
        )
        return cls(**known)

    def value(self, name: str) -> float | None:
        """A score by name; `duration_s`, `cost_usd` and tokens are there, too."""
        if name in ("duration_s", "cost_usd", "input_tokens", "output_tokens"):
            number = getattr(self, name)
            return None if number is None else float(number)
        return next((each.value for each in self.scores if each.name == name), None)
