"""Whether a trace did what it was for, by rules over the trace and by what the user said next.

The rules are ours and their weights are not learned: a score says that something speaks for or
against success, and which rule said so. What it can't see: an answer that is fluent and wrong, and
a user who leaves without a word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.quality.truncation import truncation
from spanglass_detectors.text.sentences import stems

#: From which value on a trace counts as a success, and below which as a failure.
SUCCESS: Final = 0.7
FAILURE: Final = 0.3
#: Times that a tool is called with the same arguments from which on it is a loop.
_LOOP: Final = 3
#: Share of words that two questions have in common from which on one is the other, rephrased.
_REPHRASED: Final = 0.5
_FEWEST: Final = 3
#: Characters of a message that thanks or complains; a longer one has other things to say.
_SHORT: Final = 160
_THANKS: Final = re.compile(
    r"\b(?:thanks?|thank you|thx|perfect|great|awesome|excellent|that (?:works|worked|helps|helped)"
    r"|danke|perfekt|super|merci|parfait|gracias|perfecto|obrigad[oa]|grazie)\b",
    re.IGNORECASE,
)
_COMPLAINT: Final = re.compile(
    r"\b(?:that(?:'s| is) (?:wrong|not (?:right|correct|true|what))|wrong|incorrect|not what i"
    r"|(?:does|did)(?:n't| not) (?:work|help|answer)|you (?:did not|didn't) (?:answer|understand)"
    r"|falsch|stimmt nicht|funktioniert nicht|c'est faux|incorrecto|no funciona)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Step:
    """A model's or a tool's call, in the order in which they began.

    Attributes:
        is_tool: whether it is a tool's.
        name: of the tool.
        arguments: of the tool, as they were given.
        failed: whether it ended in error.
    """

    is_tool: bool
    name: str = ""
    arguments: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Course:
    """What happened in a trace.

    Attributes:
        failed: whether its root ended in error.
        steps: calls of models and tools.
        question: what the user said.
        answer: what the last model's call answered, as plain text.
        finish_reasons: of that call.
        calls_tools: whether that answer asks for tools instead of saying something.
        follow_up: what the user said next in the conversation; empty if nothing (yet).
    """

    failed: bool = False
    steps: Sequence[Step] = ()
    question: str = ""
    answer: str = ""
    finish_reasons: Sequence[str] = ()
    calls_tools: bool = False
    follow_up: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        value: from 0 to 1: how much speaks for success.
        label: `success`, `failure` or `unclear`.
        reasons: rules that spoke, in words.
        kinds: their names.
    """

    value: float
    label: str
    reasons: Sequence[str] = field(default_factory=tuple)
    kinds: Sequence[str] = field(default_factory=tuple)


def task_success(course: Course) -> Outcome | None:
    """Whether a trace did what it was for; None if it called no model and no tool."""
    if not course.steps:
        return None
    found = [*_of_steps(course), *_of_answer(course)]
    value = 1.0
    for weight, _, _ in found:
        value *= weight
    kind, said = follow_up(course.question, course.follow_up)
    if kind == "thanked" and not course.failed:
        value = max(value, 0.9)
        found.append((1.0, kind, said))
    elif kind in ("rephrased", "complained"):
        value *= 0.3
        found.append((0.3, kind, said))
    label = "success" if value >= SUCCESS else "failure" if value < FAILURE else "unclear"
    return Outcome(
        value, label, tuple(said for _, _, said in found), tuple(kind for _, kind, _ in found)
    )


def follow_up(question: str, said: str) -> tuple[str, str]:
    """What the next message says of the last answer, and why; two empty texts for nothing.

    Returns:
        `thanked`, `complained` or `rephrased`, with the reason in words.
    """
    text = said.strip().replace("’", "'")
    if not text:
        return "", ""
    if len(text) <= _SHORT:
        if found := _COMPLAINT.search(text):
            return "complained", f"the user said next: “{found.group()}”"
        if found := _THANKS.search(text):
            return "thanked", f"the user said next: “{found.group()}”"
    before, after = set(stems(question)), set(stems(text))
    if min(len(before), len(after)) >= _FEWEST:
        share = len(before & after) / len(before | after)
        if share >= _REPHRASED:
            return "rephrased", f"the user asked again, with {share:.0%} of the words the same"
    return "", ""


def _of_steps(course: Course) -> list[tuple[float, str, str]]:
    found = []
    if course.failed:
        found.append((0.0, "failed", "the trace ended in error"))
    models = [step for step in course.steps if not step.is_tool]
    if models and models[-1].failed and not course.failed:
        found.append((0.0, "model_failed", "the last call of a model failed"))
    last = {step.name: step.failed for step in course.steps if step.is_tool}
    broken = sorted(name for name, failed in last.items() if failed)
    if broken:
        found.append((0.4, "tool_failed", f"{', '.join(broken)} failed and was not made good"))
    calls: dict[tuple[str, str], int] = {}
    for step in course.steps:
        if step.is_tool:
            calls[step.name, step.arguments] = calls.get((step.name, step.arguments), 0) + 1
    loops = sorted({name for (name, _), times in calls.items() if times >= _LOOP})
    if loops:
        found.append((0.8, "loop", f"{', '.join(loops)} was called again and again with the same"))
    return found


def _of_answer(course: Course) -> list[tuple[float, str, str]]:
    models = [step for step in course.steps if not step.is_tool]
    if not models or models[-1].failed:
        return []
    if not course.answer.strip():
        # What content was not recorded of is no empty answer.
        is_unfinished = course.calls_tools and course.steps[-1] is models[-1]
        said = "the last answer asks for a tool that was not called"
        return [(0.6, "unfinished", said)] if is_unfinished else []
    declined = refusal(course.answer)
    if declined.is_refusal:
        return [(0.2, "refused", f"the model declined: “{declined.sentence[:200]}”")]
    found = []
    if declined.is_no_answer:
        found.append((0.4, "no_answer", f"it does not know: “{declined.sentence[:200]}”"))
    cut = truncation(course.answer, course.finish_reasons)
    if cut is not None and cut.value >= 1:
        found.append((0.5, "cut_off", cut.reason))
    return found
