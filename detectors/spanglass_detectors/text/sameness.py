"""Whether two answers say the same in other words, as far as vectors of words can tell.

Vectors see what a text is about. What they do not see is looked for beside them: its numbers, and
whether it denies. What neither sees: opposites without a word of denial.
"""

import re
from typing import Final

#: Cosine of answers from which on they may be equivalent.
SAME_ANSWER: Final = 0.9
_TOKEN: Final = re.compile(r"\w*\d[\w.:/-]*")
_DENIES: Final = re.compile(
    r"\b(?:no|not|never|none|cannot|without)\b|n['\u2019]t\b", re.IGNORECASE
)


def digits(text: str) -> frozenset[str]:
    """The tokens of a text that have a digit in them: numbers, dates, identities."""
    return frozenset(token.rstrip(".:/-") for token in _TOKEN.findall(text))


def sense(text: str) -> tuple[frozenset[str], bool]:
    """What vectors of words do not see of an answer: its numbers, and whether it denies."""
    return digits(text), bool(_DENIES.search(text))
