"""How well a retrieval found what was to be found, where that is known.

Sources: Voorhees, "The TREC-8 Question Answering Track Report" (1999), for the reciprocal rank;
Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002), for nDCG, with
gains as they are and a discount of log2(rank + 1), as trec_eval and scikit-learn compute it.
"""

import json
import math
from collections.abc import Mapping, Sequence

from spanglass_detectors.content import parsed_json
from spanglass_detectors.span import Span

#: The attribute that says which documents were to be found: a list of ids, or gains by id in JSON.
RELEVANT = "spanglass.relevant_documents"
NAMES = ("hit_rate", "reciprocal_rank", "ndcg", "retrieval_precision", "retrieval_recall")


def retrieval_scores(found: Sequence[str], gains: Mapping[str, float]) -> dict[str, float]:
    """The metrics of one ranked list, each from 0 to 1; their means over queries are the usual ones.

    Args:
        found: ids of documents, the best first; one that comes twice counts where it comes first.
        gains: of the documents that were to be found, by id; greater than 0.

    Returns:
        `hit_rate` (whether one was found), `reciprocal_rank` (one over the place of the first; its
        mean is MRR), `ndcg`, `retrieval_precision` and `retrieval_recall`. Nothing where there was
        nothing to be found.
    """
    gains = {name: gain for name, gain in gains.items() if gain > 0 and math.isfinite(gain)}
    if not gains:
        return {}
    ranked = list(dict.fromkeys(found))
    places = [place for place, name in enumerate(ranked, 1) if name in gains]
    ideal = _cumulated(sorted(gains.values(), reverse=True)[: max(len(ranked), 1)])
    return {
        "hit_rate": float(bool(places)),
        "reciprocal_rank": 1 / places[0] if places else 0.0,
        "ndcg": _cumulated([gains.get(name, 0.0) for name in ranked]) / ideal,
        "retrieval_precision": len(places) / len(ranked) if ranked else 0.0,
        "retrieval_recall": len(places) / len(gains),
    }


def _cumulated(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def gains_of(span: Span) -> dict[str, float]:
    """What a retrieval was to find, by its attribute; empty where that is not said, or is no such.

    A list of ids gives each a gain of 1.
    """
    said = span.attributes.get(RELEVANT, "")
    given = parsed_json(said) if said else None
    if isinstance(given, list):
        return {_name(each): 1.0 for each in given if isinstance(each, str | int)}
    if isinstance(given, dict):
        return {
            str(name): float(gain)
            for name, gain in given.items()
            if isinstance(gain, int | float) and not isinstance(gain, bool)
        }
    return {said: 1.0} if said and given is None else {}


def ranked_ids(span: Span) -> list[str]:
    """Ids of the documents that a retrieval gave, in their order; those without one are left out."""
    given = parsed_json(span.output)
    if isinstance(given, dict):
        given = given.get("documents")
    found = []
    for each in given if isinstance(given, list) else ():
        name = each.get("id", each.get("document_id")) if isinstance(each, dict) else None
        found.append(_name(name) if isinstance(name, str | int) else "")
    return [name for name in found if name]


def _name(value: str | int) -> str:
    return value if isinstance(value, str) else json.dumps(value)
