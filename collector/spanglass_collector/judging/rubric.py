"""Rubrics: what a model is to judge, as a file with a version.

name: helpfulness
version: "1"
question: Does the answer do what the user asked for?
labels:                 # from the best to the worst, each with what it is worth
  yes: {value: 1, means: All of what was asked for is there.}
  partly: {value: 0.5, means: Something that was asked for is missing.}
  no: {value: 0, means: It does not help.}
needs_context: false    # whether only answers are judged that were given documents
"""

import re
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_MOST: Final = 100_000


class Label(BaseModel):
    """One of the answers that a judge can give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float = Field(allow_inf_nan=False, description="Higher means more of what is asked.")
    means: str = Field(min_length=1, max_length=2_000)


class Rubric(BaseModel):
    """What a model is to judge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    version: str = Field(min_length=1, max_length=40)
    question: str = Field(min_length=1, max_length=10_000)
    labels: dict[str, Label] = Field(min_length=2, max_length=20)
    needs_context: bool = False


#: Those that come with Spanglass.
BUILT_IN: Final = {
    "contradiction": Rubric(
        name="contradiction",
        version="1",
        question="Does the answer contradict the context that the assistant was given?",
        labels={
            "no": Label(value=0, means="Nothing in the answer contradicts the context."),
            "partly": Label(value=0.5, means="A detail of the answer contradicts the context."),
            "yes": Label(value=1, means="What the answer mainly says contradicts the context."),
        },
        needs_context=True,
    ),
    "helpfulness": Rubric(
        name="helpfulness",
        version="1",
        question="Does the answer do what the user asked for?",
        labels={
            "yes": Label(value=1, means="All that was asked for is there."),
            "partly": Label(value=0.5, means="Something that was asked for is missing or vague."),
            "no": Label(value=0, means="It does not help with what was asked for."),
        },
    ),
}


def read_rubric(given: str) -> Rubric:
    """A rubric by the name of one that comes with Spanglass, or from a file.

    Raises:
        ValueError: if there is none, or it is wrong; the message says where.
    """
    if given in BUILT_IN:
        return BUILT_IN[given]
    path = Path(given).expanduser()
    if not path.is_file():
        raise ValueError(
            f"no rubric {given!r}: give the path of a file, or one of {', '.join(sorted(BUILT_IN))}"
        )
    text = path.read_text("utf-8")[:_MOST]
    try:
        # `yes` and `no` are words here, as they are for whoever writes them.
        found = yaml.load(text, _Words)  # noqa: S506 - a safe loader, without its booleans
        return Rubric.model_validate(found)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise ValueError(f"{path}: {place}: {first['msg']}") from error


class _Words(yaml.SafeLoader):
    """YAML in which only `true` and `false` are booleans."""


_Words.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:bool"]
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Words.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF")
)
