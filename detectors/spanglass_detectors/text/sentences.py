"""Sentences, words, stems, numbers and names of a text, by rules that hold for most languages."""

import re
from functools import lru_cache
from typing import Final

#: Longer sentences are cut: nobody reads them as evidence.
_LONGEST: Final = 1_000
#: What ends a sentence: a sign and a space, a sign of East Asia, or the end of a line.
_END: Final = re.compile("(?<=[.!?…])[\"'”’)\\]*_]{0,3}\\s+|(?<=[。！？｡])|\\s*\n\\s*")
#: A sentence does not end behind these.
_ABBREVIATED: Final = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|etc|e\.g|i\.e|z\.B|bzw|ca|approx|Inc|Ltd|Co|Fig)"
    r"|^\W{0,3}\d{1,3})\.$"
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:[.,'\u00a0\u202f]\d+)*")
_NAME: Final = re.compile(r"(?<![.!?:\n\"“]\s)(?<!^)\b[A-Z][\w&-]{2,}\b")
#: Runs that no person wrote: base64, hashes, keys.
_BLOB: Final = re.compile(r"[A-Za-z0-9+/=_-]{120,}")
#: Scripts that put no spaces between words: their characters count as words.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
#: Spelled numbers that texts and their sources mix.
_SPELLED: Final = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20",
    "thirty": "30", "sixty": "60", "ninety": "90", "hundred": "100",
}  # fmt: skip
_STOP: Final = frozenset(
    """a an the and or but if then than that this these those there here of in on at to for from by
    with without about into over under as is are was were be been being am do does did done have
    has had having will would shall should can could may might must i you he she it we they me him
    her us them my your his its our their mine yours who whom whose which what when where why how
    all any both each few more most other some such no nor not only own same so too very just also
    s t ve ll re d m""".split()  # noqa: SIM905
)
_SUFFIXES: Final = (
    ("ations", "ate"), ("ation", "ate"), ("ingly", ""), ("edly", ""), ("ies", "y"), ("ied", "y"),
    ("ings", ""), ("ing", ""), ("ness", ""), ("ment", ""), ("sses", "ss"), ("ers", ""), ("ed", ""),
    ("es", ""), ("ly", ""), ("er", ""), ("s", ""), ("e", ""),
)  # fmt: skip


def without_blobs(text: str) -> str:
    """A text without runs of characters that nobody wrote, like images in base64."""
    return _BLOB.sub(" ", text)


def sentences(text: str, most: int = 1_000) -> list[str]:
    """A text's sentences, in order; lines are sentences, too.

    Args:
        text: any.
        most: how many at most.
    """
    found: list[str] = []
    held = ""
    for piece in _END.split(text):
        piece = f"{held} {piece}".strip() if held else piece.strip()
        held = ""
        if not piece:
            continue
        if len(piece) < _LONGEST and _ABBREVIATED.search(piece):
            held = piece
            continue
        found.append(piece[:_LONGEST])
        if len(found) >= most:
            return found
    if held:
        found.append(held[:_LONGEST])
    return found


def words(text: str) -> list[str]:
    """A text's words in lower case; characters where a script puts no spaces between words."""
    if text.isascii():
        return _WORD.findall(text.lower())
    found: list[str] = []
    for word in _WORD.findall(text):
        if word.isascii() or not _UNSPACED.search(word):
            found.append(word.casefold())
        else:
            found += word
    return found


@lru_cache(1 << 16)
def stem(word: str) -> str:
    """A word without its English ending, as far as a short list of endings tells."""
    word = word.partition("'")[0].partition("’")[0]
    if len(word) > 3 and word.isascii():
        for ending, instead in _SUFFIXES:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                root = word[: -len(ending)] + instead
                if ending in ("ing", "ed", "er") and root[-1] == root[-2] and root[-1] not in "ls":
                    root = root[:-1]
                return root.removesuffix("e") if len(root) > 3 else root
    return word


def stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [stem(_SPELLED.get(word, word)) for word in words(text) if word not in _STOP]


def numbers(text: str) -> set[str]:
    """Numbers in a text in one form: `1,200.50` and `1200.5` are the same, as are `two` and `2`."""
    found = {_plain(each) for each in _NUMBER.findall(text)}
    found |= {_SPELLED[word] for word in words(text) if word in _SPELLED and word != "one"}
    return found


def _plain(number: str) -> str:
    number = re.sub("['\u00a0\u202f]", "", number)
    # The last sign is the decimal one, unless three digits follow and it is not alone.
    whole, sign, rest = number.rpartition("," if number.rfind(",") > number.rfind(".") else ".")
    if not sign or (len(rest) == 3 and (sign == "," or re.search("[.,]", whole))):
        return re.sub("[.,]", "", number).lstrip("0") or "0"
    whole = re.sub("[.,]", "", whole).lstrip("0") or "0"
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def names(text: str) -> set[str]:
    """Words that are written large inside a sentence; none in languages that write nouns so."""
    found = _NAME.findall(text)
    return set(found) if len(found) <= max(4, len(text.split()) // 3) else set()
