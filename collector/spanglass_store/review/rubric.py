"""What reviewers are asked: questions, each of which becomes a score of its name."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from spanglass_store.errors import StoreError

Kind = Literal["boolean", "categorical", "numeric"]
#: What a reviewer says to one question.
Answer = bool | str | float

MOST_CRITERIA: Final = 10
MOST_CHOICES: Final = 20
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Choice:
    """One of the answers to a categorical question.

    Attributes:
        value: what it is worth; higher means more of what the question's name says. None where
            answers have no order.
    """

    name: str
    means: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Criterion:
    """One question.

    Attributes:
        name: of the score that an answer becomes.
        kind: yes or no, one of several names, or a number.
        question: as the reviewer reads it.
        choices: of a categorical question, in the order of their keys.
        low: least number.
        high: largest number.
        required: whether an item can be labelled without it.
    """

    name: str
    kind: Kind = "boolean"
    question: str = ""
    choices: tuple[Choice, ...] = ()
    low: float = 1.0
    high: float = 5.0
    required: bool = True

    def checked(self, given: Any) -> Answer:
        """An answer as it is kept.

        Raises:
            StoreError: if it is none of this question's.
        """
        if self.kind == "boolean":
            if isinstance(given, bool):
                return given
            raise StoreError(f"{self.name}: answer true or false.")
        if self.kind == "categorical":
            names = [each.name for each in self.choices]
            if isinstance(given, str) and given in names:
                return given
            raise StoreError(f"{self.name}: answer one of {', '.join(names)}.")
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if is_number and self.low <= given <= self.high:
            return float(given)
        raise StoreError(f"{self.name}: answer a number from {self.low:g} to {self.high:g}.")

    def value(self, answer: Answer) -> float | None:
        """What an answer is worth; None where it has no number."""
        if self.kind == "categorical":
            return next((each.value for each in self.choices if each.name == answer), None)
        return float(answer)

    def label(self, answer: Answer) -> str:
        """An answer in words."""
        if self.kind == "boolean":
            return "yes" if answer else "no"
        return str(answer) if self.kind == "categorical" else ""

    def agreed(self, answers: Sequence[Answer]) -> Answer | None:
        """What several reviewers say together; None where they differ.

        Numbers that are a tenth of the scale apart or less are the same: their median stands.
        """
        if self.kind == "numeric":
            numbers = [float(each) for each in answers]
            if max(numbers) - min(numbers) > (self.high - self.low) / 10:
                return None
            return statistics.median(numbers)
        return answers[0] if len(set(answers)) == 1 else None


@dataclass(frozen=True)
class Rubric:
    """The questions of a queue."""

    criteria: tuple[Criterion, ...]

    def checked(self, given: Mapping[str, Any]) -> dict[str, Answer]:
        """The answers of one reviewer as they are kept.

        Raises:
            StoreError: if one is missing, unknown, or none of its question's.
        """
        known = {each.name: each for each in self.criteria}
        if unknown := sorted(set(given) - set(known)):
            raise StoreError(f"There is no question {unknown[0]!r}; there are {', '.join(known)}.")
        said = {name: each for name, each in given.items() if each is not None}
        for each in self.criteria:
            if each.required and each.name not in said:
                raise StoreError(f"{each.name} is not answered.")
        if not said:
            raise StoreError("Answer at least one question, or skip the item.")
        return {name: known[name].checked(each) for name, each in said.items()}

    def agreed(self, labels: Sequence[Mapping[str, Answer]]) -> dict[str, Answer] | None:
        """What all labels say together; None where they differ in a question."""
        together: dict[str, Answer] = {}
        for each in self.criteria:
            answers = [label[each.name] for label in labels if each.name in label]
            if not answers:
                continue
            said = each.agreed(answers)
            if said is None:
                return None
            together[each.name] = said
        return together

    def document(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [asdict(each) for each in self.criteria]


def read_rubric(document: Sequence[Mapping[str, Any]]) -> Rubric:
    """A rubric from JSON.

    Raises:
        StoreError: if it can't be one; the message says why.
    """
    criteria = []
    for given in document:
        choices = tuple(Choice(**each) for each in given.get("choices", ()))
        criteria.append(Criterion(**{**given, "choices": choices}))
    if not 1 <= len(criteria) <= MOST_CRITERIA:
        raise StoreError(f"A rubric has 1 to {MOST_CRITERIA} questions.")
    names = [each.name for each in criteria]
    if len(set(names)) < len(names):
        raise StoreError("Two questions have the same name.")
    for each in criteria:
        _check(each)
    return Rubric(tuple(criteria))


def _check(criterion: Criterion) -> None:
    name = criterion.name
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is no name of a score: use letters, digits, _ . and -.")
    if criterion.kind == "categorical":
        given = [each.name for each in criterion.choices]
        if not 2 <= len(given) <= MOST_CHOICES:
            raise StoreError(f"{name}: give 2 to {MOST_CHOICES} choices.")
        if len(set(given)) < len(given) or not all(each.strip() for each in given):
            raise StoreError(f"{name}: every choice needs a name of its own.")
    elif criterion.choices:
        raise StoreError(f"{name}: only a categorical question has choices.")
    if criterion.kind == "numeric" and not (
        math.isfinite(criterion.low)
        and math.isfinite(criterion.high)
        and criterion.low < criterion.high
    ):
        raise StoreError(f"{name}: the scale has to go from a smaller number to a larger one.")
