"""Word pieces of BERT's uncased vocabulary.

Source: Devlin et al., "BERT" (2018); Schuster and Nakajima, "Japanese and Korean Voice Search"
(2012): the longest piece that fits, from the left.
"""

import gzip
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

UNKNOWN: Final = 100
START: Final = 101
END: Final = 102
#: Longer words are unknown.
_LONGEST: Final = 100
#: Words whose pieces are remembered.
_KEPT: Final = 50_000
_PIECES: Final = Path(__file__).with_name("wordpieces.txt.gz")
#: Words; signs and characters of East Asia stand alone.
_SPLIT: Final = re.compile(
    "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef]"
    "|[^\\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef]+|[^\\w\\s]|_"
)


@lru_cache(1)
def vocabulary() -> dict[str, int]:
    """The number of each piece; those inside words begin with `##`."""
    lines = gzip.decompress(_PIECES.read_bytes()).decode().splitlines()
    return {piece: number for number, piece in enumerate(lines)}


class WordPieces:
    """Takes texts apart. Words are remembered, since most come again."""

    def __init__(self) -> None:
        self._pieces = vocabulary()
        self._known: dict[str, tuple[int, ...]] = {}

    def ids(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without those of its start and end."""
        if not text.isascii():
            text = _plain(text)
        found: list[int] = []
        known = self._known
        for word in _SPLIT.findall(text.lower()):
            pieces = known.get(word)
            if pieces is None:
                pieces = self._of_word(word)
                if len(known) >= _KEPT:
                    known.clear()
                known[word] = pieces
            found += pieces
        return found

    def _of_word(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST:
            return (UNKNOWN,)
        found = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._pieces.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return (UNKNOWN,)
        return tuple(found)


def _plain(text: str) -> str:
    """Without accents and without characters that nobody sees."""
    return "".join(
        each
        for each in unicodedata.normalize("NFD", text.lower())
        if unicodedata.category(each) not in ("Mn", "Cc", "Cf") or each in "\t\n\r"
    )
