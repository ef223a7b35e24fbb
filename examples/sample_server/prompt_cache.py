"""Which part of a prompt a model has read before."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

BLOCK_TOKENS = 32
"""Prefixes are remembered in blocks of this many tokens.

Hosted services use longer blocks and a minimum of 1,024 tokens; the prompts here are short, and
cached tokens should be seen all the same.
"""


class PromptCache:
    """Remembers the prefixes of recent prompts.

    Args:
        blocks: Blocks kept; the one unused for longest goes first.
    """

    def __init__(self, blocks: int = 8192) -> None:
        self._limit = blocks
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def read(self, model: str, prompt: Sequence[str]) -> int:
        """Note that a model reads a prompt.

        Returns:
            How many tokens at its beginning were read before; always fewer than the prompt has.
        """
        cached = 0
        unbroken = True
        digest = hashlib.blake2b(model.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        # The last block is left out: a model must read at least one token to answer.
        for start in range(0, len(prompt) - BLOCK_TOKENS, BLOCK_TOKENS):
            block = "\0".join(prompt[start : start + BLOCK_TOKENS]).encode("utf-8")
            digest = hashlib.blake2b(digest + block, digest_size=16).digest()
            if digest in self._seen:
                self._seen.move_to_end(digest)
                if unbroken:
                    cached += BLOCK_TOKENS
            else:
                unbroken = False
                self._seen[digest] = None
        while len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        return cached
