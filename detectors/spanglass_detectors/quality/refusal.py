"""Answers that decline, and answers that say that they do not know.

The phrases are those that assistants decline with, in nine languages. What they can't see: a
refusal in other words, an answer that evades, one that declines in its middle.
"""

import re
from typing import Final, NamedTuple

from spanglass_detectors.text.sentences import sentences

#: Sentences of an answer in which it would say so.
_FIRST: Final = 3

_SORRY: Final = r"(?:(?:i'?m|i am) (?:very |really |so )?(?:sorry|afraid)[,.]?(?: but)? |unfortunately,? |sorry,? (?:but )?|i apologi[sz]e,? (?:but )?|as an ai(?: language)?(?: model| assistant)?,? |my apologies,? (?:but )?)?"
_CANT: Final = r"(?:can'?t|cannot|can not|won'?t|will not|(?:am|'m) (?:not able|unable|not allowed|not permitted|not comfortable|not in a position)(?: to)?|must decline|(?:have to|need to|must) (?:decline|refuse)|decline|refuse|(?:am|'m) not going to|could not|couldn'?t)"
_DO: Final = r"(?:help|assist|support|comply|fulfil+|provide|share|give|discuss|generate|create|write|produce|do (?:that|this)|comment|assist|engage|answer (?:that|this)|continue|participate|support|offer|reveal|disclose|look up|change|complete|process that|respond to (?:that|this)|talk about)"

_REFUSALS: Final = re.compile(
    "|".join(
        (
            rf"^{_SORRY}i(?:'m| am)? ?{_CANT}(?: to)?,? (?:\w+ ){{0,2}}?{_DO}\b",
            rf"^{_SORRY}i (?:must|have to) (?:respectfully )?(?:decline|refuse)\b",
            r"^(?:i'?m |i am )?(?:sorry|afraid),? (?:but )?(?:that'?s|this is|it'?s) (?:not )?(?:something|against|beyond)\b",
            r"\b(?:against|violates?) (?:my|our|openai'?s|anthropic'?s|the) (?:\w+ )?(?:guidelines|policy|policies|principles|programming|rules)\b",
            r"\b(?:that|this) (?:request |question )?(?:is|falls) outside (?:of )?(?:my|our|the|what i)\b",
            r"^i (?:would|'d) rather not (?:help|discuss|say|answer|do)\b",
            r"^no,? i (?:can'?t|won'?t|will not)\b",
            r"\bi(?:'m| am) not (?:able|allowed|permitted) to (?:\w+ )?" + _DO,
            # German, French, Spanish, Italian, Portuguese, Dutch
            r"^(?:es tut mir leid|tut mir leid|leider|entschuldigung)[,.]?.{0,40}\b(?:kann|darf|werde) ich\b.{0,60}\b(?:nicht|keine?n?)\b",
            r"^ich (?:kann|darf|werde) .{0,50}\b(?:nicht|keine?n?) .{0,40}(?:helfen|geben|beantworten|unterstützen|bereitstellen|teilen)\b",
            r"\b(?:da)?bei (?:dieser anfrage )?kann ich (?:ihnen |dir )?(?:leider )?nicht helfen\b",
            r"^(?:je suis désolée?|désolée?|malheureusement)[, ].{0,30}\bje ne (?:peux|puis) (?:pas )?\w*\b",
            r"^je ne (?:peux|puis) pas (?:vous )?(?:aider|répondre|fournir|partager)\b",
            r"^(?:lo siento|lamentablemente|disculpa)[, ].{0,30}\bno (?:puedo|me es posible)\b",
            r"^no puedo (?:ayudar|responder|proporcionar|compartir)",
            r"^(?:mi dispiace|purtroppo)[, ].{0,30}\bnon posso\b",
            r"^(?:desculpe|sinto muito|infelizmente|lamento)[, ].{0,30}\bnão posso\b",
            r"^(?:het spijt me|sorry|helaas)[, ].{0,30}\b(?:kan|mag) ik\b.{0,40}\b(?:niet|geen)\b",
            # Chinese, Japanese, Russian
            r"^(?:很?抱歉|对不起|不好意思)[,,。 ]?.{0,12}(?:不能|无法|不可以)",
            r"(?:申し訳|すみません|ごめん).{0,40}(?:できません|できかねます|お答えできません)",
            r"^(?:извините|к сожалению|прошу прощения)[, ].{0,20}\bя? ?не (?:могу|буду)\b",
        )
    )
)  # fmt: skip
_NO_ANSWER: Final = re.compile(
    "|".join(
        (
            r"\bi (?:do not|don'?t|did not|didn'?t) (?:have|find|see) (?:any |enough |that |the |access to )*(?:information|details|data|records?|documents?|answer)\b",
            r"\bi (?:do not|don'?t) (?:actually )?know\b",
            r"\bi (?:have|'ve) no (?:information|details|data|record)",
            r"\bi (?:could not|couldn'?t|was unable to|can'?t|cannot|am unable to) (?:find|locate|see|answer|determine|tell)\b",
            r"\b(?:documents?|context|sources?|passages?|text|information)\b.{0,40}\b(?:does not|doesn'?t|do not|don'?t) (?:say|mention|contain|include|provide|specify|cover)\b",
            r"\b(?:not|isn'?t|aren'?t) (?:mentioned|covered|stated|specified|included|available) in (?:the|my|these|your)\b",
            r"\b(?:would|'d) rather not guess\b",
            r"\b(?:dazu|darüber|hierzu) (?:habe ich|liegen mir|finde ich) (?:leider )?keine\b",
            r"\bje n'ai (?:pas|aucune) (?:d')?information",
            r"\bno (?:tengo|dispongo de|encuentro) (?:la )?información\b",
        )
    )
)  # fmt: skip


class Refusal(NamedTuple):
    """What an answer declines.

    Attributes:
        is_refusal: it will not do what was asked.
        is_no_answer: it says that it does not know.
        sentence: that says so.
    """

    is_refusal: bool
    is_no_answer: bool
    sentence: str


def refusal(answer: str) -> Refusal:
    """Whether an answer declines or does not know, and the sentence that says so."""
    unknown = ""
    for number, sentence in enumerate(sentences(answer[:4_000], most=12)):
        plain = sentence.strip("\"'*_> ").replace("’", "'").casefold()
        is_unknown = _NO_ANSWER.search(plain) is not None
        if number < _FIRST and not is_unknown and _REFUSALS.search(plain):
            return Refusal(True, False, sentence)
        if is_unknown and number < _FIRST and not unknown:
            unknown = sentence
    return Refusal(False, bool(unknown), unknown)
