"""What changed between two versions."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from spanglass_store.prompts.files import as_yaml

#: Lines of a side; of more, only that they differ is said.
_MOST_LINES: Final = 5_000
_CONTEXT: Final = 3

Kind = Literal["same", "removed", "added", "gap"]


@dataclass(frozen=True)
class Line:
    """A line of a diff.

    Attributes:
        kind: `gap` stands for lines that are the same and not shown.
        before: its number before, from 1; None if it was not there.
        after: its number after; None if it is not there.
    """

    kind: Kind
    text: str
    before: int | None
    after: int | None


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """The lines of two definitions, as YAML, that differ, with three lines around each."""
    old, new = as_yaml(before).splitlines(), as_yaml(after).splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return [] if old == new else [Line("gap", "Too long to be compared line by line.", 1, 1)]
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if number or group[0][1] > 0:
            found.append(Line("gap", "", None, None))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [
                    Line("same", old[i], i + 1, j + 1)
                    for i, j in zip(range(i1, i2), range(j1, j2), strict=True)
                ]
            else:
                found += [Line("removed", old[i], i + 1, None) for i in range(i1, i2)]
                found += [Line("added", new[j], None, j + 1) for j in range(j1, j2)]
    return found
