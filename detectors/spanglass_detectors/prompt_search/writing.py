"""Other instructions, written by a model from what failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanglass.prompts import Definition, PromptError
from spanglass_detectors.prompt_search.candidate import Candidate, built

#: Takes what a model is asked, and gives what it answers.
Write = Callable[[str], str]
MOST_CHARS: Final = 20_000
_SHOWN_CHARS: Final = 1_000
_BETWEEN: Final = re.compile(r"<instructions>\s*(.*?)\s*</instructions>", re.DOTALL)
_ASK: Final = """\
You improve the instructions that are given to a language model.

<instructions>
{instruction}
</instructions>
{failures}
Rewrite the instructions so that more answers are as expected. Say what the answer must look like \
and what must not be in it. Say nothing of single inputs.{variables} Attempt {attempt}: write them \
differently than before. Answer with the new instructions between <instructions> and \
</instructions>, and with nothing else."""


@dataclass(frozen=True)
class Failure:
    """An answer that was not as good as it can be.

    Attributes:
        asked: the example's input.
        expected: what the answer should be; None where nobody knows.
        answered: what it was, or the error.
    """

    asked: str
    expected: str | None
    answered: str


def ask(base: Definition, instruction: str, failures: Sequence[Failure], attempt: int) -> str:
    """What a model is asked for another version of instructions."""
    shown = "".join(
        f"\n<failure>\nInput: {_cut(each.asked)}\n"
        + (f"Expected: {_cut(each.expected)}\n" if each.expected is not None else "")
        + f"Answered: {_cut(each.answered)}\n</failure>\n"
        for each in failures
    )
    names = [name for name in base.variables if name in _used(base, instruction)]
    kept = "".join(f" {{{{{name}}}}}" for name in names)
    variables = f" Keep these variables as they are written:{kept}." if names else ""
    return _ASK.format(
        instruction=instruction or "(there are none)", failures=shown, variables=variables,
        attempt=attempt,
    )  # fmt: skip


def instruction_in(answer: str) -> str:
    """The instructions of an answer; empty where it has none."""
    found = _BETWEEN.findall(answer)
    return found[-1] if found and len(found[-1]) <= MOST_CHARS else ""


def is_usable(base: Definition, instruction: str) -> bool:
    """Whether instructions make a prompt with the same variables."""
    if not instruction:
        return False
    try:
        made = built(base, Candidate(instruction), {})
    except PromptError:
        return False
    return set(made.variables) == set(base.variables)


def _used(base: Definition, instruction: str) -> set[str]:
    return {name for name in base.variables if re.search(rf"\b{re.escape(name)}\b", instruction)}


def _cut(text: Any) -> str:
    said = str(text)
    return said if len(said) <= _SHOWN_CHARS else said[:_SHOWN_CHARS] + " …"
