"""Whether an answer is about what was asked, and documents about what was looked for.

The cosine of two vectors, from 0 to 1: 0.1 and less is another subject, 0.3 and more the same one.
What it can't see: whether the answer is right, or complete; irony; what depends on word order.
The vectors are made for English, and say little of other languages.
"""

from collections.abc import Sequence

from spanglass_detectors.embedding.table import StaticTable


def relevance(table: StaticTable, question: str, answer: str) -> float | None:
    """How much two texts are about the same; None if one of them says nothing."""
    one, other = table.embed([question, answer])
    if not one.any() or not other.any():
        return None
    return float(min(1.0, max(0.0, one @ other)))


def relevances(table: StaticTable, question: str, documents: Sequence[str]) -> list[float]:
    """How much each document is about a question; 0 for one that says nothing."""
    vectors = table.embed([question, *documents])
    return [float(min(1.0, max(0.0, each @ vectors[0]))) for each in vectors[1:]]
