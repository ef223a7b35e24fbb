"""The form of answers: refusal, repetition, truncation, language, readability, structure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from spanglass_detectors.content import plain_text
from spanglass_detectors.detector import Detector
from spanglass_detectors.quality import reference
from spanglass_detectors.quality.readability import readability
from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.quality.repetition import LOOPS, repetition
from spanglass_detectors.quality.structure import answer_form, tool_calls_form
from spanglass_detectors.quality.truncation import truncation
from spanglass_detectors.results import Score
from spanglass_detectors.selection import chosen
from spanglass_detectors.span import Span
from spanglass_detectors.text import language
from spanglass_detectors.text.exchange import ANSWERS, Exchange, exchange_of


class QualityDetector(Detector):
    """Scores the form of a model's answers.

    Args:
        scores: names of those that are wanted; all unless given.

    Raises:
        ValueError: if a score is not known.
    """

    version = "1"
    operations: Sequence[str] = ANSWERS
    columns: Sequence[str] = (
        "input", "output", "finish_reasons", "attributes", "payload_attributes", "status",
    )  # fmt: skip
    description: ClassVar[str] = "refusal, repetition, truncation, language, readability, format"
    names: ClassVar[tuple[str, ...]] = (
        "refusal", "no_answer", "repetition", "truncation", "language", "language_mismatch",
        "readability", "format_validity", "tool_call_validity", *reference.NAMES,
    )  # fmt: skip

    def __init__(self, scores: Sequence[str] | None = None) -> None:
        self._wanted = chosen(self.names, scores)
        self._has_language = language.is_installed()

    def judge(self, span: Span) -> Iterable[Score]:
        if span.status == "error" and not span.output:
            return []
        found = _scores(exchange_of(span), span, self._has_language)
        return [each for each in found if each.name in self._wanted]


def _scores(exchange: Exchange, span: Span, has_language: bool) -> Iterator[Score]:
    answer = exchange.prose
    yield from _structure(exchange, span)
    expected = span.payload_attributes.get(reference.REFERENCE, "")
    if expected:
        compared = reference.reference_scores(exchange.answer, plain_text(expected))
        yield from (Score(name, round(value, 6)) for name, value in compared.items())
    if not answer.strip():
        if exchange.refusal:
            yield Score("refusal", 1.0, "refused", exchange.refusal[:1_000])
        return
    is_filtered = "content_filter" in {each.lower() for each in span.finish_reasons}
    if exchange.refusal or is_filtered:
        said = exchange.refusal[:1_000] or "the provider's filter ended the answer"
        yield Score("refusal", 1.0, "filtered" if is_filtered else "refused", said)
    else:
        declined = refusal(answer)
        label, evidence = ("refused", declined.sentence) if declined.is_refusal else ("", "")
        yield Score("refusal", float(declined.is_refusal), label, evidence)
        evidence = declined.sentence if declined.is_no_answer else ""
        label = "does_not_know" if declined.is_no_answer else ""
        yield Score("no_answer", float(declined.is_no_answer), label, evidence)
    repeated = repetition(answer)
    if repeated is not None:
        is_loop = repeated.share >= LOOPS
        said = f"“{repeated.run}” comes {repeated.times} times" if repeated.times > 1 else ""
        yield Score("repetition", round(repeated.share, 4), "loops" if is_loop else "", said)
    cut = truncation(exchange.answer, span.finish_reasons)
    if cut is not None:
        yield Score("truncation", cut.value, "cut_off" if cut.value >= 0.5 else "", cut.reason)
    if has_language:
        yield from _language(exchange.question, answer)


def _structure(exchange: Exchange, span: Span) -> Iterator[Score]:
    asked = answer_form(exchange.answer, span) if exchange.answer.strip() else None
    calls = tool_calls_form(exchange.tool_calls, span)
    for name, form in (("format_validity", asked), ("tool_call_validity", calls)):
        if form is not None:
            label = "" if form.is_valid else form.label
            yield Score(name, float(form.is_valid), label, form.reason)


def _language(question: str, answer: str) -> Iterator[Score]:
    code, share = language.language(answer)
    if not code:
        return
    yield Score("language", None, code, metadata={"confidence": f"{share:.2f}"})
    if language.language(question)[0]:
        is_other = language.are_different(question, answer)
        asked = language.language(question)[0]
        said = f"asked in {asked}, answered in {code}" if is_other else ""
        yield Score("language_mismatch", float(is_other), "other" if is_other else "", said)
    # JSON is read by programs.
    if answer.lstrip()[:1] not in ("{", "["):
        ease = readability(answer, code)
        if ease is not None:
            about: dict[str, Any] = {
                "words": ease.words, "words_a_sentence": round(ease.words_a_sentence, 1),
            }  # fmt: skip
            metadata = {name: json.dumps(value) for name, value in about.items()}
            yield Score("readability", round(ease.ease, 1), metadata=metadata)
