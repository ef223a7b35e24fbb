"""What the labels of a queue say: of all traces, of each other, and how many more it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spanglass_store.review.rubric import Answer, Criterion
from spanglass_store.state.review_labels import said_together
from spanglass_store.state.review_tables import Queue, ReviewItem, ReviewLabel, ReviewStratum

if TYPE_CHECKING:
    from spanglass_detectors.agreement import Agreement
    from spanglass_detectors.review.estimate import Estimate


@dataclass(frozen=True)
class Outcome:
    """How often one answer is right, or what numbers are on average.

    Attributes:
        answer: `yes`, the name of a choice, or `mean`.
        estimate: of all traces that were drawn from; None where no drawn item is labelled.
        more_labels: that would bring the interval to the wanted width; None where that is unknown.
    """

    answer: str
    estimate: Estimate | None
    more_labels: int | None


@dataclass
class CriterionResult:
    """What is known by one question.

    Attributes:
        counts: labels by answer, as they are, without weights.
        alpha: Krippendorff's, of reviewers; None below five items with two labels.
        same: share of items with two labels or more on which all say the same.
        doubled: how many those are.
    """

    criterion: Criterion
    outcomes: list[Outcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    alpha: Agreement | None = None
    same: float | None = None
    doubled: int = 0


def results(
    queue: Queue,
    strata: Sequence[ReviewStratum],
    items: Sequence[ReviewItem],
    labels: Sequence[ReviewLabel],
    half_width: float,
) -> list[CriterionResult]:
    """Estimates and agreement, question by question.

    Args:
        queue: whose rubric it is.
        strata: the parts that were drawn from.
        items: of the queue.
        labels: of the items.
        half_width: what the estimate is wanted to, to each side.
    """
    said: dict[int, list[ReviewLabel]] = defaultdict(list)
    for each in labels:
        if each.state == "labelled":
            said[each.item].append(each)
    together = {item.id: said_together(queue, said[item.id]) for item in items if item.id in said}
    return [
        _result(criterion, strata, items, together, said, half_width)
        for criterion in queue.rubric.criteria
    ]


def _result(
    criterion: Criterion, strata: Sequence[ReviewStratum], items: Sequence[ReviewItem],
    together: Mapping[int, Mapping[str, Answer] | None],
    said: Mapping[int, Sequence[ReviewLabel]], half_width: float,
) -> CriterionResult:  # fmt: skip
    from spanglass_detectors.agreement import krippendorff_alpha

    name = criterion.name
    found = CriterionResult(criterion)
    by_stratum: dict[int, list[Answer]] = defaultdict(list)
    for item in items:
        clear = together.get(item.id)
        if clear is None or name not in clear:
            continue
        if item.stratum is not None:
            by_stratum[item.stratum].append(clear[name])
    units = []
    for each in said.values():
        given = [
            label.answers[name] for label in each if name in label.answers and not label.is_final
        ]
        units.append(given)
        for answer in given:
            word = criterion.label(answer) or f"{answer:g}"
            found.counts[word] = found.counts.get(word, 0) + 1
    doubled = [unit for unit in units if len(unit) > 1]
    found.doubled = len(doubled)
    if doubled:
        found.same = sum(criterion.agreed(unit) is not None for unit in doubled) / len(doubled)
        values = [[_comparable(each) for each in unit] for unit in doubled]
        is_number = criterion.kind == "numeric"
        found.alpha = krippendorff_alpha(values, "interval" if is_number else "nominal")
    found.outcomes = _outcomes(criterion, strata, by_stratum, half_width)
    return found


def _outcomes(
    criterion: Criterion, strata: Sequence[ReviewStratum],
    by_stratum: Mapping[int, Sequence[Answer]], half_width: float,
) -> list[Outcome]:  # fmt: skip
    from spanglass_detectors.review.estimate import Stratum, estimate, labels_needed

    def outcome(
        answer: str, values: Mapping[int, list[float]], share: bool, half: float
    ) -> Outcome:
        # What was erased since, or came late, must not make more labels than traces.
        parts = [
            Stratum(max(each.population, len(values.get(each.id, ()))), values.get(each.id, []))
            for each in strata
        ]
        return Outcome(answer, estimate(parts, share), labels_needed(parts, half, share))

    def numbers(of: Sequence[Answer], wanted: Answer) -> list[float]:
        return [float(each == wanted) for each in of]

    if criterion.kind == "boolean":
        yes = {key: numbers(of, True) for key, of in by_stratum.items()}
        return [outcome("yes", yes, True, half_width)]
    if criterion.kind == "numeric":
        values = {key: [float(each) for each in of] for key, of in by_stratum.items()}
        return [outcome("mean", values, False, half_width * (criterion.high - criterion.low))]
    return [
        outcome(
            choice.name, {key: numbers(of, choice.name) for key, of in by_stratum.items()}, True,
            half_width,
        )
        for choice in criterion.choices
    ]  # fmt: skip


def _comparable(answer: Answer) -> float | str:
    return answer if isinstance(answer, str) else float(answer)
