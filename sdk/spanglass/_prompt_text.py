"""Texts that were rendered from a prompt, and know it: so a call of a model is linked to it."""

from __future__ import annotations

#: Whether there ever was one: looking for them costs nothing until then.
is_used = False
#: Messages that are looked at, from the first.
_MOST = 50


class Text(str):
    """A text rendered from a prompt.

    Attributes:
        prompt_name: whose.
        prompt_version: which of it; empty for the application's own.
    """

    __slots__ = ("prompt_name", "prompt_version")

    prompt_name: str
    prompt_version: str

    def __new__(cls, text: str, name: str, version: str) -> Text:
        global is_used
        made = super().__new__(cls, text)
        made.prompt_name, made.prompt_version = name, version
        is_used = True
        return made

    def __reduce__(self) -> tuple[type[Text], tuple[str, str, str]]:
        return Text, (str(self), self.prompt_name, self.prompt_version)


def prompt_of(*sent: object) -> Text | None:
    """The first text among what a model is sent that comes from a prompt."""
    for each in sent:
        if isinstance(each, Text):
            return each
        if isinstance(each, list | tuple):
            for message in each[:_MOST]:
                content = (
                    message.get("content", message.get("text"))
                    if isinstance(message, dict)
                    else message
                )
                found = content if isinstance(content, Text) else None
                if found is None and isinstance(content, list):
                    parts = (part.get("text") for part in content if isinstance(part, dict))
                    found = next((part for part in parts if isinstance(part, Text)), None)
                if found is not None:
                    return found
    return None
