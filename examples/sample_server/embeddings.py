"""Vectors for texts, by hashing: no weights, and similar texts still come out close."""

from __future__ import annotations

import array
import base64
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .words import STOP_WORDS, stem, words

# Every feature touches each of these bands once, with energy in proportion to the band's width.
# So the first n numbers of a long vector are a fair, shorter vector of the same text, which is
# what a client that asks for fewer dimensions expects.
_BANDS = ((0, 64), (64, 128), (128, 256), (256, 512), (512, 1024), (1024, 2048), (2048, 3072))

_STOP_WEIGHT = 0.1
_STEM_WEIGHT = 1.0
_PAIR_WEIGHT = 0.4
_PART_WEIGHT = 0.15


def embed(text: str, dimensions: int) -> list[float]:
    """Return the unit vector of a text.

    Texts that share words, pairs of words or parts of words have a high cosine.

    Args:
        text: Any text.
        dimensions: Length of the vector, 1 to 3072.
    """
    return _vector(_features(text), dimensions)


def embed_tokens(token_ids: Sequence[int], dimensions: int) -> list[float]:
    """Return the unit vector of a text that the client has turned into token ids."""
    counts = Counter(token_ids)
    return _vector(((f"id:{token}", 1 + math.log(n)) for token, n in counts.items()), dimensions)


def to_base64(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _features(text: str) -> Iterable[tuple[str, float]]:
    counts: Counter[str] = Counter()
    weights: dict[str, float] = {}
    previous = ""
    for word in words(text):
        if word in STOP_WORDS:
            key, weight = f"s:{word}", _STOP_WEIGHT
            counts[key] += 1
            weights[key] = weight
            continue
        root = stem(word)
        found = [(f"w:{root}", _STEM_WEIGHT)]
        if previous:
            found.append((f"p:{previous} {root}", _PAIR_WEIGHT))
        padded = f"^{word}$"
        found.extend((f"c:{padded[i : i + 4]}", _PART_WEIGHT) for i in range(len(padded) - 3))
        for key, weight in found:
            counts[key] += 1
            weights[key] = weight
        previous = root
    if not counts:
        return [(f"t:{text}", 1.0)]
    return [(key, weights[key] * (1 + math.log(n))) for key, n in counts.items()]


def _vector(features: Iterable[tuple[str, float]], dimensions: int) -> list[float]:
    values = array.array("d", bytes(8 * dimensions))
    for key, weight in features:
        for position, sign in _places(key):
            if position >= dimensions:
                break
            values[position] += weight * sign
    length = math.sqrt(sum(value * value for value in values))
    if length == 0.0:
        # Everything fell outside a very short vector, or cancelled out.
        values[0] = length = 1.0
    # As 32-bit floats, so that both encodings give a client the same numbers.
    return array.array("f", (value / length for value in values)).tolist()


@lru_cache(maxsize=32768)
def _places(key: str) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    places = []
    for (low, high), number in zip(_BANDS, struct.unpack("<8I", digest), strict=False):
        sign = math.sqrt(high - low) * (1.0 if number & 1 else -1.0)
        places.append((low + (number >> 1) % (high - low), sign))
    return tuple(places)
