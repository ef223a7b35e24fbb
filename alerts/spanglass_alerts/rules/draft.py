"""A rule while it is written: as a form's values and as YAML, and what is wrong with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from spanglass_alerts.rules.files import RulesError, parse
from spanglass_alerts.rules.model import document

#: What stands before a rule when it is read as a file, and by how much that moves it.
_BEFORE: Final = "rules:\n- "
_INDENT: Final = 2


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a rule.

    Attributes:
        field: its name; empty where it is none's.
        line: in the YAML, from 1.
        column: from 1.
        message: what is wrong, and what was expected.
    """

    field: str
    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Draft:
    """A rule that need not be right.

    Attributes:
        rule: as the API takes it; None where the YAML is none of a rule.
        yaml: the same as YAML.
        problems: what is wrong, in the order of the text; nothing where it can be saved.
    """

    rule: dict[str, Any] | None
    yaml: str
    problems: list[Problem] = field(default_factory=list)


def of_yaml(text: str) -> Draft:
    """What a text says."""
    lines = text.split("\n")
    indented = "\n".join([lines[0], *(" " * _INDENT + line for line in lines[1:])])
    try:
        book = parse(_BEFORE + indented, "rule")
    except RulesError as error:
        problems = sorted(map(_problem, (error, *error.more)), key=lambda p: (p.line, p.column))
        values = _values(text)
        if values is None and "dictionary" in problems[0].message:
            problems = [Problem("", 1, 1, "A rule is expected: its name, a metric, a condition.")]
        return Draft(values, text, problems)
    if len(book.rules) != 1:
        return Draft(None, text, [Problem("", 1, 1, "One rule is expected here.")])
    return Draft(document(book.rules[0]), text)


def of_rule(rule: Mapping[str, Any]) -> Draft:
    """What the values of a form say."""
    text = yaml.safe_dump(dict(rule), sort_keys=False, allow_unicode=True, width=100)
    read = of_yaml(text)
    return Draft(dict(rule), text, read.problems)


def _problem(error: RulesError) -> Problem:
    line, column = (error.place.line - 1, error.place.column) if error.place else (1, 1)
    return Problem(
        error.field, max(1, line), max(1, column - _INDENT), error.said or str(error)
    )  # fmt: skip


def _values(text: str) -> dict[str, Any] | None:
    """The values of YAML, where it is some, though they are no rule."""
    try:
        # What an alias stands for can be very much.
        if any(isinstance(each, yaml.AliasEvent) for each in yaml.parse(text, yaml.SafeLoader)):
            return None
        found = yaml.safe_load(text)
        values = json.loads(json.dumps(found, default=str, allow_nan=False))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
