"""The SDK's public names with their signatures: what a release promises to keep."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import spanglass
import spanglass.middleware
import spanglass.testing
from generator.markdown import code


def page() -> str:
    """The page."""
    return (
        "# The SDK's API\n\n"
        "Every public name. How they are used is in [the SDK](../sdk.md); what a release keeps of"
        " them in [releases](../releases.md).\n\n"
        + _module(spanglass, spanglass.__all__)
        + _module(spanglass.testing, _public(spanglass.testing))
        + _module(spanglass.middleware, _public(spanglass.middleware))
    )


def _public(module: ModuleType) -> list[str]:
    named = getattr(module, "__all__", None)
    if named is not None:
        return sorted(named)
    return sorted(
        name
        for name, each in vars(module).items()
        if not name.startswith("_") and getattr(each, "__module__", "") == module.__name__
    )


def _module(module: ModuleType, names: list[str]) -> str:
    shown = "".join(_shown(name, getattr(module, name)) for name in sorted(names, key=str.lower))
    return f"## `{module.__name__}`\n\n{shown}"


def _shown(name: str, each: Any) -> str:
    if name == "__version__":
        return ""
    about = (inspect.getdoc(each) or "").partition("\n\n")[0]
    if not (inspect.isclass(each) or inspect.isfunction(each)):
        return f"### `{name}`\n\n```text\n{each}\n```\n\n"
    text = f"### `{name}`\n\n```text\n{name}{_signature(each)}\n```\n\n{about}\n\n"
    if inspect.isclass(each):
        text += "".join(f"- {code(member)}: {line}\n" for member, line in _members(each)) + "\n"
    return text


def _signature(each: Any) -> str:
    """One argument a line where they are many."""
    try:
        signature = inspect.signature(each)
    except ValueError:
        return "(…)"
    shown, kinds = [], [each.kind for each in signature.parameters.values()]
    for parameter in signature.parameters.values():
        is_named = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if is_named and "*" not in shown and inspect.Parameter.VAR_POSITIONAL not in kinds:
            shown.append("*")
        text = str(parameter.replace(annotation=inspect.Parameter.empty))
        # A default that stands for "not given" has an address for a name.
        shown.append(re.sub(r"<object object at \w+>", "…", text))
    line = f"({', '.join(shown)})"
    return line if len(line) < 80 else "(\n    " + ",\n    ".join(shown) + ",\n)"


def _members(each: type) -> Iterator[tuple[str, str]]:
    for name, member in sorted(vars(each).items()):
        documented = inspect.isfunction(member) or isinstance(member, property | classmethod)
        if not name.startswith("_") and documented:
            about = " ".join((inspect.getdoc(member) or "").partition("\n\n")[0].split())
            yield name, about
