"""`Prompt`: a version of a prompt as an application uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from spanglass._guard import guard, log
from spanglass._prompt_text import Text
from spanglass.prompts._definition import Definition
from spanglass.prompts._work import PromptError

#: Where a prompt came from.
Origin: TypeAlias = Literal["registry", "disk", "fallback", "none"]

#: What was warned of already.
_said: Final[set[tuple[str, str]]] = set()
_MOST_SAID: Final = 1000


class Prompt:
    """A version of a prompt. Nothing of it raises.

    Texts that it renders know where they come from: a call of a model that is sent one is recorded
    with the prompt's name and version. Where the text is changed on the way, say it with
    `spanglass.context(prompt=prompt)`.

    Attributes:
        name: of the prompt.
        version: number in the registry; None for the application's own fallback.
        origin: `registry`, `disk` (the last good copy), `fallback`, or `none`: nothing was found.
    """

    __slots__ = ("_definition", "name", "origin", "version")

    def __init__(
        self, name: str, version: int | None, definition: Definition, origin: Origin
    ) -> None:
        self.name = name
        self.version = version
        self.origin: Origin = origin
        self._definition = definition

    @property
    def found(self) -> bool:
        """Whether there is anything to render."""
        return self.origin != "none"

    @property
    def definition(self) -> Definition:
        """Template, variables and all that belongs to the version."""
        return self._definition

    @property
    def model(self) -> Mapping[str, Any]:
        """Settings of the call: `name`, `temperature`, …"""
        return self._definition.model

    def check(self, **variables: object) -> list[str]:
        """What is wrong with values for the variables; an empty list if nothing is."""
        try:
            self._definition.render(variables)
        except PromptError as error:
            return [str(error)]
        return []

    def text(self, **variables: object) -> str:
        """The text with values for its variables; of a chat, all messages below each other."""
        rendered = self._render(variables)
        if isinstance(rendered, str):
            return self._linked(rendered)
        return self._linked("\n\n".join(str(each.get("content", "")) for each in rendered))

    def messages(self, **variables: object) -> list[dict[str, Any]]:
        """The messages with values for the variables; of a text, one from the user."""
        rendered = self._render(variables)
        if isinstance(rendered, str):
            return [{"role": "user", "content": self._linked(rendered)}]
        held = [
            m["placeholder"]
            for m in self._definition.template
            if isinstance(m, Mapping) and "placeholder" in m
        ]
        given = [each for name in held for each in _list(variables.get(name))]
        return [
            each
            if each in given or not isinstance(each.get("content"), str)
            else {**each, "content": self._linked(each["content"])}
            for each in rendered
        ]

    def _linked(self, text: str) -> Text:
        return Text(text, self.name, "" if self.version is None else str(self.version))

    def _render(self, variables: Mapping[str, object]) -> str | list[dict[str, Any]]:
        try:
            return self._definition.render(variables)
        except PromptError as error:
            self._warn(str(error))
        with guard("prompt"):
            try:
                return self._definition.render(variables, strict=False)
            except PromptError as error:
                self._warn(f"{error} It is used as it is written.")
        template = self._definition.template
        return template if isinstance(template, str) else [dict(m) for m in template]

    def _warn(self, said: str) -> None:
        if (self.name, said) not in _said and len(_said) < _MOST_SAID:
            _said.add((self.name, said))
            log.warning("spanglass: the prompt %s: %s", self.name, said)

    def __repr__(self) -> str:
        return f"Prompt({self.name!r}, version={self.version}, origin={self.origin!r})"


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
