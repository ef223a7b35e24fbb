"""Small values of rules: durations, conditions, filters, secrets."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART: Final = re.compile(r"(\d+)([smhdw])")
_DURATION: Final = re.compile(r"(?:\d+[smhdw])+")
_CONDITION: Final = re.compile(
    r"\s*(>=|<=|>|<|==|!=)\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(%?)\s*"
)
#: Names of rules, channels and the like.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Severity = Literal["critical", "error", "warning", "info"]


def seconds(text: Any) -> int:
    """A duration (`90s`, `5m`, `1h30m`, `7d`) in seconds.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return 0
    if isinstance(text, str) and _DURATION.fullmatch(text):
        total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        if total <= 400 * 86400:
            return total
        raise ValueError("should be 400d or less")
    raise ValueError("should be a duration like 30s, 5m, 1h30m or 7d")


def written(duration: float) -> str:
    """Seconds as a rule writes them."""
    rest, text = round(duration), ""
    for unit in ("d", "h", "m", "s"):
        number, rest = divmod(rest, _UNITS[unit])
        text += f"{number}{unit}" if number else ""
    return text or "0s"


Duration = Annotated[
    int,
    BeforeValidator(seconds),
    PlainSerializer(written),
    WithJsonSchema({"type": "string", "pattern": "^(\\d+[smhdw])+$", "examples": ["30s", "5m"]}),
]


class Model(BaseModel):
    """Common base: nothing unknown, nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Condition(Model):
    """A comparison with a number."""

    operator: Literal[">", ">=", "<", "<=", "==", "!="]
    threshold: float

    def holds(self, value: float) -> bool:
        match self.operator:
            case ">":
                return value > self.threshold
            case ">=":
                return value >= self.threshold
            case "<":
                return value < self.threshold
            case "<=":
                return value <= self.threshold
            case "==":
                return value == self.threshold
            case _:
                return value != self.threshold

    def __str__(self) -> str:
        return f"{self.operator} {self.threshold:g}"


def condition(text: Any) -> Any:
    """A condition from its text (`> 0.05`, `> 5%`).

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(text, str):
        if isinstance(text, Condition | Mapping):
            return text
        raise ValueError("should be a comparison in quotes, like '> 0.05'")
    found = _CONDITION.fullmatch(text)
    if not found:
        raise ValueError("should be a comparison like '> 0.05', '>= 2' or '< 90%'")
    threshold = float(found[2]) / (100 if found[3] else 1)
    return {"operator": found[1], "threshold": threshold}


Compared = Annotated[
    Condition,
    BeforeValidator(condition),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["> 0.05", "< 90%"]}),
]

#: A value of a dimension: as it is, `!` for all others, `*` for anything, `=` for exactly what
#: follows; a list for any of them.
Filter = dict[
    Annotated[str, StringConstraints(max_length=300)],
    Annotated[str, StringConstraints(max_length=1000)]
    | list[Annotated[str, StringConstraints(max_length=1000)]],
]
Labels = dict[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.:/-]{0,99}$")],
    Annotated[str, StringConstraints(max_length=1000)],
]


def wanted(pattern: str) -> tuple[bool, list[str]]:
    """What a filter's text asks for.

    Returns:
        Whether a value has to be so (else, by `!`, it must not be), and the parts of it between
        which anything can stand.
    """
    text = pattern.lstrip("!")
    parts = [text[1:]] if text.startswith("=") else text.split("*")
    return (len(pattern) - len(text)) % 2 == 0, parts


def matches(pattern: str, value: str) -> bool:
    """Whether a value is what a filter's text means."""
    is_so, parts = wanted(pattern)
    return _fits(parts, value) is is_so


def _fits(parts: list[str], value: str) -> bool:
    first, *rest = parts
    if not rest:
        return first == value
    *middle, last = rest
    if len(value) < len(first) + len(last):
        return False
    if not (value.startswith(first) and value.endswith(last)):
        return False
    # The first place of each part leaves most to the next: no place has to be tried twice.
    at, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def selects(where: Mapping[str, str | list[str]], labels: Mapping[str, str]) -> bool:
    """Whether labels are what a filter asks for; a label that is not there is empty."""
    return all(
        any(
            matches(each, labels.get(name, ""))
            for each in ([want] if isinstance(want, str) else want)
        )
        for name, want in where.items()
    )


class Secret(Model):
    """Where a secret is: a variable of the environment, or a file. It is read when it is used."""

    env: str = ""
    file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _elsewhere(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError("should be {env: NAME} or {file: PATH}: secrets are not written here")
        return value

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if bool(self.env) == bool(self.file):
            raise ValueError("should be {env: NAME} or {file: PATH}")
        return self

    def __str__(self) -> str:
        return f"env:{self.env}" if self.env else f"file:{self.file}"
