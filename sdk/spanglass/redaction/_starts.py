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
#: Digits that may belong together: four or more, as in the shortest address.
_CLUSTER: Final = re.compile(r"[0-9](?:[ ().\-/]{0,2}[0-9]){3,}")
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

    __slots__ = ("_clustered", "_folded", "_lettered", "_runs", "has_digit", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.has_digit = False
        for digit in "0123456789":
            if digit in text:
                self.has_digit = True
                break
        self._folded: str | None = None
        # Where there is no digit, all is known.
        self._runs: list[int] | None = None if self.has_digit else []
        self._clustered: list[int] | None = None if self.has_digit else []
        self._lettered: list[int] | None = None if self.has_digit else []

    @property
    def folded(self) -> str:
        """The text without upper case. Indexes are the text's where the length is."""
        if self._folded is None:
            self._folded = self.text.casefold()
        return self._folded

    @property
    def runs(self) -> list[int]:
        """Where digits begin, each number once."""
        if self._runs is None:
            self._runs = [match.start() for match in _RUN.finditer(self.text)]
        return self._runs

    @property
    def lettered(self) -> list[int]:
        """The same of numbers right behind a letter."""
        if self._lettered is None:
            text = self.text
            self._lettered = [at for at in self.runs if at and text[at - 1].isalpha()]
        return self._lettered

    @property
    def clustered(self) -> list[int]:
        """The same of numbers that have three or more digits beside them."""
        if self._clustered is None:
            found: list[int] = []
            for cluster in _CLUSTER.finditer(self.text):
                found += [run.start() for run in _RUN.finditer(self.text, *cluster.span())]
            self._clustered = found
        return self._clustered


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
        with_digits: whether the text has to have a longer number.
    """

    def starts(scan: Scan) -> Iterable[int] | None:
        if with_digits and not scan.clustered:
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


def at_numbers(scan: Scan) -> Iterable[int]:
    """Where a number begins that is part of a longer one."""
    return scan.clustered


def at_numbers_or_signs(scan: Scan) -> Iterable[int]:
    """The same, and at a parenthesis or a plus right before."""
    text = scan.text
    found: list[int] = []
    for at in scan.clustered:
        if at and text[at - 1] in "(+":
            found.append(at - 1)
        found.append(at)
    return found


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
