"""Text to tokens and back: a stand-in for a model's tokenizer."""

from __future__ import annotations

import re

# Like a byte-pair tokenizer: a word keeps the space before it, digits come in threes and a
# long word falls apart.
_TOKEN = re.compile(r" ?[^\W\d_]{1,7}|\d{1,3}|\s+|.", re.DOTALL)

TOKENS_PER_MESSAGE = 3
"""Tokens that a chat format spends on the frame of each message."""

TOKENS_FOR_REPLY = 3
"""Tokens that open the assistant's turn."""


def split(text: str) -> list[str]:
    """Split a text into tokens; joining them gives the text back unchanged."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Return the number of tokens in a text."""
    return len(split(text))
