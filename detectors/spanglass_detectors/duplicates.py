"""Texts that are nearly the same, found without comparing each with each; splits that keep them
together.

Words are compared: the share of runs of three words that two texts have in common (Jaccard). Pairs
are candidates when a band of their MinHash signatures is equal: of pairs that share 0.8, all but
two in ten thousand are found, of 0.7 all but some in a hundred. A paraphrase shares few runs: for
those give vectors.

Sources: A. Z. Broder, "On the resemblance and containment of documents" (1997); J. Leskovec,
A. Rajaraman and J. D. Ullman, "Mining of Massive Datasets" (2014), section 3.4, for the bands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

#: Characters of a text that are read.
MOST_CHARS: Final = 20_000
#: Pairs that are looked for; beyond, a text is the duplicate of nearly everything.
MOST_PAIRS: Final = 100_000
#: Texts that are compared by vectors: the work grows with their square.
MOST_VECTORS: Final = 20_000
_WORD: Final = re.compile(r"\w+")
_RUN: Final = 3
_BANDS: Final = 16
_ROWS: Final = 4
#: Of texts that share a band, each is compared with so many at most.
_BUCKET: Final = 50
_PRIME: Final = np.uint64((1 << 61) - 1)
_BLOCK: Final = 1024


@dataclass(frozen=True)
class Pair:
    """Two texts that are nearly the same.

    Attributes:
        first: place of one of them.
        second: place of the other, behind it.
        similarity: from 0 to 1: the share of common runs of words, or the cosine of vectors.
        by: `text` where they are the same but for case and signs, `words`, or `vectors`.
    """

    first: int
    second: int
    similarity: float
    by: Literal["text", "words", "vectors"]


def near_duplicates(
    texts: Sequence[str],
    threshold: float = 0.8,
    vectors: NDArray[Any] | None = None,
    vector_threshold: float = 0.93,
) -> list[Pair]:
    """Pairs of texts that are nearly the same, by the place of the first.

    Of texts that are the same, each is paired with the first of them alone.

    Args:
        texts: what to compare.
        threshold: least share of common runs of three words.
        vectors: a row of unit length for each text, to find paraphrases, too.
        vector_threshold: least cosine of two rows.

    Raises:
        ValueError: if a threshold is not above 0 and at most 1, or there are too many vectors.
    """
    if not (0 < threshold <= 1 and 0 < vector_threshold <= 1):
        raise ValueError("a threshold is above 0 and at most 1")
    if vectors is not None and len(vectors) > MOST_VECTORS:
        raise ValueError(f"{len(vectors):,} vectors; {MOST_VECTORS:,} are the most")
    words = [_words(text) for text in texts]
    first_of: dict[tuple[str, ...], int] = {}
    found: dict[tuple[int, int], Pair] = {}
    unique: list[int] = []
    for place, each in enumerate(words):
        first = first_of.setdefault(each, place)
        if first != place and each:
            found[first, place] = Pair(first, place, 1.0, "text")
        elif each:
            unique.append(place)
    runs = {place: _runs(words[place]) for place in unique}
    for a, b in _candidates(runs):
        if len(found) >= MOST_PAIRS:
            break
        share = len(runs[a] & runs[b]) / len(runs[a] | runs[b])
        if share >= threshold:
            found[a, b] = Pair(a, b, round(share, 4), "words")
    if vectors is not None:
        for a, b, cosine in _close(vectors[unique], vector_threshold):
            key = unique[a], unique[b]
            if len(found) >= MOST_PAIRS:
                break
            found.setdefault(key, Pair(*key, round(min(cosine, 1.0), 4), "vectors"))
    return [found[key] for key in sorted(found)]


def groups(count: int, pairs: Sequence[Pair]) -> list[int]:
    """For each of so many texts the place of the first one that it hangs together with."""
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for pair in pairs:
        a, b = sorted((root(pair.first), root(pair.second)))
        parent[b] = a
    return [root(place) for place in range(count)]


def assigned(keys: Sequence[str], group: Sequence[int], shares: Mapping[str, float]) -> list[str]:
    """A split for each item, by a hash: the same item always gets the same one.

    Args:
        keys: the items' ids.
        group: as `groups` gives them: what hangs together stays together.
        shares: of each split; they are brought to a sum of 1.

    Raises:
        ValueError: if there are no shares, or one is not above 0.
    """
    if not shares or any(not 0 < each < float("inf") for each in shares.values()):
        raise ValueError("shares are above 0: train=0.8 test=0.2")
    total = sum(shares.values())
    names = list(shares)
    ends = np.cumsum([each / total for each in shares.values()])
    # Who is first of a group may change when items come; the least id of it does not as easily.
    leader: dict[int, str] = {}
    for key, of in zip(keys, group, strict=True):
        leader[of] = min(key, leader.get(of, key))
    found = []
    for of in group:
        digest = hashlib.sha256(leader[of].encode()).digest()
        place = int.from_bytes(digest[:8], "big") / (1 << 64)
        found.append(names[min(int(np.searchsorted(ends, place, "right")), len(names) - 1)])
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text[:MOST_CHARS]).casefold()))


def _runs(words: tuple[str, ...]) -> frozenset[int]:
    count = max(1, len(words) - _RUN + 1)
    return frozenset(
        zlib.crc32("\0".join(words[at : at + _RUN]).encode("utf-8", "replace"))
        for at in range(count)
    )


def _candidates(runs: Mapping[int, frozenset[int]]) -> Iterator[tuple[int, int]]:
    """Pairs whose signatures have a band in common."""
    rng = np.random.default_rng(20_260)
    size = _BANDS * _ROWS
    # The product has to stay below 2^64: numbers of 32 and 31 bits.
    factors = rng.integers(1, 1 << 31, size, dtype=np.uint64)
    offsets = rng.integers(0, 1 << 31, size, dtype=np.uint64)
    buckets: dict[tuple[int, bytes], list[int]] = {}
    seen: set[tuple[int, int]] = set()
    for place, each in runs.items():
        hashes = np.fromiter(each, np.uint64, len(each))
        signature = ((hashes[:, None] * factors + offsets) % _PRIME).min(axis=0)
        # The low bits of a linear hash are poor.
        rows = (signature >> np.uint64(7)).reshape(_BANDS, _ROWS)
        for band in range(_BANDS):
            bucket = buckets.setdefault((band, rows[band].tobytes()), [])
            for other in bucket:
                pair = other, place
                if pair not in seen:
                    if len(seen) < 10 * MOST_PAIRS:
                        seen.add(pair)
                    yield pair
            if len(bucket) < _BUCKET:
                bucket.append(place)


def _close(vectors: NDArray[Any], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs of rows with a large cosine, block by block."""
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors.T
        for a, b in np.argwhere(cosines >= threshold):
            if start + a < b:
                yield int(start + a), int(b), float(cosines[a, b])
