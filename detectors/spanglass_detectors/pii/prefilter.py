"""What says in a microsecond that a recogniser has nothing to find in a text.

Each regular expression is turned into one for RE2 that matches wherever it does, and maybe
elsewhere: what RE2 does not know (looking around, boundaries, back references) is left out or
widened, classes of characters are Unicode's. They are searched for in a few passes. An expression
that can't be turned is always run.
"""

import re
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Mapping, Sequence
from typing import Any, Final

#: Passes in which a text is searched. RE2 makes states as it meets them, and all that a pass looks
#: for multiplies them: in one, texts full of numbers that it has not seen took three times as long.
_PASSES: Final = 3
#: Memory of their states, in bytes.
_MEMORY: Final = 256 << 20
#: RE2 counts no further.
_MOST_REPEATS: Final = 1_000
_ANY: Final = r"(?s:.)"
_CATEGORIES: Final[dict[Any, str]] = {
    sre.CATEGORY_DIGIT: r"\p{Nd}",
    # What Python takes for blank: Unicode's, and the separators of files and records.
    sre.CATEGORY_SPACE: r"\s\p{Z}\x0b\x1c-\x1f\x{85}",
    # Letters and numbers of all kinds, and what can be part of them.
    sre.CATEGORY_WORD: r"\p{L}\p{N}\p{M}\p{Pc}\p{So}",
}
#: Letters of other alphabets that are the same as these where case does not count.
_SAME: Final = {"i": "\u0130\u0131", "s": "\u017f", "k": "\u212a"}
#: Of these texts, telephone numbers at the least: five digits, with what may stand between two.
PHONE: Final = r"\p{Nd}(?:[^\p{L}\p{Nd}]{0,6}(?:[xX][^\p{L}\p{Nd}]{0,4})?\p{Nd}){4}"


class Untranslatable(Exception):
    """An expression that can't be widened; it is to be run always."""


def widened(pattern: str, flags: int = 0) -> str:
    """An expression of RE2's that matches in every text in which a Python one does.

    Args:
        pattern: Python's, or of the package `regex` where that is the same.
        flags: those of `re`.

    Raises:
        Untranslatable: if it can't be turned into one.
    """
    try:
        tree = parser.parse(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise Untranslatable(str(error)) from error
    return _sequence(tree)


def _sequence(items: Any) -> str:
    return "".join(_one(op, value) for op, value in items)


def _one(op: Any, value: Any) -> str:
    if op is sre.LITERAL:
        return _class(_letter(value))
    if op in (sre.ANY, sre.NOT_LITERAL):
        return _ANY
    if op is sre.IN:
        return _in(value)
    if op is sre.BRANCH:
        return "(?:" + "|".join(_sequence(branch) for branch in value[1]) + ")"
    if op is sre.SUBPATTERN:
        return "(?:" + _sequence(value[3]) + ")"
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return _repeat(*value)
    if op is sre.ATOMIC_GROUP:
        return "(?:" + _sequence(value) + ")"
    if op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        return ""
    if op is sre.GROUPREF:
        return f"{_ANY}*"
    raise Untranslatable(str(op))


def _repeat(least: int, most: Any, inside: Any) -> str:
    body = f"(?:{_sequence(inside)})"
    low = min(int(least), _MOST_REPEATS)
    if most is sre.MAXREPEAT or int(most) > _MOST_REPEATS:
        return f"{body}{{{low},}}"
    return f"{body}{{{low},{int(most)}}}"


def _in(items: Any) -> str:
    parts = []
    for op, value in items:
        if op is sre.LITERAL:
            parts.append(_letter(value))
        elif op is sre.RANGE:
            parts.append(_range(*value))
        elif op is sre.CATEGORY and value in _CATEGORIES:
            parts.append(_CATEGORIES[value])
        else:
            # What is excluded would have to be narrowed, not widened.
            return _ANY
    return _class("".join(parts))


def _class(inside: str) -> str:
    return f"[{inside}]"


def _letter(code: int) -> str:
    """A character, in both cases and every alphabet that has it."""
    character = chr(code)
    forms = {character, character.lower(), character.upper(), *_SAME.get(character.lower(), "")}
    return "".join(f"\\x{{{ord(each):x}}}" for form in sorted(forms) for each in form)


def _range(first: int, last: int) -> str:
    parts = [f"\\x{{{first:x}}}-\\x{{{last:x}}}"]
    if last - first < 256:
        parts += [_letter(code) for code in range(first, last + 1) if chr(code).isalpha()]
    else:
        parts.append(r"\p{L}")
    return "".join(parts)


class Prefilter:
    """Says which of several names can be in a text at all.

    Args:
        patterns: expressions by name, each Python's with its flags; a name without any is always
            said.
        ready: expressions of RE2's by name.
    """

    def __init__(
        self,
        patterns: Mapping[str, Sequence[tuple[str, int]]],
        ready: Mapping[str, str] | None = None,
    ) -> None:
        self._sets = [_Set() for _ in range(_PASSES)]
        self._count = 0
        self._always: set[str] = set()
        for name, expressions in patterns.items():
            try:
                for expression, flags in expressions:
                    self._add(name, widened(expression, flags))
            except Untranslatable:
                self._always.add(name)
            if not expressions and name not in (ready or {}):
                self._always.add(name)
        for name, expression in (ready or {}).items():
            self._add(name, expression)
        self._sets = [each for each in self._sets if each.names]
        for each in self._sets:
            each.searched.Compile()

    def _add(self, name: str, expression: str) -> None:
        import re2

        into = self._sets[self._count % _PASSES]
        try:
            into.searched.Add(expression)
        except re2.error as error:
            raise Untranslatable(str(error)) from error
        into.names.append(name)
        self._count += 1

    @property
    def always(self) -> frozenset[str]:
        """Names whose expressions can't be looked for beforehand."""
        return frozenset(self._always)

    def possible(self, text: str) -> set[str]:
        """The names that may be found in a text."""
        found = set(self._always)
        for each in self._sets:
            try:
                places = each.searched.Match(text)
            except UnicodeEncodeError:
                # Halves of characters, which JSON can carry.
                text = text.encode("utf-8", "replace").decode()
                places = each.searched.Match(text)
            if places:
                found.update(each.names[place] for place in places)
        return found


class _Set:
    """Expressions that are searched for in one pass, and whose they are."""

    def __init__(self) -> None:
        import re2

        options = re2.Options()
        options.max_mem = _MEMORY // _PASSES
        options.log_errors = False
        self.searched = re2.Set.SearchSet(options)
        self.names: list[str] = []
