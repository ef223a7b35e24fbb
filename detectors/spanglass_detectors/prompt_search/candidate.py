"""What a candidate is, and the prompt that it makes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spanglass.evaluation import Example
from spanglass.prompts import Definition, PromptError, read

_SYSTEM: Final = ("system", "developer")
#: What a template would take for its own signs, were it in an example that a prompt shows.
_SIGNS: Final = ("{{", "{%", "{#")


@dataclass(frozen=True)
class Candidate:
    """A version of a prompt that is tried.

    Attributes:
        instruction: the system message; of a prompt that is one text, the whole text.
        shots: keys of the examples that it shows, in order.
        model: who answers; empty for the one that the prompt names.
        origin: how it came about, in a word.
    """

    instruction: str
    shots: tuple[str, ...] = ()
    model: str = ""
    origin: str = field(default="base", compare=False)

    @property
    def key(self) -> str:
        """The same for the same candidate, in every process."""
        said = json.dumps([self.instruction, self.shots, self.model])
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


def instruction_of(base: Definition) -> str:
    """What a prompt instructs; empty for a chat without a system message."""
    if isinstance(base.template, str):
        return base.template
    first = base.template[0]
    return first["content"] if first.get("role") in _SYSTEM else ""


def built(base: Definition, candidate: Candidate, shown: Mapping[str, Example]) -> Definition:
    """The prompt that a candidate makes.

    Args:
        base: what the search began with.
        candidate: its key differs from another's if the prompt does.
        shown: examples by key.

    Raises:
        PromptError: if the instruction has other variables than the base, or is no template.
    """
    document = base.document()
    shots = [shown[key] for key in candidate.shots]
    if isinstance(base.template, str):
        blocks = [f"{_given(each.input)}\nAnswer: {_text(each.expected)}" for each in shots]
        head = "Examples:\n\n" + "\n\n".join(blocks) + "\n\n" if blocks else ""
        document["template"] = head + candidate.instruction
    else:
        has_system = base.template[0].get("role") in _SYSTEM
        role = base.template[0]["role"] if has_system else "system"
        head_ = [{"role": role, "content": candidate.instruction}] if candidate.instruction else []
        tail = [dict(each) for each in base.template[1 if has_system else 0 :]]
        turns = [turn for each in shots for turn in shot_turns(base, tail, each)]
        document["template"] = head_ + turns + tail
    if candidate.model:
        document["model"] = {**base.model, "name": candidate.model}
    return read(document)


def shot_turns(
    base: Definition, tail: Sequence[Mapping[str, str]], example: Example
) -> list[dict[str, Any]]:
    """An example as turns of a conversation: what is asked as the prompt asks it, and its answer.

    Raises:
        PromptError: if the example does not fit the prompt's variables.
    """
    asks = read({"syntax": base.syntax, "template": [dict(each) for each in tail]})
    values = base.values(example.input)
    made = asks.render({name: values[name] for name in asks.variables if name in values})
    turns = [each for each in made if isinstance(each, dict)]
    if not all(isinstance(each.get("content"), str) for each in turns):
        raise PromptError("an example has messages that are no text")
    asked = [{"role": str(each["role"]), "content": each["content"]} for each in turns]
    return [*asked, {"role": "assistant", "content": _text(example.expected)}]


def can_be_shown(base: Definition, example: Example) -> bool:
    """Whether an example can stand in a prompt: it has an answer, and no signs of a template."""
    if example.expected is None:
        return False
    said = _given(example.input) + _text(example.expected)
    if any(sign in said for sign in _SIGNS):
        return False
    try:
        built(base, Candidate(instruction_of(base), (example.key,)), {example.key: example})
    except PromptError:
        return False
    return True


def text_of(example: Example) -> str:
    """What is asked, as one text."""
    return _given(example.input)


def _given(given: Any) -> str:
    if isinstance(given, Mapping):
        return "\n".join(f"{name}: {_text(value)}" for name, value in given.items())
    if isinstance(given, list):
        return "\n".join(_text(each.get("content", each)) if isinstance(each, Mapping)
                         else _text(each) for each in given)  # fmt: skip
    return _text(given)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
