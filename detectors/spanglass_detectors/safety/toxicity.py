"""Insults, threats and hate.

A linear model over words (weights: see NOTICE beside this file), and patterns for what words alone
do not tell: threats, and hatred of a group in polite words. English only; what it can't see: irony,
harassment that uses no such word, other languages, and quotations, which it takes for speech.

Source: alt-profanity-check, a support vector machine over TF-IDF, trained on comments of Wikipedia
(Jigsaw) and Twitter.
"""

import gzip
import math
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from spanglass_detectors.text.sentences import sentences

#: From here on a text is said to be toxic.
TOXIC: Final = 0.5
_WEIGHTS: Final = Path(__file__).with_name("toxic_words.tsv.gz")
_WORD: Final = re.compile(r"\b\w\w+\b")
#: Numbers of orders, names of models: no words.
_CODES: Final = re.compile(r"\b\w*\d[\w-]*|\b[A-Za-z]{1,6}-(?=\d)[\w-]+")
#: How rare a word is that the model does not know, and what it says.
_UNKNOWN: Final = (5.0, 0.0)
#: Weights from which on a word counts as strong, is enough alone, and several are together.
_STRONG, _ALONE, _TOGETHER = 1.4, 2.2, 4.0
#: What a text gets at most without such words.
_UNSURE: Final = 0.45
#: Characters that are judged together, and of a text altogether.
_PIECE: Final = 300
_MOST: Final = 40_000
#: Technical and everyday senses of words that insult elsewhere.
_HARMLESS: Final = re.compile(
    r"\b(?:kill(?:s|ed|ing)? (?:-9 |the |a |that |this |all |any )*(?:\w+ )?(?:process|task|job|thread|session|pod|container|server|port|pid|switch|weeds?|bacteria|germs|time)\w*"
    r"|(?:zombie|child|orphan|parent|slave|master|dummy) (?:process|node|thread|task|branch|variable|data|text|device|replica|plug)\w*"
    r"|dumb(?:bells?| terminal| pipe)|execut\w+ (?:the )?(?:command|script|query|program)"
    r"|screw(?:s|ed|ing)? (?:driver|in|on|into|cap|the|it (?:in|on))|cock(?:pit|tail|atoo|erel)\w*|hell[ -]?fire pass"
    r"|(?:idiot|dummy|dummie)s?'?s?'? guides?|breast (?:cancer|feeding|milk|pocket)|sex(?:es)? (?:of|chromosomes?|education|ratio))\b",
    re.IGNORECASE,
)  # fmt: skip
_YOU: Final = r"(?:you|u|ya|your (?:family|kids|children|wife|husband|mother|house))"
_HARM: Final = r"(?:kill|murder|stab|shoot|strangle|hurt|beat|destroy|burn|bury|break|smash|slit|cut|hunt|rape|punch|slap|gut|end|ruin)"
_THREATS: Final = re.compile(
    rf"\bi(?:'ll| will| am going to|'m going to|'m gonna| am gonna| swear i'll| could| would love to| want to) (?:find you and )?(?:\w+ )?{_HARM} (?:you\b|u\b|your (?:legs?|arms?|neck|face|throat|family|house|kids|car|skull|bones|life)|all of you|the lot of you)"
    rf"|\b(?:we|they|someone|somebody)(?:'ll| will| should| ought to|'re going to| are going to) (?:\w+ )?{_HARM} {_YOU}\b(?! (?:goal|appetite|order|fall|lease|subscription))"
    r"|\b(?:i|we) (?:know|found out) where (?:you|u) (?:live|work|sleep)\b"
    r"|\byou(?:'re| are) (?:a )?dead (?:man|woman|meat)\b|\byou(?:'ll| will| are going to)(?: \w+)? (?:regret|pay for) (?:this|that|it)\b"
    r"|\b(?:kill yourself|kys|go die|drop dead|hang yourself|jump off a (?:bridge|cliff))\b"
    r"|\bwatch your back\b|\byou (?:deserve|ought|need|should) to (?:die|suffer|rot|burn|be (?:shot|hanged|beaten))\b",
    re.IGNORECASE,
)
_GROUPS: Final = r"(?:women|men|girls|gays?|lesbians|homosexuals|trans(?:gender)? people|muslims?|jews|jewish people|christians|hindus|blacks?|black people|whites?|white people|asians|africans|arabs|mexicans|immigrants?|migrants|refugees|foreigners|disabled people|old people|poor people|roma|gypsies|people like (?:you|them)|those people|these people|your kind|their kind)"
_HATE: Final = re.compile(
    rf"\b(?:all |most |those |these )?{_GROUPS} (?:\w+ )?(?:are|is) (?:all |just |nothing but |a bunch of |naturally |by nature |basically )*(?:vermin|parasites?|animals|subhuman|inferior|criminals?|scum|filth|a (?:disease|plague|cancer|problem)|rats|cockroaches|disgusting|stupid|lazy|dirty|worthless|thieves|terrorists?|less intelligent|not (?:really )?(?:human|people)|beneath us)\b"
    rf"|\b(?:get rid of|exterminate|wipe out|deport|eliminate|gas|lynch) (?:all |the |every |these |those )*{_GROUPS}\b"
    rf"|\b{_GROUPS} (?:should|must|ought to|do not|don't) (?:not |all )?(?:be (?:allowed|exterminated|killed|sterili[sz]ed|deported|locked up|eliminated)|exist|vote|breed|have (?:rights|the right)|belong here|deserve)\b",
    re.IGNORECASE,
)
_INSULT: Final = re.compile(
    r"\b(?:you(?:'re| are| absolute| utter| complete| total| stupid| fucking)?|u r|what an?|such an?|you bunch of) (?:an? |the |so |such an? |really |just |all |absolute |utter |complete |total |fucking |bloody |most )*(?:idiots?|morons?|imbeciles?|cretins?|losers?|scum|trash|garbage|pathetic|worthless|disgusting|brain-?dead|retard(?:ed|s)?|dumb(?:ass)?|stupid|clowns?|pigs?|useless (?:piece|waste|idiot|human|bot|moron)|waste of (?:space|oxygen|skin)|disgrace|joke of a (?:human|person))\b"
    r"|\bnobody (?:likes|loves|wants|will ever love) you\b|\bshut (?:the (?:fuck|hell) )?up\b",
    re.IGNORECASE,
)


class Toxicity(NamedTuple):
    """How toxic a text is.

    Attributes:
        value: of its worst piece, from 0 to 1.
        kind: `threat`, `hate`, `insult` or `toxic`.
        excerpt: the piece.
    """

    value: float
    kind: str = ""
    excerpt: str = ""


def toxicity(text: str) -> Toxicity:
    """How toxic the worst piece of a text is."""
    worst = Toxicity(0.0)
    for piece in _pieces(text[:_MOST]):
        found = _of_piece(piece)
        if found.value > worst.value:
            worst = found
    return worst


def _pieces(text: str) -> list[str]:
    found: list[str] = []
    for sentence in sentences(text, 400):
        if found and len(found[-1]) + len(sentence) < _PIECE // 2:
            found[-1] += " " + sentence
        else:
            found.append(sentence)
    return found


def _of_piece(piece: str) -> Toxicity:
    plain = _HARMLESS.sub(" ", piece.replace("’", "'"))
    for kind, pattern, value in (
        ("threat", _THREATS, 0.95), ("hate", _HATE, 0.95), ("insult", _INSULT, 0.85),
    ):  # fmt: skip
        if pattern.search(plain):
            return Toxicity(max(value, _of_words(plain)), kind, piece)
    value = _of_words(plain)
    return Toxicity(value, "toxic" if value >= TOXIC else "", piece)


@lru_cache(1)
def _model() -> tuple[tuple[float, float, float], dict[str, tuple[float, float]]]:
    first, *rest = gzip.decompress(_WEIGHTS.read_bytes()).decode().splitlines()
    intercept, slope, offset = map(float, first.split("\t"))
    words = {}
    for line in rest:
        word, rarity, weight = line.split("\t")
        words[word] = (float(rarity), float(weight))
    return (intercept, slope, offset), words


def _of_words(text: str) -> float:
    """The linear model's probability."""
    (intercept, slope, offset), known = _model()
    total = square = strong = strongest = 0.0
    for word, count in Counter(_WORD.findall(_CODES.sub(" ", text).lower())).items():
        rarity, weight = known.get(word, _UNKNOWN)
        total += count * rarity * weight
        square += (count * rarity) ** 2
        strongest = max(strongest, weight)
        strong += weight if weight > _STRONG else 0.0
    decision = intercept + (total / math.sqrt(square) if square else 0.0)
    value = 1 / (1 + math.exp(slope * decision + offset))
    if strongest < _ALONE and strong < _TOGETHER:
        # Rare words that are merely odd say nothing, however few others there are.
        value = min(value, _UNSURE)
    return round(value, 4)
