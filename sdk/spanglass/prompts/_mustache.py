"""Templates with `{{name}}`, as Mustache and Langfuse write them.

`{{a.b}}` goes into data, `{{#list}}…{{/list}}` repeats or shows a part, `{{^list}}…{{/list}}` shows
it where there is nothing, `{{! …}}` is a comment. Nothing is escaped: a prompt is no HTML. Partials
and changed delimiters are refused.

Source: mustache(5), https://mustache.github.io/mustache.5.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spanglass.prompts._work import PromptError, Work

_TAG: Final = re.compile(r"\{\{\{\s*([^{}]*?)\s*\}\}\}|\{\{([#^/!>=&]?)\s*(.*?)\s*\}\}", re.DOTALL)
_NAME: Final = re.compile(r"\.|[A-Za-z_][\w-]*(\.[\w-]+)*")
#: A tag that shows nothing and has a line for itself takes its line with it.
_ALONE: Final = re.compile(r"^[ \t]*(\{\{[#^/!][^{}]*\}\})[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_DEEPEST: Final = 20
_MISSING: Final = object()


@dataclass
class _Section:
    """A part between two tags; the whole template is one without a name."""

    name: str = ""
    inverted: bool = False
    parts: list[str | _Name | _Section] = field(default_factory=list)


@dataclass(frozen=True)
class _Name:
    path: str


class Mustache:
    """A template.

    Args:
        source: its text.

    Raises:
        PromptError: if it is not well-formed.
    """

    def __init__(self, source: str) -> None:
        self._root = _parse(source)

    def names(self) -> tuple[set[str], set[str]]:
        """Variables it needs, and those that it uses where they are there.

        Inside of a section a name can be a field of what is repeated: such are not needed.
        """
        needed: set[str] = set()
        optional: set[str] = set()

        def look(section: _Section, inside: bool) -> None:
            for part in section.parts:
                if isinstance(part, _Section):
                    optional.add(part.name.partition(".")[0])
                    look(part, True)
                elif isinstance(part, _Name) and part.path != ".":
                    (optional if inside else needed).add(part.path.partition(".")[0])

        look(self._root, False)
        return needed, optional - {"."} - needed

    def render(self, values: Mapping[str, Any], work: Work) -> str:
        """The text.

        Raises:
            PromptError: if it takes too much.
        """
        written: list[str] = []
        self._write(self._root, [values], written, work)
        text = "".join(written)
        work.spend(len(text))
        return text

    def _write(self, section: _Section, around: list[Any], written: list[str], work: Work) -> None:
        for part in section.parts:
            if isinstance(part, str):
                work.spend(len(part))
                written.append(part)
                continue
            if isinstance(part, _Name):
                value = _look_up(part.path, around)
                written.append("" if value is _MISSING else work.text(value))
                continue
            value = _look_up(part.name, around)
            is_empty = value is _MISSING or value is None or value is False or value in ("", [], {})
            work.spend()
            if part.inverted:
                if is_empty:
                    self._write(part, around, written, work)
            elif not is_empty:
                for each in value if isinstance(value, list) else [value]:
                    work.spend()
                    self._write(part, [*around, each], written, work)


def _look_up(path: str, around: list[Any]) -> Any:
    if path == ".":
        return around[-1]
    first, *rest = path.split(".")
    for scope in reversed(around):
        if isinstance(scope, Mapping) and first in scope:
            value = scope[first]
            break
    else:
        return _MISSING
    for name in rest:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _parse(source: str) -> _Section:
    source = _ALONE.sub(lambda found: found[1], source)
    root = _Section()
    around = [root]
    at = 0
    for tag in _TAG.finditer(source):
        if tag.start() > at:
            around[-1].parts.append(source[at : tag.start()])
        at = tag.end()
        sign, name = tag[2] or "", tag[3] if tag[1] is None else tag[1]
        if sign == "!":
            continue
        if sign in ("=", ">"):
            what = "Partials" if sign == ">" else "Other delimiters"
            raise PromptError(f"{what} are not for prompts: take out {tag[0]!r}.")
        if not _NAME.fullmatch(name):
            raise PromptError(
                f"{tag[0][:80]!r} names no variable: names are letters, digits, _ and -, with dots"
                " between. For more than names, use jinja2."
            )
        if sign in ("#", "^"):
            if len(around) > _DEEPEST:
                raise PromptError(f"Sections are nested deeper than {_DEEPEST} levels.")
            section = _Section(name, sign == "^")
            around[-1].parts.append(section)
            around.append(section)
        elif sign == "/":
            if len(around) == 1 or around[-1].name != name:
                expected = f"{{{{/{around[-1].name}}}}}" if len(around) > 1 else "no section's end"
                raise PromptError(f"{tag[0]!r} ends no section: there should be {expected}.")
            around.pop()
        else:
            around[-1].parts.append(_Name(name))
    if len(around) > 1:
        raise PromptError(f"The section {{{{#{around[-1].name}}}}} has no end.")
    if at < len(source):
        around[-1].parts.append(source[at:])
    return root
