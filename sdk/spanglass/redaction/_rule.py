"""What a rule is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from spanglass.redaction._starts import Starts


class Rule(NamedTuple):
    """How one entity is found.

    Attributes:
        entity: its name.
        starts: where in a text its matches can begin.
        pattern: finds candidates. The group `found` is the entity, or the whole match is.
        length: of a candidate, how many characters from its start are the entity; 0 for none.
            None where each candidate is one.
        gate: what is all in a text that has anything of this.
        has_digit: whether everything of this has a digit.
    """

    entity: str
    starts: Starts
    pattern: re.Pattern[str]
    length: Callable[[str], int] | None = None
    gate: tuple[str, ...] = ()
    has_digit: bool = False

    @property
    def is_grouped(self) -> bool:
        """Whether the pattern has a group `found`."""
        return "found" in self.pattern.groupindex


def all_or_nothing(check: Callable[[str], bool]) -> Callable[[str], int]:
    """Where a check says of a candidate that all of it is the entity, or nothing."""
    return lambda candidate: len(candidate) if check(candidate) else 0
