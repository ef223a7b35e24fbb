"""Texts and JSON values without what the rules find."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from spanglass.redaction._rule import Rule
from spanglass.redaction._rules import ENTITIES, RULES, announced
from spanglass.redaction._starts import Scan

#: Part of the mark of a cut.
CUT_MARK: Final = "characters cut]"
#: What a cut leaves at both sides of its mark, and might be half of something.
_CUT: Final = re.compile(r"\.\.\.\[[0-9]+ characters cut\]\.\.\.")
#: Characters of a number that is written with separators.
_NUMBER: Final = "0123456789 ().-/+"
#: Characters of a word beside a cut that are looked at.
_LONGEST_WORD: Final = 4_096
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,60}-----")
#: Shorter texts are nothing; nor are shorter ones of letters alone.
_SHORTEST: Final = 6
_SHORTEST_OF_LETTERS: Final = 20
#: Integers that are shorter are no number of anything.
_SHORTEST_NUMBER: Final = 10**8


class Finding(NamedTuple):
    """Something that was found in a text.

    Attributes:
        start: index of its first character.
        end: index behind its last.
        entity: what it is, by presidio's name where it has one.
        since: index of the first character of what made it one: itself, or a word before it.
    """

    start: int
    end: int
    entity: str
    since: int


class Redactor:
    """Finds entities, and replaces each with its name: `<EMAIL_ADDRESS>`.

    Args:
        entities: which; None for all of `ENTITIES`.

    Raises:
        ValueError: an entity is not known.
    """

    def __init__(self, entities: Iterable[str] | None = None) -> None:
        wanted = frozenset(ENTITIES if entities is None else entities)
        unknown = wanted.difference(ENTITIES)
        if unknown:
            raise ValueError(f"not known: {', '.join(sorted(unknown))}; there are {ENTITIES}")
        #: Those that are looked for.
        self.rules = rules = tuple(rule for rule in RULES if rule.entity in wanted)
        # One look says of many that none of them is there.
        self._gated = _gated(rules)
        self._without_digits = _gated([rule for rule in rules if not rule.has_digit])

    def find(self, text: str) -> list[Finding]:
        """What is in a text, in order, without overlaps: the longer one includes the other."""
        if len(text) < _SHORTEST or (len(text) < _SHORTEST_OF_LETTERS and text.isalpha()):
            return []
        found: list[Finding] = []
        scan = Scan(text)
        for gate, rules in self._gated if scan.has_digit else self._without_digits:
            for part in gate:
                if part not in text:
                    break
            else:
                for rule in rules:
                    starts = rule.starts(scan)
                    # Mostly there is none.
                    if starts is None or starts:
                        found += _matches(rule, scan.text, starts)
        return merged(found) if len(found) > 1 else found

    def find_by(self, rules: Iterable[Rule], text: str) -> list[Finding]:
        """What some of its rules find in a text: all there is, if the others would find nothing."""
        if len(text) < _SHORTEST or (len(text) < _SHORTEST_OF_LETTERS and text.isalpha()):
            return []
        found: list[Finding] = []
        scan = Scan(text)
        for rule in rules:
            if not all(part in text for part in rule.gate):
                continue
            starts = rule.starts(scan)
            if starts is None or starts:
                found += _matches(rule, text, starts)
        return merged(found) if len(found) > 1 else found

    def redact(self, text: str, counts: Counter[str] | None = None, name: str = "") -> str:
        """A text with its entities replaced.

        Args:
            text: any.
            counts: where to count them, by entity.
            name: what the text is the value of, which can say what it is.
        """
        if name and (said := announced(name)):
            return self.redact(said + text, counts).removeprefix(said)
        if CUT_MARK in text:
            text = _without_halves(text)
        found = self.find(text)
        return replaced(text, found, counts) if found else text

    def redact_value(
        self, value: Any, counts: Counter[str] | None = None, *, stream: bool = False
    ) -> Any:
        """A JSON value with the entities in its texts, keys and long numbers replaced.

        Args:
            value: as `json.loads` gives it.
            counts: where to count them, by entity.
            stream: whether it is the list of a stream's pieces. Texts in the same place of each
                piece are then read as one, so that what is split over two does not pass.
        """
        if stream and isinstance(value, list):
            _redact_pieces(self, value, counts)
        return mapped(value, lambda text, name: self.redact(text, counts, name))


def _gated(rules: Sequence[Rule]) -> list[tuple[tuple[str, ...], tuple[Rule, ...]]]:
    return [
        (gate, tuple(rule for rule in rules if rule.gate == gate))
        for gate in dict.fromkeys(rule.gate for rule in rules)
    ]


def _matches(rule: Rule, text: str, starts: Iterable[int] | None) -> list[Finding]:
    found = []
    grouped = rule.is_grouped
    for match in rule.pattern.finditer(text) if starts is None else _at(rule, text, starts):
        start, end = match.span("found") if grouped else match.span()
        if rule.length is not None:
            length = rule.length(text[start:end])
            if not length:
                continue
            end = start + length
        found.append(Finding(start, end, rule.entity, min(start, match.start())))
    return found


def _at(rule: Rule, text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
    match_at = rule.pattern.match
    taken = 0
    for start in starts:
        match = match_at(text, start) if start >= taken else None
        if match is not None:
            # Where a match may be none, another may begin inside it.
            taken = match.end() if rule.length is None else 0
            yield match


def _rank(entity: str) -> int:
    """The place of an entity in the table; what is not in it comes last."""
    return ENTITIES.index(entity) if entity in ENTITIES else len(ENTITIES)


def merged(found: list[Finding]) -> list[Finding]:
    """In order; what overlaps becomes one, with the entity that the table has first."""
    result: list[Finding] = []
    for each in sorted(found, key=lambda finding: (finding.start, -finding.end)):
        last = result[-1] if result else None
        if last is None or each.start >= last.end:
            result.append(each)
            continue
        entity = min(last.entity, each.entity, key=_rank)
        result[-1] = Finding(
            last.start, max(last.end, each.end), entity, min(last.since, each.since)
        )
    return result


def _without_halves(text: str) -> str:
    """A text without what touches the marks of cuts: what would tell what it is may be gone."""
    parts: list[str] = []
    at = 0
    marks = list(_CUT.finditer(text))
    for number, mark in enumerate(marks, 1):
        before = text[at : mark.start()]
        word = max(before.rfind(blank) for blank in " \n\t") + 1
        parts += (before[: min(word, len(before.rstrip(_NUMBER)))], mark.group())
        at = mark.end()
        key_end = _KEY_END.search(text, at, marks[number].start() if marks[number:] else len(text))
        if key_end is not None and "-----BEGIN " not in text[at : key_end.start()]:
            at = key_end.end()
            continue
        rest = text[at : at + _LONGEST_WORD].lstrip(_NUMBER)
        blank = re.search(r"\s|\Z", rest)
        numbers = min(len(text) - at, _LONGEST_WORD) - len(rest)
        at += numbers + (blank.start() if blank is not None else 0)
    return "".join([*parts, text[at:]])


def replaced(text: str, found: Iterable[Finding], counts: Counter[str] | None = None) -> str:
    """A text with each finding replaced by the name of its entity."""
    parts: list[str] = []
    at = 0
    for start, end, entity, _ in found:
        parts += (text[at:start], f"<{entity}>")
        at = end
        if counts is not None:
            counts[entity] += 1
    return "".join([*parts, text[at:]])


def mapped(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """A JSON value with each of its texts, keys and long numbers changed.

    Args:
        value: as `json.loads` gives it.
        change: makes the new text, given the old one and the name that it stands under.
        name: of the value itself.
    """
    if isinstance(value, str):
        return change(value, name)
    if isinstance(value, list):
        return [mapped(each, change, name) for each in value]
    if isinstance(value, dict):
        return {change(key, ""): mapped(each, change, key) for key, each in value.items()}
    if type(value) is int and abs(value) >= _SHORTEST_NUMBER:
        before = str(value)
        after = change(before, name)
        return value if after == before else after
    return value


def _redact_pieces(redactor: Redactor, pieces: list[Any], counts: Counter[str] | None) -> None:
    """Takes out what is split over the texts of several pieces, in place."""
    places: dict[tuple[object, ...], list[tuple[Any, Any]]] = {}
    for index in range(len(pieces)):
        _collect(pieces, index, (), places)
    for holders in places.values():
        if len(holders) < 2:
            continue
        texts = [str(holder[key]) for holder, key in holders]
        found = redactor.find("".join(texts))
        at = 0
        for (holder, key), text in zip(holders, texts, strict=True):
            start, end = at, at + len(text)
            at = end
            # The piece in which it begins keeps the name, the others keep the rest.
            inside = [
                (max(start, each.start) - start, min(end, each.end) - start, each)
                for each in found
                if each.start < end and each.end > start
                if each.start < start or each.end > end
            ]
            for first, last, each in reversed(inside):
                begins = each.start >= start
                text = text[:first] + (f"<{each.entity}>" if begins else "") + text[last:]
                if begins and counts is not None:
                    counts[each.entity] += 1
            if inside:
                holder[key] = text


def _collect(
    holder: Any, key: Any, path: tuple[object, ...], places: dict[Any, list[tuple[Any, Any]]]
) -> None:
    """Every text below, by the names on the way to it."""
    value = holder[key]
    if isinstance(value, str):
        places.setdefault(path, []).append((holder, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            _collect(value, index, (*path, index), places)
    elif isinstance(value, dict):
        for name in value:
            _collect(value, name, (*path, name), places)


_everything: Final = Redactor()


def find(text: str) -> list[Finding]:
    """What is in a text, by all rules. See `Redactor.find`."""
    return _everything.find(text)


def redact(text: str) -> str:
    """A text with everything that is found replaced by its name. See `Redactor.redact`."""
    return _everything.redact(text)
