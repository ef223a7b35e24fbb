"""Pairs of judgements as numbers that agreement is computed of.

Values are compared where both sides give any, else labels. Kappa wants categories: whole numbers
are such, ranked where there are more than two; values between 0 and 1 become two at 0.5.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from spanglass_dashboards.api.comparing import not_installed
from spanglass_store.queries.score_pairs import Pair, Said

if TYPE_CHECKING:
    from spanglass_detectors.agreement import Agreement

KappaOf = Literal["categories", "ranks", "cut at 0.5", "none"]


@dataclass
class Agreed:
    """How far a machine agrees with people.

    Attributes:
        agreement: share in which both say the same category; None where there are none.
        kappa: of people's middle and the machine.
        kappa_of: what its categories are.
        alpha: of everybody.
        alpha_people: of people alone.
        disagreements: pairs with what people and the machine said, the furthest apart first.
    """

    agreement: float | None = None
    kappa: Agreement | None = None
    kappa_of: KappaOf = "none"
    alpha: Agreement | None = None
    alpha_people: Agreement | None = None
    disagreements: list[tuple[Pair, str, str]] = field(default_factory=list)


def agreed(pairs: Sequence[Pair]) -> Agreed:
    """Agreement of one machine with people.

    Raises:
        StoreError: if numpy is not installed.
    """
    try:
        from spanglass_detectors.agreement import krippendorff_alpha
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    numbers = [pair for pair in pairs if _values(pair) and pair.machine.value is not None]
    if 2 * len(numbers) < len(pairs):
        return _of_labels(pairs)
    people = [_values(pair) for pair in numbers]
    machine = [pair.machine.value or 0.0 for pair in numbers]
    found = _of_values([statistics.median(each) for each in people], machine)
    found.alpha = krippendorff_alpha(
        [[*each, value] for each, value in zip(people, machine, strict=True)], "interval"
    )
    found.alpha_people = krippendorff_alpha(people, "interval")
    apart = sorted(
        ((abs(statistics.median(each) - value), at)
         for at, (each, value) in enumerate(zip(people, machine, strict=True))),
        key=lambda each: (-each[0], each[1]),
    )  # fmt: skip
    found.disagreements = [
        (numbers[at], " ".join(f"{value:g}" for value in people[at]), f"{machine[at]:.3g}")
        for gap, at in apart
        if gap > 0
    ]
    return found


def _of_values(people: list[float], machine: list[float]) -> Agreed:
    from spanglass_detectors.agreement import cohen_kappa

    both = {*people, *machine}
    if all(value.is_integer() for value in both):
        ranked = len(both) > 2
        return Agreed(
            _share(people, machine),
            cohen_kappa(people, machine, "quadratic" if ranked else "none"),
            "ranks" if ranked else "categories",
        )
    if all(0 <= value <= 1 for value in both):
        first, second = [each >= 0.5 for each in people], [each >= 0.5 for each in machine]
        return Agreed(_share(first, second), cohen_kappa(first, second), "cut at 0.5")
    return Agreed()


def _of_labels(pairs: Sequence[Pair]) -> Agreed:
    from spanglass_detectors.agreement import cohen_kappa, krippendorff_alpha

    people = [[_word(said) for said in pair.people] for pair in pairs]
    machine = [_word(pair.machine) for pair in pairs]
    middle = [Counter(sorted(each)).most_common(1)[0][0] for each in people]
    return Agreed(
        _share(middle, machine),
        cohen_kappa(middle, machine),
        "categories",
        krippendorff_alpha([[*each, one] for each, one in zip(people, machine, strict=True)]),
        krippendorff_alpha(people),
        [
            (pair, " ".join(said), one)
            for pair, said, most, one in zip(pairs, people, middle, machine, strict=True)
            if most != one
        ],
    )


def _values(pair: Pair) -> list[float]:
    return [said.value for said in pair.people if said.value is not None]


def _word(said: Said) -> str:
    return said.label or ("" if said.value is None else f"{said.value:g}")


def _share(first: Sequence[object], second: Sequence[object]) -> float:
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
