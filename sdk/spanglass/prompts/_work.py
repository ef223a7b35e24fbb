"""How much a rendering may do, and how values become text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: Characters of a rendered text.
MOST_CHARS: Final = 2_000_000
#: Steps of one rendering: turns of loops, operations, and each hundred characters they make.
MOST_STEPS: Final = 200_000
_CHARS_OF_A_STEP: Final = 100
#: How deep data may be nested.
_DEEPEST: Final = 50


class PromptError(ValueError):
    """A prompt that can't be used as it is; the message says what to change."""


class Work:
    """What one rendering has left.

    Attributes:
        steps: how many; it ends with an error below zero.
    """

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = MOST_STEPS

    def spend(self, size: int = 0) -> None:
        """One step, and those that handling so many characters or items takes.

        Raises:
            PromptError: if the rendering has done too much.
        """
        if size > MOST_CHARS:
            raise PromptError(f"The template makes a value of more than {MOST_CHARS:,} characters.")
        self.steps -= 1 + size // _CHARS_OF_A_STEP
        if self.steps < 0:
            raise PromptError(
                f"The template takes more than {MOST_STEPS:,} steps: look for a loop that runs too"
                " often, or give it less data."
            )

    def text(self, value: Any) -> str:
        """A value as a template shows it: text as it is, lists and mappings as JSON."""
        if isinstance(value, str):
            self.spend(len(value))
            return value
        if value is None:
            return ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.spend()
            return str(value)
        self.weigh(value)
        return json.dumps(value, ensure_ascii=False, default=str)

    def weigh(self, value: Any, depth: int = 0) -> None:
        """Spends what handling a value with all that is in it takes."""
        if isinstance(value, str):
            self.spend(len(value))
            return
        self.spend()
        if depth > _DEEPEST:
            raise PromptError(f"The data is nested deeper than {_DEEPEST} levels.")
        if isinstance(value, Mapping):
            for key, each in value.items():
                self.spend(len(str(key)))
                self.weigh(each, depth + 1)
        elif isinstance(value, list | tuple):
            for each in value:
                self.weigh(each, depth + 1)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as plain data, so that a template reaches nothing else.

    Raises:
        PromptError: if it is nested too deeply.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if depth > _DEEPEST:
        raise PromptError(f"The data is nested deeper than {_DEEPEST} levels.")
    if isinstance(value, Mapping):
        return {str(key): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, depth + 1) for each in value]
    return str(value)
