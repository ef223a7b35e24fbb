"""Jinja2 templates, sandboxed and bounded. Imported where one is used: it needs jinja2.

The sandbox of jinja2 keeps a template from Python's objects, but not from running for ever or
from filling the memory. So a template is looked at before it is compiled: only what prompts need is
allowed, and all that could repeat or grow spends from the `Work` of the rendering.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace, pass_context

from spanglass.prompts._work import MOST_CHARS, PromptError, Work

#: Bits of a whole number.
_LARGEST: Final = 4096
_METHODS: Final = frozenset(
    {
        "upper", "lower", "strip", "lstrip", "rstrip", "title", "capitalize", "startswith",
        "endswith", "split", "items", "keys", "values", "get",
    }
)  # fmt: skip
_ALLOWED: Final = frozenset(
    {
        "Template", "Output", "TemplateData", "For", "If", "Assign", "With", "Const", "Name",
        "NSRef", "Getattr", "Getitem", "Slice", "Filter", "Test", "Call", "Keyword", "Compare",
        "Operand", "And", "Or", "Not", "CondExpr", "List", "Tuple", "Dict", "Pair", "Concat",
        "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow", "Neg", "Pos",
    }
)  # fmt: skip
_TESTS: Final = (
    "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
    "sequence", "iterable", "true", "false", "odd", "even",
)  # fmt: skip
_work: Final[ContextVar[Work]] = ContextVar("spanglass_prompt_work")


class Jinja:
    """A template.

    Args:
        source: its text.

    Raises:
        PromptError: if it is not well-formed, or does what no prompt needs.
    """

    def __init__(self, source: str) -> None:
        try:
            tree = _ENVIRONMENT.parse(source)
            self._names = meta.find_undeclared_variables(tree) - {"range", "namespace"}
            self._tested = _tested(tree)
            _guard(tree)
            code = _ENVIRONMENT.compile(tree)
            globals_ = _ENVIRONMENT.make_globals(None)
            self._template = jinja2.Template.from_code(_ENVIRONMENT, code, globals_)
        except PromptError:
            raise
        except jinja2.TemplateSyntaxError as error:
            raise PromptError(f"Line {error.lineno} of the template: {error.message}") from error
        except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
            raise PromptError("The template is nested too deeply.") from error

    def names(self) -> tuple[set[str], set[str]]:
        """Variables it needs, and those it asks for with `is defined` or `default`."""
        return self._names - self._tested, self._names & self._tested

    def render(self, values: Mapping[str, Any], work: Work) -> str:
        """The text.

        Raises:
            PromptError: if it can't be rendered with these values, or takes too much.
        """
        token = _work.set(work)
        written: list[str] = []
        size = 0
        try:
            for part in self._template.generate(values):
                size += len(part)
                if size > MOST_CHARS:
                    raise PromptError(f"The text has more than {MOST_CHARS:,} characters.")
                work.spend(len(part))
                written.append(part)
        except PromptError:
            raise
        except Exception as error:
            said = str(error) or type(error).__name__
            raise PromptError(f"The template can't be rendered: {said}") from error
        finally:
            _work.reset(token)
        return "".join(written)


def _tested(tree: nodes.Template) -> set[str]:
    found = {
        node.node.name
        for node in tree.find_all(nodes.Test)
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name)
    }
    return found | {
        node.node.name
        for node in tree.find_all(nodes.Filter)
        if node.name in ("default", "d") and isinstance(node.node, nodes.Name)
    }


def _guard(tree: nodes.Template) -> None:
    """Refuses what no prompt needs, and has the rest spend from the work."""
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        kind = type(node).__name__
        if kind not in _ALLOWED:
            raise PromptError(
                f"Line {node.lineno} of the template: {kind.lower()!r} is not for prompts; they"
                " have for, if, set, with, expressions and filters."
            )
        waiting.extend(node.iter_child_nodes())
        if isinstance(node, nodes.Name) and node.name == "self":
            raise PromptError(f"Line {node.lineno} of the template: there is no 'self' in prompts.")
        if isinstance(node, nodes.For):
            if node.recursive:
                raise PromptError(f"Line {node.lineno} of the template: loops can't be recursive.")
            node.iter = _filtered(node.iter, "_counted")
        elif isinstance(node, nodes.Compare):
            node.expr = _filtered(node.expr, "_weighed")
            for operand in node.ops:
                operand.expr = _filtered(operand.expr, "_weighed")
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "_weighed")
        elif isinstance(node, nodes.Concat):
            node.nodes = [_filtered(each, "_text") for each in node.nodes]


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        work = _work.get()
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "%" and not numbers:
            raise PromptError("% is for numbers; write ~ to put texts together.")
        if numbers:
            work.spend()
            if isinstance(left, int) and isinstance(right, int):
                bits = left.bit_length(), right.bit_length()
                made = {"*": sum(bits), "**": bits[0] * max(right, 1)}.get(operator, max(bits))
                if made > _LARGEST:
                    raise PromptError("The template makes a number that is too large.")
        elif operator == "*":
            count, what = (left, right) if isinstance(left, int) else (right, left)
            if not isinstance(count, int) or not isinstance(what, str | list | tuple):
                raise PromptError("* is for numbers, or a text and a whole number.")
            work.spend(len(what) * max(count, 0))
        elif operator == "+":
            for each in (left, right):
                if not isinstance(each, str | list | tuple):
                    raise PromptError("+ is for two numbers, two texts or two lists.")
                work.spend(len(each))
        else:
            raise PromptError("** is for numbers.")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        return not callable(value) or (attr in _METHODS and isinstance(obj, str | dict))

    def is_safe_callable(self, obj: Any) -> bool:
        if obj is safe_range or obj is Namespace:
            return True
        owner = getattr(obj, "__self__", None)
        return isinstance(owner, str | dict) and getattr(obj, "__name__", "") in _METHODS

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2 names them: a template's own arguments may be called `self`
        owner = getattr(__obj, "__self__", "")
        _work.get().spend(len(owner) if isinstance(owner, str | dict) else 0)
        return super().call(__context, __obj, *args, **kwargs)


@pass_context
def _finalize(_: Any, value: Any) -> str:
    return _text(value)


def _text(value: Any) -> str:
    return "" if isinstance(value, Undefined) else _work.get().text(value)


def _counted(value: Any) -> Iterator[Any]:
    work = _work.get()
    if isinstance(value, Undefined) or value is None:
        return
    for each in value:
        work.spend()
        yield each


def _weighed(value: Any) -> Any:
    _work.get().weigh(value)
    return value


def _listed(value: Any) -> list[Any]:
    found = list(_counted(value))
    _work.get().spend(len(found))
    return found


def _join(value: Any, between: str = "", attribute: str | None = None) -> str:
    work = _work.get()
    found = [_text(each) for each in (_map(value, attribute) if attribute else _counted(value))]
    work.spend(len(between) * len(found))
    return between.join(found)


def _map(value: Any, attribute: str) -> list[Any]:
    return [each.get(attribute, "") if isinstance(each, dict) else "" for each in _counted(value)]


def _replace(value: Any, old: str, new: str) -> str:
    text = _text(value)
    _work.get().spend(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _indent(value: Any, width: int = 4, first: bool = False) -> str:
    lines = _text(value).split("\n")
    _work.get().spend(len(lines) * max(width, 0))
    pad = " " * width
    text = "\n".join(pad + line if line.strip() else line for line in lines)
    return text if first else text.removeprefix(pad)


def _truncate(value: Any, length: int = 255, end: str = "…") -> str:
    text = _text(value)
    return text if len(text) <= length else text[: max(length - len(end), 0)] + end


def _default(value: Any, otherwise: Any = "", boolean: bool = False) -> Any:
    return otherwise if isinstance(value, Undefined) or (boolean and not value) else value


def _tojson(value: Any, indent: int | None = None) -> str:
    import json

    work = _work.get()
    work.weigh(value)
    text = json.dumps(value, ensure_ascii=False, indent=min(indent, 8) if indent else None)
    work.spend(len(text))
    return text


def _length(value: Any) -> int:
    return len(value)


def _sort(value: Any, reverse: bool = False, attribute: str | None = None) -> list[Any]:
    found = _weighed(_listed(value))
    if attribute is None:
        return sorted(found, reverse=reverse)
    return sorted(found, key=lambda each: each[attribute], reverse=reverse)


_FILTERS: Final[dict[str, Any]] = {
    "_counted": _counted,
    "_weighed": _weighed,
    "_text": _text,
    "abs": abs,
    "capitalize": lambda value: _text(value).capitalize(),
    "count": _length,
    "d": _default,
    "default": _default,
    "first": lambda value: next(_counted(value), ""),
    "float": lambda value: float(_text(value)),
    "indent": _indent,
    "int": lambda value: int(float(_text(value)[:400])),
    "items": lambda value: _listed(value.items()),
    "join": _join,
    "last": lambda value: (_listed(value) or [""])[-1],
    "length": _length,
    "list": _listed,
    "lower": lambda value: _text(value).lower(),
    "map": _map,
    "replace": _replace,
    "reverse": lambda value: _listed(value)[::-1],
    "round": lambda value, precision=0: round(value, precision),
    "sort": _sort,
    "string": _text,
    "title": lambda value: _text(value).title(),
    "tojson": _tojson,
    "trim": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: _text(value).upper(),
}


def _environment() -> _Environment:
    # Without the optimizer: it would evaluate constant expressions while compiling, unbounded.
    made = _Environment(
        optimized=False, autoescape=False, finalize=_finalize, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, cache_size=0,
    )  # fmt: skip
    made.filters = dict(_FILTERS)
    made.tests = {name: made.tests[name] for name in _TESTS}
    made.globals = {"range": safe_range, "namespace": Namespace}
    return made


_ENVIRONMENT: Final = _environment()
