"""What a prompt is: template, variables with types, model settings, output schema, tools."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from spanglass.prompts._work import PromptError, Work, plain

#: Characters of a definition as JSON.
MOST_CHARS: Final = 256 * 1024
MOST_MESSAGES: Final = 200
MOST_VARIABLES: Final = 200
SYNTAXES: Final = ("mustache", "jinja2")
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "any": (object,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "messages": (list,),
}
_NAME: Final = re.compile(r"[A-Za-z_]\w{0,99}")
_FIELDS: Final = frozenset(
    {"kind", "syntax", "template", "variables", "model", "output_schema", "tools"}
)
_VARIABLE_FIELDS: Final = frozenset({"type", "required", "default", "description"})


@dataclass(frozen=True)
class Variable:
    """A variable of a template.

    Attributes:
        type: one of `TYPES`.
        required: whether a rendering fails without it.
        default: what it is where it is not given; None for nothing.
        description: for people.
    """

    type: str = "any"
    required: bool = True
    default: Any = None
    description: str = ""


@dataclass(frozen=True)
class Definition:
    """What a version of a prompt says; it never changes.

    Attributes:
        template: text, or messages: mappings with `role` and `content`, or with `placeholder`,
            the name of a variable that holds messages.
        syntax: `mustache` or `jinja2`.
        variables: by name.
        model: settings of the call: `name`, `temperature`, …
        output_schema: JSON Schema of the answer; None for any.
        tools: what the model may call, as the provider takes it.
    """

    template: str | tuple[Mapping[str, str], ...]
    syntax: str = "mustache"
    variables: Mapping[str, Variable] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    _compiled: tuple[_Template, ...] = field(default=(), repr=False, compare=False)

    @property
    def kind(self) -> str:
        """`text` or `chat`."""
        return "text" if isinstance(self.template, str) else "chat"

    def document(self) -> dict[str, Any]:
        """The definition as plain data, in a fixed order; what says nothing is left out."""
        template = self.template
        said: dict[str, Any] = {
            "kind": self.kind,
            "syntax": self.syntax,
            "template": template if isinstance(template, str) else [dict(m) for m in template],
        }
        if self.variables:
            said["variables"] = {name: _said(each) for name, each in self.variables.items()}
        if self.model:
            said["model"] = dict(self.model)
        if self.output_schema is not None:
            said["output_schema"] = dict(self.output_schema)
        if self.tools:
            said["tools"] = [dict(each) for each in self.tools]
        return said

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """What is wrong with values for the variables, each a sentence; empty if nothing is."""
        found = [
            f"The variable {name!r} is missing."
            for name, each in self.variables.items()
            if each.required and each.default is None and name not in values
        ]
        for name, value in values.items():
            about = self.variables.get(name)
            if about is None:
                known = ", ".join(sorted(self.variables)) or "none"
                found.append(f"There is no variable {name!r}; there are: {known}.")
            elif value is not None and not _fits(value, about.type):
                found.append(
                    f"The variable {name!r} is of type {about.type}, not {type(value).__name__}."
                )
        return found

    def values(self, given: Any) -> dict[str, Any]:
        """What an example gives as values of the variables.

        Args:
            given: named values; or a text or messages, for the one variable that fits.

        Raises:
            PromptError: if it is a text or messages, and several variables fit or none does.
        """
        if isinstance(given, Mapping):
            return dict(given)
        fitting = [
            name for name, each in self.variables.items()
            if (each.type == "messages") == isinstance(given, list)
        ]  # fmt: skip
        needed = [name for name in fitting if self.variables[name].required] or fitting
        if len(needed) != 1:
            raise PromptError(
                "The input is not named, and the prompt has the variables"
                f" {', '.join(self.variables) or 'none'}: give named values."
            )
        return {needed[0]: given}

    def render(self, values: Mapping[str, Any], strict: bool = True) -> str | list[dict[str, Any]]:
        """The text, or the messages.

        Args:
            values: by variable.
            strict: whether missing, unknown and wrongly typed variables are an error; otherwise
                what is missing is empty.

        Raises:
            PromptError: if it can't be rendered; the message says why.
        """
        given = {name: plain(value) for name, value in values.items() if name in self.variables}
        wrong = self.problems(given | {n: None for n in values if n not in given}) if strict else []
        if wrong:
            raise PromptError(" ".join(wrong))
        defaults = {n: v.default for n, v in self.variables.items() if v.default is not None}
        known = defaults | {name: value for name, value in given.items() if value is not None}
        work = Work()
        if isinstance(self.template, str):
            return self._compiled[0].render(known, work)
        written: list[dict[str, Any]] = []
        for message, compiled in zip(self.template, self._compiled, strict=True):
            if "placeholder" in message:
                held = known.get(message["placeholder"], [])
                work.weigh(held)
                written += [m for m in held if isinstance(m, dict)]
            else:
                content = compiled.render(known, work)
                written.append({**message, "content": content})
        return written


class _Template(Protocol):
    def names(self) -> tuple[set[str], set[str]]: ...

    def render(self, values: Mapping[str, Any], work: Work) -> str: ...


def read(document: Any) -> Definition:
    """A definition from plain data.

    Args:
        document: `template`, and any of `kind`, `syntax`, `variables`, `model`, `output_schema`,
            `tools`.

    Raises:
        PromptError: if it can't be used; the message says what to change.
    """
    document = plain(document)
    if not isinstance(document, dict) or "template" not in document:
        raise PromptError("A prompt is a mapping with a template: {'template': 'Hi {{name}}'}.")
    if unknown := sorted(set(document) - _FIELDS):
        raise PromptError(f"{unknown[0]!r} is no field of a prompt; {', '.join(sorted(_FIELDS))}.")
    written = json.dumps(document, ensure_ascii=False)
    if len(written) > MOST_CHARS:
        raise PromptError(f"A prompt has at most {MOST_CHARS:,} characters.")
    if "\\u0000" in written or (not written.isascii() and _has_surrogates(written)):
        raise PromptError("The prompt has a character that no text has: NUL, or half of one.")
    syntax = document.get("syntax") or "mustache"
    if syntax not in SYNTAXES:
        raise PromptError(f"{syntax!r} is no syntax; there are {' and '.join(SYNTAXES)}.")
    template = _template(document["template"])
    kind = "text" if isinstance(template, str) else "chat"
    if document.get("kind", kind) != kind:
        raise PromptError("The template of a text is text, that of a chat a list of messages.")
    compiled, needed, optional, held = _compile(template, syntax)
    variables = _variables(document.get("variables"), needed, optional, held)
    model, schema, tools = (document.get(name) for name in ("model", "output_schema", "tools"))
    model = {} if model is None else model
    tools = [] if tools is None else tools
    if not isinstance(model, dict):
        raise PromptError("model is a mapping: {'name': 'gpt-4o-mini', 'temperature': 0.2}.")
    if not (schema is None or isinstance(schema, dict)):
        raise PromptError("output_schema is a JSON Schema: a mapping.")
    if not (isinstance(tools, list) and all(isinstance(each, dict) for each in tools)):
        raise PromptError("tools is a list of mappings, as the provider takes them.")
    return Definition(template, syntax, variables, model, schema, tuple(tools), compiled)


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _template(given: Any) -> str | tuple[Mapping[str, str], ...]:
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given:
        raise PromptError("template is a text, or a list of messages.")
    if len(given) > MOST_MESSAGES:
        raise PromptError(f"A prompt has at most {MOST_MESSAGES} messages.")
    for message in given:
        if isinstance(message, dict) and set(message) == {"placeholder"}:
            if not isinstance(message["placeholder"], str):
                raise PromptError("placeholder is the name of a variable that holds messages.")
            continue
        fits = (
            isinstance(message, dict)
            and {"role", "content"} <= set(message) <= {"role", "content", "name"}
            and all(isinstance(each, str) for each in message.values())
        )
        if not fits:
            raise PromptError(
                "A message is {'role': 'system', 'content': 'text'}, or {'placeholder': 'history'}."
            )
    return tuple(given)


def _compile(
    template: str | tuple[Mapping[str, str], ...], syntax: str
) -> tuple[tuple[_Template, ...], set[str], set[str], set[str]]:
    """Compiled templates; variables needed, used where they are there, and holding messages."""
    texts = [template] if isinstance(template, str) else [m.get("content", "") for m in template]
    compiled = tuple(_one(text, syntax) for text in texts)
    needed: set[str] = set()
    optional: set[str] = set()
    for each in compiled:
        needs, asks = each.names()
        needed |= needs
        optional |= asks
    messages = () if isinstance(template, str) else template
    held = {m["placeholder"] for m in messages if "placeholder" in m}
    return compiled, needed, optional - needed, held


def _one(text: str, syntax: str) -> _Template:
    if syntax == "mustache":
        from spanglass.prompts._mustache import Mustache

        return Mustache(text)
    try:
        from spanglass.prompts._jinja import Jinja
    except ModuleNotFoundError as missing:
        raise PromptError(
            f"{missing.name} is not installed: pip install 'spanglass[prompts]'."
        ) from missing
    return Jinja(text)


def _variables(
    given: Any, needed: set[str], optional: set[str], held: set[str]
) -> dict[str, Variable]:
    used = needed | optional | held
    if given is None:
        found = {name: Variable(required=name in needed) for name in sorted(needed | optional)}
        found |= {name: Variable("messages", required=False) for name in sorted(held)}
        _check_names(found)
        return found
    if not isinstance(given, dict):
        raise PromptError("variables is a mapping: {'question': {'type': 'string'}}.")
    _check_names(given)
    found = {name: _variable(name, about) for name, about in given.items()}
    if missing := sorted((needed | held) - set(found)):
        raise PromptError(
            f"The template uses {missing[0]!r}, and variables does not have it: declare it, or"
            " leave variables out to take them from the template."
        )
    if extra := sorted(set(found) - used):
        raise PromptError(f"The template does not use the variable {extra[0]!r}.")
    return found


def _check_names(names: Mapping[str, Any]) -> None:
    if len(names) > MOST_VARIABLES:
        raise PromptError(f"A prompt has at most {MOST_VARIABLES} variables.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise PromptError(f"{name!r} names no variable: use letters, digits and _.")


def _variable(name: str, about: Any) -> Variable:
    if isinstance(about, str):
        about = {"type": about}
    if not isinstance(about, dict) or not set(about) <= _VARIABLE_FIELDS:
        raise PromptError(f"The variable {name!r} has type, required, default and description.")
    made = Variable(
        str(about.get("type", "any")), about.get("required", True) is True, about.get("default"),
        str(about.get("description", "")),
    )  # fmt: skip
    if made.type not in TYPES:
        raise PromptError(f"{made.type!r} is no type; there are {', '.join(TYPES)}.")
    if made.default is not None and not _fits(made.default, made.type):
        raise PromptError(f"The default of {name!r} is not of type {made.type}.")
    return made


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind in ("number", "integer"):
        return False
    return isinstance(value, TYPES[kind])


def _said(variable: Variable) -> dict[str, Any]:
    said: dict[str, Any] = {"type": variable.type}
    if not variable.required:
        said["required"] = False
    if variable.default is not None:
        said["default"] = variable.default
    if variable.description:
        said["description"] = variable.description
    return said
