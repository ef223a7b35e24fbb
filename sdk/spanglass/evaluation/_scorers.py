"""From what a scorer gives to scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spanglass.evaluation._example import Example, Judged

#: Takes an example and the output. Gives a number, a truth, a text (a label), something with a
#: `name` and a `value`, a mapping of names, several of these, or None for nothing to say.
Scorer = Callable[[Example, Any], Any]


def name_of(scorer: Scorer) -> str:
    """What a number of it is called."""
    found = getattr(scorer, "__name__", "") or type(scorer).__name__
    return str(found).strip("_<>") or "score"


def scores_of(
    scorers: Sequence[Scorer], example: Example, output: Any
) -> tuple[list[Judged], dict[str, str]]:
    """Scores of an output, and the scorers that failed with why."""
    found: list[Judged] = []
    failed: dict[str, str] = {}
    for scorer in scorers:
        name = name_of(scorer)
        try:
            found += _judged(name, scorer(example, output))
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:1_000]
    return found, failed


def _judged(name: str, given: Any) -> list[Judged]:
    """Raises TypeError or ValueError for what is no score."""
    if given is None:
        return []
    if isinstance(given, bool):
        return [Judged(name, float(given), "true" if given else "false")]
    if isinstance(given, int | float):
        if not math.isfinite(given):
            raise ValueError(f"{given} is no score")
        return [Judged(name, float(given))]
    if isinstance(given, str):
        return [Judged(name, None, given[:200])]
    if isinstance(given, Mapping):
        return [each for key, value in given.items() for each in _judged(str(key), value)]
    if hasattr(given, "name") and hasattr(given, "value"):
        made = [] if given.value is None else _judged(str(given.name), float(given.value))
        label = str(getattr(given, "label", "") or "")[:200]
        said = str(getattr(given, "explanation", "") or "")[:10_000]
        value = made[0].value if made else None
        return [Judged(str(given.name), value, label, said)]
    if isinstance(given, Iterable):
        return [each for one in given for each in _judged(name, one)]
    raise TypeError(f"a scorer gave {type(given).__name__}: give a number, a truth or a mapping")
