"""Where in a text a rule is worth trying.

To try every rule at every character is what redaction would spend its time on. `str.find` is
many times faster than a pattern, so each rule says by what its matches begin, and is tried there
alone. What is found is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

_RUN: Final = re.compile("[0-9]+")
#: What may stand between digits that belong together, and how much of it.
_SEPARATORS: Final = frozenset(" ().-/")
_MOST_SEPARATORS: Final = 2
#: Digits of the shortest number that anything but an address of a machine is.
_SHORTEST: Final = 7
_LOCAL_PART: Final = frozenset(".+%'-_")
#: Characters before the `@` of an address, and before the first colon of a group.
_LONGEST_LOCAL: Final = 64
_LONGEST_GROUP: Final = 4
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")


class Scan:
    """A text, and what several rules want to know of it.

    Args:
        text: which.

    Attributes:
        has_digit: whether there is a digit.
    """

    __slots__ = ("_clusters", "_dotted", "_folded", "_lettered", "_runs", "has_digit", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.has_digit = False
        for digit in "0123456789":
            if digit in text:
                self.has_digit = True
                break
        self._folded: str | None = None
        self._runs: list[int] | None = None
        self._lettered: list[int] = []
        self._clusters: list[tuple[int, list[int]]] = []
        self._dotted: list[int] = []

    @property
    def folded(self) -> str:
        """The text without upper case. Indexes are the text's where the length is."""
        if self._folded is None:
            self._folded = self.text.casefold()
        return self._folded

    @property
    def runs(self) -> list[int]:
        """Where digits begin, each number once."""
        return self._runs if self._runs is not None else self._looked()

    @property
    def lettered(self) -> list[int]:
        """The same of numbers right behind a letter."""
        if self._runs is None:
            self._looked()
        return self._lettered

    @property
    def clusters(self) -> list[tuple[int, list[int]]]:
        """Numbers that may belong together: how many digits they have, and where each begins."""
        if self._runs is None:
            self._looked()
        return self._clusters

    @property
    def dotted(self) -> list[int]:
        """Where four numbers begin that have dots between them."""
        if self._runs is None:
            self._looked()
        return self._dotted

    def _looked(self) -> list[int]:
        """Looks for all of it in one pass."""
        runs: list[int] = []
        self._runs = runs
        if not self.has_digit:
            # All is known.
            return runs
        text, lettered, clusters = self.text, self._lettered, self._clusters
        last, digits, own, dots = -_MOST_SEPARATORS - 1, 0, runs, 0
        for match in _RUN.finditer(text):
            start, end = match.span()
            runs.append(start)
            gap = start - last
            if gap == 1 and text[last] == ".":
                dots += 1
                if dots > 2:
                    self._dotted.append(runs[-4])
            else:
                dots = 0
            if gap > _MOST_SEPARATORS or not _SEPARATORS.issuperset(text[last:start]):
                if digits >= _SHORTEST:
                    clusters.append((digits, own))
                digits, own = 0, []
            own.append(start)
            digits += end - start
            last = end
            if start and text[start - 1].isalpha():
                lettered.append(start)
        if digits >= _SHORTEST:
            clusters.append((digits, own))
        return runs


#: Gives the places at which a rule is tried, in order within each kind; None for everywhere.
Starts: TypeAlias = Callable[[Scan], Iterable[int] | None]


def _occurrences(text: str, word: str, before: int = 0) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        if at >= before:
            yield at - before
        at = text.find(word, at + 1)


def at_text(word: str, before: int = 0) -> Starts:
    """Where a word is.

    Args:
        word: as it is written.
        before: how many characters before it the match begins.
    """
    return lambda scan: _occurrences(scan.text, word, before) if word in scan.text else ()


def at_words(
    words: tuple[str, ...], needs: tuple[str, ...] = (), with_digits: bool = False
) -> Starts:
    """Where one of several words is, in upper or lower case.

    Args:
        words: in lower case.
        needs: one of these is in the text, too; in lower case. Empty for no condition.
        with_digits: whether the text has to have a number of seven digits or more.
    """

    def starts(scan: Scan) -> Iterable[int] | None:
        if with_digits and not scan.clusters:
            return ()
        folded = scan.folded
        if needs and not any(need in folded for need in needs):
            return ()
        there = [word for word in words if word in folded]
        if not there:
            return ()
        if len(folded) != len(scan.text):
            # A letter has become two, and the places are not the text's.
            return None
        return sorted({at for word in there for at in _occurrences(folded, word)})

    return starts


def at_numbers(least: int) -> Starts:
    """Where a number begins that is part of a longer one.

    Args:
        least: digits that the longer one has to have; at least seven.
    """
    if least < _SHORTEST:
        raise ValueError(f"numbers of fewer than {_SHORTEST} digits are not looked for")

    def starts(scan: Scan) -> Iterable[int]:
        return [at for digits, own in scan.clusters if digits >= least for at in own]

    return starts


def at_numbers_or_parentheses(least: int) -> Starts:
    """The same, and at a parenthesis right before."""
    numbers = at_numbers(least)

    def starts(scan: Scan) -> Iterable[int]:
        text = scan.text
        found: list[int] = []
        for at in numbers(scan) or ():
            if at and text[at - 1] == "(":
                found.append(at - 1)
            found.append(at)
        return found

    return starts


def at_dotted(scan: Scan) -> Iterable[int]:
    """Where four numbers begin that have dots between them."""
    return scan.dotted


def at_letters_before_numbers(scan: Scan) -> Iterable[int]:
    """Two letters before a number."""
    return [at - 2 for at in scan.lettered if at > 1]


def at_letters(count: int, *, blank: bool = False) -> Starts:
    """Some letters before a number.

    Args:
        count: how many.
        blank: whether one may stand between.
    """

    def starts(scan: Scan) -> Iterable[int]:
        text = scan.text
        if not blank:
            return [
                at - count
                for at in scan.lettered
                if at >= count and text[at - count : at].isalpha()
            ]
        found: list[int] = []
        for at in scan.runs:
            end = at - 1 if at and text[at - 1] == " " else at
            if end >= count and text[end - count : end].isalpha():
                found.append(end - count)
        return found

    return starts


def at_local_parts(scan: Scan) -> Iterable[int]:
    """Where a word begins that has an `@` behind it."""
    return _local_parts(scan.text) if "@" in scan.text else ()


def _local_parts(text: str) -> Iterator[int]:
    for end in _occurrences(text, "@"):
        at = end
        while at and end - at <= _LONGEST_LOCAL and _is_local(text[at - 1]):
            at -= 1
        if at < end:
            yield at


def _is_local(character: str) -> bool:
    return character.isalnum() or character in _LOCAL_PART


def at_colons(scan: Scan) -> Iterable[int]:
    """Where a hexadecimal group, which may be empty, begins that has a colon behind it."""
    return _groups(scan.text) if scan.text.count(":") > 2 else ()


def _groups(text: str) -> Iterator[int]:
    for end in _occurrences(text, ":"):
        at = end
        while at and end - at < _LONGEST_GROUP and text[at - 1] in _HEXADECIMAL:
            at -= 1
        yield at
