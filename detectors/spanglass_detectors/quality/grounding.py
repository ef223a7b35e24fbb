"""Whether answers are about what was asked and say what the model was given."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import ClassVar, Final

from spanglass_detectors.content import passages_of
from spanglass_detectors.detector import Detector
from spanglass_detectors.embedding.table import StaticTable
from spanglass_detectors.quality import retrieval
from spanglass_detectors.quality.consistency import consistency
from spanglass_detectors.quality.groundedness import GROUNDED, Support, groundedness
from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.quality.relevance import relevance, relevances
from spanglass_detectors.results import Score
from spanglass_detectors.selection import chosen
from spanglass_detectors.span import Span
from spanglass_detectors.text import language
from spanglass_detectors.text.exchange import ANSWERS, MOST, Exchange, choices_of, exchange_of
from spanglass_detectors.text.sentences import stems

_LONGEST: Final = 600
#: Sentences that are shown as evidence, and documents that are compared.
_SHOWN: Final = 5
_DOCUMENTS: Final = 50
#: Stems of a question below which it has no subject: "And then?"
_FEWEST: Final = 2


class GroundingDetector(Detector):
    """Scores relevance and groundedness, by static vectors of MiniLM.

    Args:
        cache: the folder in which vectors are kept; nowhere unless given.
        scores: names of those that are wanted; all unless given.

    Raises:
        ImportError: if the model is not installed.
        ValueError: if a score is not known.
    """

    version = "1"
    operations: Sequence[str] = (*ANSWERS, "retrieval")
    columns: Sequence[str] = ("input", "output", "attributes", "payload_attributes", "status")
    description: ClassVar[str] = (
        "relevance, groundedness by sentence, relevance of documents, what a retrieval should have"
        " found, agreement of several answers"
    )
    names: ClassVar[tuple[str, ...]] = (
        "relevance", "groundedness", "context_relevance", "document_relevance",
        "self_consistency", *retrieval.NAMES,
    )  # fmt: skip

    def __init__(self, cache: str = "", scores: Sequence[str] | None = None) -> None:
        self._wanted = chosen(self.names, scores)
        self._table = StaticTable(Path(cache) if cache else None)
        self._has_language = language.is_installed()

    def judge(self, span: Span) -> Iterable[Score]:
        if span.operation == "retrieval":
            found = self._retrieval(span)
        else:
            found = chain(self._answer(exchange_of(span)), self._choices(span))
        return [each for each in found if each.name in self._wanted]

    def _retrieval(self, span: Span) -> Iterator[Score]:
        known = retrieval.retrieval_scores(retrieval.ranked_ids(span), retrieval.gains_of(span))
        yield from (Score(name, round(value, 6)) for name, value in known.items())
        question = span.input_text[:MOST]
        documents = _documents(span)
        if len(stems(question)) < _FEWEST or not documents:
            return
        yield _of_documents("document_relevance", relevances(self._table, question, documents))

    def _answer(self, exchange: Exchange) -> Iterator[Score]:
        answer, question = exchange.prose.strip(), exchange.question
        has_subject = len(stems(question)) >= _FEWEST
        documents = [each.text for each in exchange.context if each.role == "document"]
        if has_subject and documents:
            values = relevances(self._table, question, documents[:_DOCUMENTS])
            yield _of_documents("context_relevance", values)
        if not answer:
            return
        declined = refusal(answer)
        is_declined = declined.is_refusal or declined.is_no_answer
        if has_subject and not is_declined:
            value = relevance(self._table, question, answer)
            if value is not None:
                label = "off_topic" if value < 0.1 else ""
                yield Score("relevance", round(value, 4), label)
        if not exchange.has_context or is_declined or self._is_other_language(exchange):
            return
        context = [(each.text, each.role) for each in exchange.context]
        supports = groundedness(self._table, answer, context, question)
        if supports:
            yield _of_sentences(supports)

    def _choices(self, span: Span) -> Iterator[Score]:
        found = consistency(self._table, choices_of(span))
        if found is None:
            return
        said = ""
        if found.differing is not None:
            one, other = (each[:_LONGEST] for each in found.differing)
            said = f"{found.why}: “{one}”\n    and: “{other}”"
        label = "" if found.differing is None else "differ"
        about = {"answers": str(found.answers)}
        yield Score("self_consistency", round(found.value, 4), label, said, about)

    def _is_other_language(self, exchange: Exchange) -> bool:
        """Whether answer and context can't be compared."""
        if not self._has_language:
            return False
        given = " ".join(each.text for each in exchange.context)[:4_000]
        return language.are_different(exchange.prose, given)


def _documents(span: Span) -> list[str]:
    """The texts of a retrieval's documents, without their ids."""
    texts = [each.text for each in passages_of("output", span.output, span.operation)]
    if not texts:
        texts = [
            each.text
            for key, value in span.payload_attributes.items()
            if "document" in key
            for each in passages_of(key, value, span.operation)
        ]
    return [text for text in texts if len(stems(text)) >= 4][:_DOCUMENTS]


def _of_documents(name: str, values: Sequence[float]) -> Score:
    best = max(range(len(values)), key=values.__getitem__)
    about = {
        "documents": str(len(values)), "best": str(best + 1),
        "mean": f"{sum(values) / len(values):.4f}",
    }  # fmt: skip
    return Score(name, round(values[best], 4), "off_topic" if values[best] < 0.1 else "",
                 metadata=about)  # fmt: skip


def _of_sentences(supports: Sequence[Support]) -> Score:
    """The mean support; the evidence is what is supported least, beside what comes nearest."""
    value = sum(each.value for each in supports) / len(supports)
    weak = sorted((each for each in supports if each.value < GROUNDED), key=lambda s: s.value)
    shown = weak[:_SHOWN] or [min(supports, key=lambda each: each.value)]
    lines = []
    for each in shown:
        why = f" ({each.reason})" if each.reason else ""
        lines.append(
            f"{each.value:.2f}{why}: “{each.sentence[:_LONGEST]}”\n"
            f"    nearest, from {each.role or 'the input'}: “{each.passage[:_LONGEST]}”"
        )
    about = {"sentences": str(len(supports)), "ungrounded": str(len(weak))}
    label = "ungrounded" if weak else ""
    return Score("groundedness", round(value, 4), label, "\n".join(lines), about)
