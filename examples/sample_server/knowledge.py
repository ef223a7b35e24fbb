"""Finds the sentences that answer a question."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .documents import DOCUMENTS, Document
from .words import sentences, stems


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for a question.

    Attributes:
        sentences: The best sentences, in reading order; empty when nothing fits.
        source: Id of the document they come from; empty for text given in the prompt.
        title: Title of that document.
        score: How much of the question the best sentence covers, 0 to 1.
    """

    sentences: tuple[str, ...] = ()
    source: str = ""
    title: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    stems: frozenset[str]
    order: int


@dataclass(frozen=True, slots=True)
class _Passage:
    id: str
    title: str
    title_stems: frozenset[str]
    stems: Counter[str]
    sentences: tuple[_Sentence, ...]


class Knowledge:
    """Sentences that can be searched by the words they share with a question.

    Args:
        documents: What to search.
    """

    def __init__(self, documents: Iterable[Document] = DOCUMENTS) -> None:
        self._passages = tuple(_passage(d.id, d.title, d.text) for d in documents)
        in_passages = Counter(s for p in self._passages for s in p.stems.keys() | p.title_stems)
        total = len(self._passages)
        self._weight = {s: math.log((total + 1) / (n + 0.5)) for s, n in in_passages.items()}
        # A word that no document has speaks against every document.
        self._unknown_weight = math.log((total + 1) / 0.5)

    def find(self, question: str, limit: int = 3) -> Finding:
        """Return the best sentences of the one document that fits a question best.

        Args:
            question: In natural language.
            limit: Most sentences returned.
        """
        return self._best(question, self._passages, limit)

    def find_in(self, question: str, texts: Sequence[str], limit: int = 3) -> Finding:
        """Return the best sentences of texts that came with the question."""
        passages = tuple(_passage("", "", text) for text in texts if text)
        return self._best(question, passages, limit)

    def _best(self, question: str, passages: Sequence[_Passage], limit: int) -> Finding:
        asked = frozenset(stems(question))
        total = sum(self._weigh(stem) for stem in asked)
        if not asked or total == 0:
            return Finding()
        best: tuple[float, _Passage, list[tuple[float, _Sentence]]] | None = None
        for passage in passages:
            scored = [
                (self._overlap(asked, s.stems | passage.title_stems), s) for s in passage.sentences
            ]
            if not scored:
                continue
            top = max(score for score, _ in scored)
            rank = top + 0.5 * sum(
                self._weigh(stem) * math.log1p(passage.stems[stem]) for stem in asked
            )
            # A page's title says what it is about; its sentences mention much else.
            rank += 2 * self._overlap(asked, passage.title_stems)
            if best is None or rank > best[0]:
                best = (rank, passage, scored)
        if best is None:
            return Finding()
        _, passage, scored = best
        scored.sort(key=lambda pair: (-pair[0], pair[1].order))
        top = scored[0][0]
        if top == 0:
            return Finding()
        chosen = [s for score, s in scored[:limit] if score >= 0.5 * top and score > 0]
        chosen.sort(key=lambda s: s.order)
        return Finding(
            sentences=tuple(s.text for s in chosen),
            source=passage.id,
            title=passage.title,
            score=top / total,
        )

    def _weigh(self, stem: str) -> float:
        return self._weight.get(stem, self._unknown_weight)

    def _overlap(self, asked: frozenset[str], have: frozenset[str]) -> float:
        return sum(self._weigh(stem) for stem in asked & have)


def _passage(name: str, title: str, text: str) -> _Passage:
    parts = tuple(
        _Sentence(sentence, frozenset(stems(sentence)), order)
        for order, sentence in enumerate(sentences(text))
    )
    return _Passage(name, title, frozenset(stems(title)), Counter(stems(text)), parts)
