"""Random numbers that depend on what they are for and on nothing else."""

from __future__ import annotations

import hashlib
import json
import random


def derived_random(seed: int, *parts: object) -> random.Random:
    """Return a generator that is the same for the same seed and parts, in any process.

    Args:
        seed: The server's seed.
        *parts: What the draws are for; anything JSON can write.
    """
    text = json.dumps([seed, *parts], sort_keys=True, ensure_ascii=False, default=str)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))
