"""Which of the checked rules can find anything in a text: one pass over its shape.

A text's shape has every digit as `0` and every letter small. What the rules look for has a few
dozen shapes, whatever the digits are, so RE2 soon has all the states that it needs, and texts full
of numbers that it never saw take little longer than others. A rule whose shape is not there is not
tried. Each shape is made of the rule's own expression and matches wherever that does, and maybe
elsewhere.
"""

import re
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Sequence
from typing import Any, Final

from spanglass.redaction._rule import Rule

#: What a text becomes before it is searched.
_SHAPE: Final = bytes(
    code if code > 127 else ord("0") if chr(code).isdigit() else ord(chr(code).lower())
    for code in range(256)
)
#: Letters that are the same as an ASCII one where case does not count: such a text has no shape.
_SAME: Final = re.compile("[\u0130\u0131\u017f\u212a]")
_OTHER: Final = r"[^\x00-\x7f]"
#: In every class that has letters.
_A: Final = r"\x61"
_CATEGORIES: Final[dict[Any, Callable[[str], bool]]] = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}
#: Most letters that are counted: more of them, and numbers of letters, would multiply the states.
_MOST_COUNTED: Final = 6
_FEW: Final = 4
_MEMORY: Final = 64 << 20


class Shapes:
    """Says which rules can find anything in a text.

    Args:
        rules: which there are.

    Raises:
        ImportError: if google-re2 is not installed.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        import re2

        options = re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        self._rules = tuple(rules)
        self._searched = re2.Set.SearchSet(options)
        for rule in rules:
            self._searched.Add(shape(rule.pattern.pattern))
        self._searched.Compile()

    def possible(self, text: str) -> Sequence[Rule]:
        """The rules that may find something in a text; all of them where it has no shape."""
        if not text.isascii() and _SAME.search(text):
            return self._rules
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            # Halves of characters, which JSON can carry.
            return self._rules
        places = self._searched.Match(encoded.translate(_SHAPE))
        rules = self._rules
        return [rules[at] for at in places] if places else ()


def shape(pattern: str) -> str:
    """An expression of RE2's that matches in the shape of every text in which a pattern does."""
    items = list(parser.parse(pattern))
    op, value = items[-1]
    if op is sre.ASSERT and value[0] > 0:
        # All of it is looked ahead at.
        items[-1:] = list(value[1])
    return _Maker().sequence(items)[0]


class _Maker:
    """Makes the shape of one pattern."""

    def __init__(self) -> None:
        self._groups: dict[int, str] = {}

    def sequence(self, items: Any) -> tuple[str, bool]:
        """The shape of what stands in a row, and whether the rest of the pattern may follow it."""
        made = ""
        for op, value in items:
            part, goes_on = self._one(op, value)
            made += part
            if not goes_on:
                return made, False
        return made, True

    def _one(self, op: Any, value: Any) -> tuple[str, bool]:
        if op is sre.LITERAL:
            return _class([(sre.LITERAL, value)]), True
        if op is sre.NOT_LITERAL:
            return _class([(sre.NEGATE, None), (sre.LITERAL, value)]), True
        if op is sre.IN:
            return _class(value), True
        if op is sre.BRANCH:
            branches = [self.sequence(each) for each in value[1]]
            made = "(?:" + "|".join(part for part, _ in branches) + ")"
            return made, all(goes_on for _, goes_on in branches)
        if op is sre.SUBPATTERN:
            made, goes_on = self.sequence(value[3])
            if value[0] is not None:
                self._groups[value[0]] = made
            return f"(?:{made})", goes_on
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(*value)
        if op is sre.AT:
            return (r"\b" if value is sre.AT_BOUNDARY else ""), True
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            return "", True
        if op is sre.GROUPREF:
            return f"(?:{self._groups[value]})", True
        raise ValueError(f"a rule's expression has {op}, of which no shape is known")

    def _repeat(self, least: int, most: Any, inside: Any) -> tuple[str, bool]:
        made, goes_on = self.sequence(inside)
        if not goes_on:
            return (f"(?:{made})", False) if least else ("", False)
        low = int(least)
        has_letters = _A in made or _OTHER in made
        if has_letters and low != most and (most is sre.MAXREPEAT or int(most) > _FEW):
            return f"(?:{made}){{{min(low, _FEW)}}}", False
        if has_letters and low > _MOST_COUNTED:
            return f"(?:{made}){{{_MOST_COUNTED}}}", False
        upper = "" if most is sre.MAXREPEAT else int(most)
        return f"(?:{made}){{{low},{upper}}}", True


def _class(items: Sequence[tuple[Any, Any]]) -> str:
    """A class of characters, as the shapes of those that are in it."""
    negated = items[0][0] is sre.NEGATE
    found = {code for code in range(128) if _is_in(code, items) != negated}
    shapes = bytes(sorted(found)).translate(_SHAPE)
    inside = "".join(f"\\x{code:02x}" for code in sorted(set(shapes)))
    other = negated or any(
        op is sre.CATEGORY or (op is sre.RANGE and value[1] > 127) or
        (op is sre.LITERAL and value > 127) for op, value in items
    )  # fmt: skip
    parts = ([f"[{inside}]"] if inside else []) + ([_OTHER] if other else [])
    return parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")"


def _is_in(code: int, items: Sequence[tuple[Any, Any]]) -> bool:
    for op, value in items:
        if op is sre.LITERAL and code == value:
            return True
        if op is sre.RANGE and value[0] <= code <= value[1]:
            return True
        if op is sre.CATEGORY and _CATEGORIES[value](chr(code)):
            return True
    return False
