"""What only a model's provider can have done: comparisons, and what is known of their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from spanglass_detectors.drift.watch import Watched
from spanglass_store.drift.metrics import ANSWERED, ASKED
from spanglass_store.drift.results import Recorded, Why

#: What is compared of a model over all services.
PROVIDER: Final = frozenset({*ANSWERED, *ASKED})


def provider_alone(found: Sequence[Watched]) -> list[Watched]:
    """The same, where a model's provider is suspected only of what nobody else can have done.

    What is asked of a model is compared, too: where that has changed, the answers' change is no
    news, and it is no finding by itself.
    """
    asked = {
        each.series.model
        for each in found
        if each.series.is_provider and each.series.metric in ASKED and each.result.is_drift
    }
    kept = []
    for each in found:
        series, result = each.series, each.result
        if series.is_provider and result.is_drift and series.model in asked:
            said = f"{result.explanation} What is asked of {series.model} has changed."
            each = replace(each, result=replace(result, verdict="small", explanation=said))
        kept.append(each)
    return kept


def told(recorded: Recorded, known: Why) -> Recorded:
    """With what is known of it: what happened near the change is part of the explanation.

    Where a release or a prompt is new, or a label was moved, nothing changed silently.
    """
    watched, result = recorded.watched, recorded.watched.result
    near = "; ".join(each.words for each in known.near)
    if near:
        result = replace(result, explanation=f"{result.explanation} Near it: {near}.")
    ours = [each for each in known.new if each.startswith(("release ", "prompt "))]
    if watched.series.is_provider and (known.near or ours):
        if not near:
            said = f"{result.explanation} New at the time: {', '.join(ours)}."
            result = replace(result, explanation=said)
        result = replace(result, verdict="small")
        return Recorded(replace(watched, result=result), why=known)
    return replace(recorded, watched=replace(watched, result=result), why=known)
