"""Presidio's telephone numbers, in a fraction of its time.

Presidio runs libphonenumber's matcher once for each of eight countries, and each run parses every
number of the text anew. Here what no country has a say in is done once for all of them, and a
number of digits alone is parsed only for countries whose plan could have it. The findings are the
same: the steps are the matcher's own, in its order.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from phonenumbers import (
    NumberParseException,
    PhoneNumberMatcher,
    parse,
)
from phonenumbers.phonenumbermatcher import (
    _INNER_MATCHES,
    _LEAD_PATTERN,
    _MATCHING_BRACKETS,
    _PATTERN,
    _PUB_PAGES,
    _SLASH_SEPARATED_DATES,
    _TIME_STAMPS,
    _TIME_STAMPS_SUFFIX,
    Leniency,
    _verify,
)
from phonenumbers.phonenumberutil import (
    _SECOND_NUMBER_START_PATTERN,
    _UNWANTED_END_CHAR_PATTERN,
)
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from spanglass_detectors.pii.phone_plans import plan

#: What of a number depends on its digits alone: no plus, no extension, no other alphabet.
_PLAIN: Final = re.compile(r"[0-9 ().\-/]+")
_DIGITS: Final = re.compile("[0-9]+")
_PLUS: Final = ("+", "\uff0b")
#: As libphonenumber has it for its matcher.
_MOST_TRIES: Final = 65_535
_REMEMBERED: Final = 1 << 15


class SharedPhoneRecognizer(PhoneRecognizer):
    """Presidio's recogniser, with what its countries share done once."""

    @classmethod
    def of(cls, other: Any) -> "SharedPhoneRecognizer":
        """One with the settings of another."""
        return cls(
            context=other.context,
            supported_language=other.supported_language,
            supported_entity=other.supported_entities[0],
            supported_regions=tuple(other.supported_regions),
            leniency=other.leniency,
            name=other.name,
        )

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
        """See presidio's."""
        if self.leniency != Leniency.VALID:
            return super().analyze(text, entities, nlp_artifacts)
        regions = tuple(self.supported_regions)
        places = Matches(text, regions).all()
        made: Any = self._get_recognizer_result
        found = [made(_Place(*place), text, "a", nlp_artifacts) for place in places]
        return list(EntityRecognizer.remove_duplicates(found))


class _Place:
    """What presidio asks of a match."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Matches:
    """What libphonenumber's matcher finds in a text for several countries.

    Args:
        text: which.
        regions: ISO 3166 codes.
    """

    def __init__(self, text: str, regions: Sequence[str]) -> None:
        self._text = text
        self._regions = tuple(regions)
        self._candidates: dict[int, tuple[int, str] | None] = {}
        self._verdicts: dict[tuple[int, str], int] = {}
        self._dates: dict[tuple[int, str], bool] = {}
        self._inner: dict[tuple[int, str], list[tuple[int, str]]] = {}

    def all(self) -> list[tuple[int, int]]:
        """Start and end of each, in order, once.

        Countries go through the text together and part only where one finds what another does
        not. A matcher gives up after many tries; who has made the most of those that meet again
        counts for all, and where that comes near the limit each is run by itself.
        """
        found: set[tuple[int, int]] = set()
        walks = {0: ((1 << len(self._regions)) - 1, _MOST_TRIES)}
        while walks:
            index = min(walks)
            regions, tries = walks.pop(index)
            next_one = self._candidate(index)
            if next_one is None:
                continue
            for part, match, spent in self._matches(*next_one, regions, tries):
                left = tries - spent - (match is None)
                if left <= 0:
                    return self._apart()
                if match is not None:
                    found.add(match)
                index = match[1] if match else next_one[0] + len(next_one[1])
                others, least = walks.get(index, (0, left))
                walks[index] = (others | part, min(least, left))
        return sorted(found)

    def _apart(self) -> list[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        for number in range(len(self._regions)):
            found.update(self._of(1 << number))
        return sorted(found)

    def _of(self, region: int) -> list[tuple[int, int]]:
        """What one country's matcher finds (`PhoneNumberMatcher._find`)."""
        found: list[tuple[int, int]] = []
        index, tries = 0, _MOST_TRIES
        while tries > 0 and (next_one := self._candidate(index)) is not None:
            start, candidate = next_one
            ((_, match, spent),) = self._matches(start, candidate, region, tries)
            tries -= spent
            if match is None:
                index = start + len(candidate)
                tries -= 1
            else:
                found.append(match)
                index = match[1]
        return found

    def _candidate(self, index: int) -> tuple[int, str] | None:
        if index not in self._candidates:
            match = _PATTERN.search(self._text, index)
            made = None
            if match is not None:
                made = (match.start(), _before(_SECOND_NUMBER_START_PATTERN, match.group()))
            self._candidates[index] = made
        return self._candidates[index]

    def _matches(
        self, start: int, candidate: str, regions: int, tries: int
    ) -> list[tuple[int, tuple[int, int] | None, int]]:
        """What countries find in a candidate (`_extract_match`).

        Returns:
            For each part of them its match, or None, and how many tries that took.
        """
        if self._is_none(start, candidate):
            return [(regions, None, 0)]
        found: list[tuple[int, tuple[int, int] | None, int]] = []
        spent = 0
        if part := self._verdict(start, candidate) & regions:
            found.append((part, (start, start + len(candidate)), 0))
            regions &= ~part
        if not regions:
            return found
        for offset, group in self._groups(start, candidate):
            if spent >= tries:
                break
            if part := self._verdict(offset, group) & regions:
                found.append((part, (offset, offset + len(group)), spent))
                regions &= ~part
                if not regions:
                    return found
            spent += 1
        return [*found, (regions, None, spent)]

    def _groups(self, start: int, candidate: str) -> list[tuple[int, str]]:
        """What may be a number inside a candidate that is none (`_extract_inner_match`)."""
        key = (start, candidate)
        found = self._inner.get(key)
        if found is None:
            found = self._inner[key] = []
            for pattern in _INNER_MATCHES:
                match = pattern.search(candidate)
                is_first = True
                while match:
                    if is_first:
                        group = _before(_UNWANTED_END_CHAR_PATTERN, candidate[: match.start()])
                        found.append((start, group))
                        is_first = False
                    group = _before(_UNWANTED_END_CHAR_PATTERN, match.group(1))
                    found.append((start + match.start(1), group))
                    match = pattern.search(candidate, match.start() + 1)
        return found

    def _is_none(self, start: int, candidate: str) -> bool:
        """Whether a candidate is a date or a time, and not looked at further."""
        found = self._dates.get((start, candidate))
        if found is None:
            found = _SLASH_SEPARATED_DATES.search(candidate) is not None or bool(
                _TIME_STAMPS.search(candidate)
                and _TIME_STAMPS_SUFFIX.match(self._text, start + len(candidate))
            )
            self._dates[start, candidate] = found
        return found

    def _verdict(self, offset: int, candidate: str) -> int:
        """For which countries a candidate is a number, a bit for each (`_parse_and_verify`)."""
        key = (offset, candidate)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = 0
            if self._may_be(offset, candidate):
                verdict = _regions_of(_canonical(candidate), self._regions)
            self._verdicts[key] = verdict
        return verdict

    def _may_be(self, offset: int, candidate: str) -> bool:
        """Whether a candidate's brackets and neighbours allow that it is a number."""
        if _MATCHING_BRACKETS.fullmatch(candidate) is None or _PUB_PAGES.search(candidate):
            return False
        text = self._text
        if offset > 0 and not _LEAD_PATTERN.match(candidate) and _is_attached(text[offset - 1]):
            return False
        end = offset + len(candidate)
        return end >= len(text) or not _is_attached(text[end])


def _before(pattern: Any, candidate: str) -> str:
    match = pattern.search(candidate)
    return candidate[: match.start()] if match else candidate


@lru_cache(maxsize=4096)
def _is_attached(character: str) -> bool:
    """Whether a number beside a character is part of something else."""
    if character.isascii() and not character.isalpha():
        return character in "%$"
    return bool(
        PhoneNumberMatcher._is_invalid_punctuation_symbol(character)
        or PhoneNumberMatcher._is_latin_letter(character)
    )


def _canonical(candidate: str) -> str:
    return "".join(_DIGITS.findall(candidate)) if _PLAIN.fullmatch(candidate) else candidate


@lru_cache(maxsize=_REMEMBERED)
def _regions_of(candidate: str, regions: tuple[str, ...]) -> int:
    """For which countries a candidate is a number, a bit for each."""
    if candidate.startswith(_PLUS):
        try:
            # With its country in it, it is the same for all.
            return (1 << len(regions)) - 1 if _is_number(candidate, "ZZ") else 0
        except NumberParseException:
            pass
    is_plain = _DIGITS.fullmatch(candidate) is not None
    found = 0
    for number, region in enumerate(regions):
        if is_plain and not plan(region).could_be(candidate):
            continue
        try:
            if _is_number(candidate, region):
                found |= 1 << number
        except NumberParseException:
            continue
    return found


def _is_number(candidate: str, region: str) -> bool:
    number = parse(candidate, region, keep_raw_input=True)
    # The matcher is asked for by stricter kinds alone.
    matcher: Any = None
    return bool(_verify(Leniency.VALID, number, candidate, matcher))
