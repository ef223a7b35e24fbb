"""Words of a text, reduced so that 'returned', 'Returns' and 'returning' are one word."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")

_SMALL_WORDS = """
    a about after again all also am an and any are as at be because been before being but by can
    cannot could did do does doing for from get got had has have having he her here hers him his
    how i i'm i've if in into is it it's its just let like may me might more most my need no not
    now of off on once one only or our out over please same she should so some such tell than
    that the their them then there these they this those to too under until up us use very want
    was we were what what's when where which while who whom why will with would you your yours
"""
STOP_WORDS = frozenset(_SMALL_WORDS.split())

# People ask in other words than the help centre's. Keys and values are stems.
_SAME_IDEA = {
    "deliver": "ship",
    "delivery": "ship",
    "dispatch": "ship",
    "parcel": "ship",
    "packag": "ship",
    "courier": "ship",
    "carrier": "ship",
    "post": "ship",
    "postag": "ship",
    "arriv": "ship",
    "fix": "repair",
    "mend": "repair",
    "workshop": "repair",
    "resol": "repair",
    "broken": "damag",
    "break": "damag",
    "brok": "damag",
    "defect": "damag",
    "fault": "damag",
    "faulty": "damag",
    "torn": "damag",
    "tear": "damag",
    "rip": "damag",
    "leak": "damag",
    "swap": "exchang",
    "money": "refund",
    "reimburs": "refund",
    "guarante": "warranty",
    "claim": "warranty",
    "fit": "siz",
    "measur": "siz",
    "measurement": "siz",
    "small": "siz",
    "larg": "siz",
    "loyalty": "member",
    "membership": "member",
    "reward": "member",
    "club": "member",
    "point": "member",
    "abroad": "international",
    "foreign": "international",
    "overse": "international",
    "country": "international",
    "custom": "international",
    "fee": "cost",
    "pric": "cost",
    "charg": "cost",
    "much": "cost",
    "expensiv": "cost",
    "payment": "pay",
    "paid": "pay",
    "instalment": "pay",
    "invoic": "pay",
    "rental": "rent",
    "hir": "rent",
    "borrow": "rent",
    "clos": "hour",
    "open": "hour",
    "shop": "stor",
    "clean": "wash",
    "reproof": "wash",
    "car": "wash",
    "dry": "wash",
    "sho": "boot",
    "footwear": "boot",
    "sneaker": "boot",
    "coat": "jacket",
    "shell": "jacket",
    "expir": "valid",
    "long": "tim",
    "day": "tim",
    "week": "tim",
    "fast": "tim",
    "quick": "tim",
}


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Return the stem of one lower-case word, or the idea it stands for."""
    root = word.removesuffix("'s")
    if root.endswith("ies") and len(root) > 4:
        root = root[:-3] + "y"
    elif root.endswith("s") and not root.endswith("ss") and len(root) > 3:
        root = root[:-1]
    for ending in ("ing", "ed"):
        if root.endswith(ending) and len(root) - len(ending) >= 3:
            root = root.removesuffix(ending)
            if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls":
                root = root[:-1]
            break
    if root.endswith("e") and len(root) > 3:
        root = root[:-1]
    return _SAME_IDEA.get(root, root)


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, in order."""
    return _WORD.findall(text.lower())


def stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """Split a text at sentence ends and line breaks; empty pieces are dropped."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]
