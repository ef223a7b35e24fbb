"""Prompts of other products, from their exports: Langfuse's and LangSmith's.

Sources: Langfuse's API `GET /api/public/v2/prompts/{name}` (an object, a list of them, or a page
with `data`); LangSmith's prompts as LangChain serialises them (`lc`, `id`, `kwargs`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanglass.prompts import Definition, PromptError, read
from spanglass_store.errors import StoreError
from spanglass_store.state.prompts import LABEL

PRODUCTS: Final = ("langfuse", "langsmith")
_ROLES: Final = {
    "SystemMessagePromptTemplate": "system",
    "HumanMessagePromptTemplate": "user",
    "AIMessagePromptTemplate": "assistant",
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
}
_SYNTAXES: Final = {"mustache": "mustache", "jinja2": "jinja2", "f-string": "f-string"}
#: `{{` and `}}` are braces, `{name}` is a variable.
_FIELD: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|[{}]")


@dataclass(frozen=True)
class Imported:
    """A version of a prompt as another product has it.

    Attributes:
        labels: that were on it.
        number: its number there; 0 where it has none.
    """

    name: str
    definition: Definition
    labels: tuple[str, ...]
    number: int
    message: str
    author: str
    source: str


def read_export(text: str, product: str, name: str = "") -> list[Imported]:
    """Prompts of an export, the oldest version first.

    Args:
        text: JSON, or JSON Lines.
        product: one of `PRODUCTS`.
        name: for a prompt that does not say its own.

    Raises:
        StoreError: if it is no such export; nothing is read then.
    """
    if product not in PRODUCTS:
        raise StoreError(f"{product!r} is not known here; there are {' and '.join(PRODUCTS)}.")
    found: list[Imported] = []
    for number, each in enumerate(_objects(text), 1):
        try:
            made = _langfuse(each) if product == "langfuse" else _langsmith(each, name)
        except (KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"Prompt {number} of the export is not one of {product}'s: {error!r}."
            ) from error
        except PromptError as error:
            said = each.get("name") or name
            raise StoreError(f"Prompt {number} of the export ({said}): {error}") from error
        found.append(made)
    if not found:
        raise StoreError("There is no prompt in the export.")
    return sorted(found, key=lambda each: (each.name, each.number))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    try:
        said = json.loads(text)
    except ValueError:
        try:
            said = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise StoreError(f"The export is neither JSON nor JSON Lines: {error}") from error
    if isinstance(said, dict) and isinstance(said.get("data"), list):
        said = said["data"]
    for each in said if isinstance(said, list) else [said]:
        if not isinstance(each, dict):
            raise StoreError("An export is an object, or a list of objects.")
        yield each


def _named(name: str) -> str:
    made = re.sub(r"[^A-Za-z0-9._-]+", ".", name.strip()).strip("._-")
    if not made:
        raise StoreError("A prompt of the export has no name: give one with --name.")
    return made[:200]


def _labels(given: Sequence[Any]) -> tuple[str, ...]:
    fit = (str(each).lower() for each in given)
    return tuple(each for each in fit if re.fullmatch(LABEL, each) and each != "latest")


def _langfuse(said: Mapping[str, Any]) -> Imported:
    template = said["prompt"]
    if isinstance(template, list):
        template = [
            {"placeholder": m["name"]}
            if m.get("type") == "placeholder"
            else {"role": m["role"], "content": m["content"]}
            for m in template
        ]
    config = said.get("config") or {}
    model = {("name" if key == "model" else key): value for key, value in config.items()}
    definition = read({"template": template, "model": model})
    return Imported(
        _named(said["name"]), definition, _labels(said.get("labels") or ()),
        int(said.get("version") or 0), str(said.get("commitMessage") or ""),
        str(said.get("createdBy") or ""), f"langfuse:{said['name']}@{said.get('version', '')}",
    )  # fmt: skip


def _langsmith(said: Mapping[str, Any], name: str) -> Imported:
    manifest = said.get("manifest", said)
    parts = manifest["kwargs"]
    model: dict[str, Any] = {}
    if manifest["id"][-1] == "RunnableSequence":
        # A prompt with the model behind it.
        model = _model(parts.get("last") or {})
        manifest = parts["first"]
        parts = manifest["kwargs"]
    syntax = str(parts.get("template_format") or "f-string")
    if "messages" in parts:
        messages = [_message(each, syntax) for each in parts["messages"]]
        syntaxes = {found for _, found in messages if found}
        template: Any = [message for message, _ in messages]
    else:
        template, found = _template(parts, syntax)
        syntaxes = {found}
    if len(syntaxes) > 1:
        raise StoreError("The prompt mixes syntaxes of templates; make them one first.")
    definition = read(
        {"template": template, "syntax": next(iter(syntaxes), "mustache"), "model": model}
    )
    called = str(said.get("repo_handle") or said.get("name") or name)
    commit = str(said.get("commit_hash") or "")
    return Imported(
        _named(called), definition, _labels(said.get("tags") or ()), 0,
        str(said.get("description") or ""), str(said.get("owner") or ""),
        f"langsmith:{called}" + (f"@{commit}" if commit else ""),
    )  # fmt: skip


def _message(said: Mapping[str, Any], syntax: str) -> tuple[dict[str, str], str]:
    kind, parts = said["id"][-1], said["kwargs"]
    if kind == "MessagesPlaceholder":
        return {"placeholder": parts["variable_name"]}, ""
    role = _ROLES.get(kind) or parts.get("role")
    if role is None:
        raise StoreError(f"{kind} is not known here: write its message as text first.")
    if "prompt" not in parts:
        # A message without variables: braces in it are braces.
        return {"role": role, "content": parts["content"]}, ""
    prompt = parts["prompt"]
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise StoreError("A message of several parts (images) can't be imported.")
        prompt = prompt[0]
    content, found = _template(prompt["kwargs"], syntax)
    return {"role": role, "content": content}, found


def _template(parts: Mapping[str, Any], otherwise: str) -> tuple[str, str]:
    """A template in a syntax of ours, and which."""
    syntax = _SYNTAXES[str(parts.get("template_format") or otherwise)]
    template = parts["template"]
    if syntax != "f-string":
        return template, syntax
    return _FIELD.sub(_field, template), "mustache"


def _field(found: re.Match[str]) -> str:
    if found[1]:
        return "{{" + found[1] + "}}"
    if found[0] in ("{", "}"):
        raise StoreError(f"The template has a single {found[0]!r} that names no variable.")
    return found[0][0]


def _model(said: Mapping[str, Any]) -> dict[str, Any]:
    parts = said.get("kwargs") or {}
    if "bound" in parts:
        parts = (parts["bound"] or {}).get("kwargs") or {}
    names = {"model": "name", "model_name": "name"}
    kept = ("model", "model_name", "temperature", "top_p", "max_tokens", "seed")
    return {names.get(key, key): parts[key] for key in kept if parts.get(key) is not None}
