"""How hard a text is to read: Flesch's reading ease, for languages that have constants for it.

Sources: Flesch, "A New Readability Yardstick" (1948); Amstad (1978) for German; Kandel and Moles
(1958) for French; Fernández Huerta (1959) for Spanish. Syllables are counted as runs of vowels,
which is wrong for about one word in ten, in both directions.
"""

import re
from typing import Final, NamedTuple

from spanglass_detectors.text.sentences import sentences

#: Words below which nothing is said.
FEWEST: Final = 30
_MOST: Final = 20_000
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_VOWELS: Final = re.compile("[aeiouyäöüáéíóúàèìòùâêîôûëïÿœæ]+")
#: Base, factor of words a sentence, factor of syllables a word.
_CONSTANTS: Final = {
    "en": (206.835, 1.015, 84.6), "de": (180.0, 1.0, 58.5), "fr": (207.0, 1.015, 73.6),
    "es": (206.84, 1.02, 60.0),
}  # fmt: skip


class Readability(NamedTuple):
    """How hard a text is to read.

    Attributes:
        ease: Flesch's, about 0 to 100; higher is easier.
        words: how many there are.
        words_a_sentence: on average.
    """

    ease: float
    words: int
    words_a_sentence: float


def readability(text: str, language: str) -> Readability | None:
    """How hard a text is to read; None if it is short or its language has no constants."""
    constants = _CONSTANTS.get(language)
    if constants is None:
        return None
    text = re.sub(r"```.*?(?:```|$)", "\n", text[:_MOST], flags=re.DOTALL)
    listed = _WORD.findall(text)
    if len(listed) < FEWEST:
        return None
    count = max(1, sum(1 for each in sentences(text) if _WORD.search(each)))
    syllables = sum(_syllables(word.lower(), language) for word in listed)
    base, by_sentence, by_word = constants
    a_sentence = len(listed) / count
    ease = base - by_sentence * a_sentence - by_word * syllables / len(listed)
    return Readability(max(-100.0, min(120.0, ease)), len(listed), a_sentence)


def _syllables(word: str, language: str) -> int:
    count = len(_VOWELS.findall(word))
    if language in ("en", "fr") and word.endswith("e") and not word.endswith("le") and count > 1:
        count -= 1
    return max(1, count)
