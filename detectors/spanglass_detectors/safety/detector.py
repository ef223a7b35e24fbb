"""Attacks in what goes into a model, and harm in what comes out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from spanglass_detectors.content import passages_of
from spanglass_detectors.detector import Detector
from spanglass_detectors.results import Score
from spanglass_detectors.safety.injection import ATTACK, Injection, InjectionFinder
from spanglass_detectors.safety.leaks import secret_leak, system_prompt_leak
from spanglass_detectors.safety.toxicity import TOXIC, Toxicity, toxicity
from spanglass_detectors.safety.unsafe import UNSAFE, unsafe_output
from spanglass_detectors.selection import chosen
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, MOST, Exchange, exchange_of
from spanglass_detectors.text.sentences import without_blobs

_LONGEST: Final = 600


class SafetyDetector(Detector):
    """Scores attacks and harm, by rules and a small model.

    Args:
        scores: names of those that are wanted; all unless given.

    Raises:
        ImportError: if google-re2 is not installed.
        ValueError: if a score is not known.
    """

    version = "1"
    operations: Sequence[str] = (*ANSWERS, "retrieval", "execute_tool")
    columns: Sequence[str] = ("input", "output", "payload_attributes")
    description: ClassVar[str] = "prompt injection, toxicity, leaks, unsafe output"
    names: ClassVar[tuple[str, ...]] = (
        "prompt_injection", "toxicity", "secret_leak", "system_prompt_leak", "unsafe_output",
    )  # fmt: skip

    def __init__(self, scores: Sequence[str] | None = None) -> None:
        self._wanted = chosen(self.names, scores)
        self._finder = InjectionFinder()

    def judge(self, span: Span) -> Iterable[Score]:
        if span.operation in ("retrieval", "execute_tool"):
            role = "tool" if span.operation == "execute_tool" else "document"
            given = [(each.text, role) for each in passages_of("output", span.output[:MOST])]
            found = iter([self._injection(given)]) if given else iter(())
        else:
            found = self._exchange(exchange_of(span))
        return [each for each in found if each.name in self._wanted]

    def _exchange(self, exchange: Exchange) -> Iterator[Score]:
        given = [(exchange.question, "user")] if exchange.question else []
        given += [(each.text, each.role or "document") for each in exchange.context]
        if given:
            yield self._injection(given)
        said = [("user", exchange.question), ("assistant", exchange.prose)]
        spoken = [(role, text) for role, text in said if text.strip()]
        if spoken:
            yield _toxicity(spoken)
        if not exchange.answer.strip():
            return
        secret = secret_leak(exchange.answer, exchange.question)
        yield Score("secret_leak", secret.value, secret.label, secret.excerpt)
        repeated = system_prompt_leak(exchange.prose, exchange.instructions)
        if repeated is not None:
            yield Score(
                "system_prompt_leak", repeated.value, repeated.label,
                f"repeats “{repeated.excerpt}”" if repeated.excerpt else "",
            )  # fmt: skip
        harm = unsafe_output(exchange.answer)
        label = harm.kind if harm.value >= UNSAFE else ""
        yield Score("unsafe_output", harm.value, label, harm.excerpt[:_LONGEST])

    def _injection(self, given: Sequence[tuple[str, str]]) -> Score:
        worst, where = Injection(0.0), ""
        for text, role in given:
            found = self._finder.find(text, is_user=role == "user")
            if found.value > worst.value:
                worst, where = found, role
        if not where:
            return Score("prompt_injection", 0.0)
        return Score(
            "prompt_injection", worst.value, worst.kind if worst.value >= ATTACK else "",
            f"{where}: “{worst.excerpt[:_LONGEST]}”",
            {"role": where, "kinds": ", ".join(worst.kinds)},
        )  # fmt: skip


def _toxicity(spoken: Sequence[tuple[str, str]]) -> Score:
    worst, where = Toxicity(0.0), ""
    for role, text in spoken:
        found = toxicity(without_blobs(text))
        if found.value > worst.value:
            worst, where = found, role
    if worst.value < TOXIC:
        return Score("toxicity", worst.value, metadata={"role": where} if where else {})
    return Score(
        "toxicity", worst.value, worst.kind, f"{where}: “{worst.excerpt[:_LONGEST]}”",
        {"role": where},
    )  # fmt: skip
