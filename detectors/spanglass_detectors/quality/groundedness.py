"""Whether what an answer says is in what the model was given, sentence by sentence.

A sentence is held against the passages of the context: which share of its words a passage has,
weighted by how rare they are, and how near its meaning is. Numbers and names that no passage has,
and a negation on one side alone, speak against it. Measured in docs/quality.md.

What it can't see: what follows from several passages, opposites without a negation (`free` for
`charged`), an order that was turned round (`A owes B`), and languages other than the context's.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.embedding.table import StaticTable
from spanglass_detectors.text.sentences import (
    names,
    numbers,
    sentences,
    stem,
    stems,
    without_blobs,
    words,
)

#: A sentence with less support is not grounded.
GROUNDED: Final = 0.5
_MOST_SENTENCES: Final = 40
_MOST_PASSAGES: Final = 600
#: Passages around the best one whose numbers count as near it.
_AROUND: Final = 3
#: Longer texts are taken apart anew each time.
_KEPT: Final = 10_000
#: Stems below which a sentence claims nothing that could be checked.
_FEWEST: Final = 3
_LEXICAL: Final = 0.6
#: Cosines between these go from no support to full.
_FAR, _NEAR = 0.25, 0.75
#: What remains of the support where a number, a name or the negation differs.
_NUMBER: Final = 0.3
_NAME: Final = 0.55
_NEGATION: Final = 0.4
#: Words that turn what a sentence says.
_NEGATIONS: Final = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|nothing|nobody|excluded?|except"
    r"|nicht|keine?[nrms]?|nie|ohne|pas|jamais|sin|nunca|senza|mai)\b|n't\b|n’t\b",
    re.IGNORECASE,
)
#: What assistants say beside the matter.
_COURTESY: Final = re.compile(
    r"^(?:(?:thanks?|thank you|hi|hello|hey|sure|of course|gladly|certainly|great|good question"
    r"|you'?re welcome|sorry|i'?m sorry|i hope|i looked|i (?:have )?checked|let me"
    r"|here (?:is|are|'s)|please let|feel free|is there anything|if you (?:have|need)"
    r"|do you|would you|can i|what i found|based on|according to the (?:documents?|context)[,.]?$"
    r"|you can find more|hallo|gerne|danke|bonjour|hola)\b.*|.*\?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Support:
    """How a sentence of an answer stands.

    Attributes:
        sentence: of the answer.
        value: from 0 to 1.
        passage: the best one of the context.
        role: who wrote that.
        reason: what speaks against it; empty for nothing in particular.
    """

    sentence: str
    value: float
    passage: str
    role: str
    reason: str = ""


class _Passage(NamedTuple):
    """A sentence of the context, or two of them."""

    text: str
    stems: frozenset[str]
    numbers: frozenset[str]


@dataclass(frozen=True)
class _Passages:
    """The context, taken apart."""

    all: list[_Passage]
    roles: list[str]
    words: frozenset[str]
    weights: dict[str, float]


def groundedness(
    table: StaticTable, answer: str, context: Sequence[tuple[str, str]], question: str = ""
) -> list[Support]:
    """The support of each sentence that claims something; empty if none does.

    Args:
        table: makes vectors.
        answer: as plain text.
        context: texts that the model was given, each with who wrote it.
        question: what it says counts as known, but supports nothing.
    """
    passages = _passages(context)
    claims = [each for each in sentences(answer, _MOST_SENTENCES) if _is_claim(each)]
    if not claims or not passages.all:
        return []
    vectors = table.embed([*claims, *(each.text for each in passages.all)])
    cosines = vectors[: len(claims)] @ vectors[len(claims) :].T
    known = frozenset(numbers(question)), frozenset(words(question))
    return [_support(claim, cosines[n], passages, known) for n, claim in enumerate(claims)]


def _is_claim(sentence: str) -> bool:
    plain = sentence.strip(" -*•>#\t")
    return not _COURTESY.match(plain) and len(set(stems(plain))) >= _FEWEST


def _passages(context: Sequence[tuple[str, str]]) -> _Passages:
    found: list[_Passage] = []
    roles: list[str] = []
    known: set[str] = set()
    for text, role in context:
        listed, its_words = (_taken_apart if len(text) < _KEPT else _taken_apart.__wrapped__)(text)
        found += listed
        roles += [role] * len(listed)
        known |= its_words
        if len(found) >= _MOST_PASSAGES:
            break
    del found[_MOST_PASSAGES:]
    counts = Counter(each for passage in found for each in passage.stems)
    rare = {each: math.log(1 + len(found) / count) for each, count in counts.items()}
    return _Passages(found, roles, frozenset(known), rare)


@lru_cache(512)
def _taken_apart(text: str) -> tuple[list[_Passage], frozenset[str]]:
    """The sentences of a text, alone and in pairs, since what belongs together is often in two."""
    listed = sentences(_prose(text), _MOST_PASSAGES)
    single = [_Passage(each, frozenset(stems(each)), frozenset(numbers(each))) for each in listed]
    found: list[_Passage] = []
    for n, each in enumerate(single):
        found.append(each)
        if n + 1 < len(single):
            then = single[n + 1]
            joined = _Passage(
                f"{each.text} {then.text}", each.stems | then.stems, each.numbers | then.numbers
            )
            found.append(joined)
    return found, frozenset(words(text))


def _prose(text: str) -> str:
    """JSON of tools as sentences: `"status": "shipped"` is `status shipped`."""
    text = without_blobs(text)
    if text.lstrip()[:1] in ("{", "["):
        text = re.sub(r'["{}\[\]]+', " ", text.replace("_", " "))
        text = re.sub(r"\s*:\s+", " ", text)
    return text


def _support(
    claim: str,
    cosines: NDArray[np.float32],
    passages: _Passages,
    asked: tuple[frozenset[str], frozenset[str]],
) -> Support:
    said = set(stems(claim))
    unknown = math.log(1 + len(passages.all))
    weights = {each: passages.weights.get(each, unknown) for each in said}
    total = sum(weights.values())
    best, at = -1.0, 0
    for n, passage in enumerate(passages.all):
        lexical = sum(weights[each] for each in said & passage.stems) / total
        near = min(1.0, max(0.0, (float(cosines[n]) - _FAR) / (_NEAR - _FAR)))
        value = _LEXICAL * lexical + (1 - _LEXICAL) * near
        if value > best:
            best, at = value, n
    value, reasons = best, []
    asked_numbers, asked_words = asked
    around = passages.all[max(0, at - _AROUND) : at + _AROUND + 1]
    # A number that the context has of something else supports nothing.
    there = frozenset(each for passage in around for each in passage.numbers)
    wrong = numbers(claim) - there - asked_numbers
    if wrong:
        value *= _NUMBER
        reasons.append(f"nothing like it says {', '.join(sorted(wrong))}")
    strange = {
        each
        for each in names(claim)
        if each.casefold() not in passages.words | asked_words
        and stem(each.casefold()) not in passages.weights
    }
    if strange:
        value *= _NAME
        reasons.append(f"nothing names {', '.join(sorted(strange))}")
    nearest = passages.all[at].text
    if _is_negated(claim) != _is_negated(nearest):
        value *= _NEGATION
        reasons.append("one of the two says not")
    return Support(claim, value, nearest, passages.roles[at], "; ".join(reasons))


def _is_negated(text: str) -> bool:
    return len(_NEGATIONS.findall(text)) % 2 == 1
