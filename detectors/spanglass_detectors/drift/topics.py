"""Topics: groups of texts, learned on a reference, named by their words, and kept from then on.

    from spanglass_detectors.drift.topics import assigned, learn_topics

    topics = learn_topics(vectors, texts)
    which, distances = assigned(topics, vectors_of_today)

A text is of the topic whose centre is nearest, or of none if that is farther than nearly all of the
reference was. What is of none and alike becomes a topic of its own.

Source: Dhillon and Modha, Concept Decompositions for Large Sparse Text Data (2001), for k-means on
directions; names by `region_terms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.embeddings.kernels import Vectors
from spanglass_detectors.drift.embeddings.novelty import region_terms
from spanglass_detectors.embedding.wordpiece import vocabulary

#: What a text of no topic is counted as.
NONE: Final = "(unlike any topic)"
#: Texts that a reference needs.
LEAST: Final = 150
#: Texts that a new topic needs, and the share of all that it has to be.
NEW_LEAST: Final = 20
NEW_SHARE: Final = 0.03
#: Texts of a topic, and the share of all that it has to be.
_LEAST_OF_TOPIC: Final = 5
_LEAST_SHARE: Final = 0.01
#: Groups that are begun with, and rounds.
_MOST: Final = 24
_ROUNDS: Final = 25
#: Cosine of centres from which two groups are one, and at which a topic is the one of before.
_ALIKE: Final = 0.6
#: The share of a reference that is farther than what counts as near.
_FAR: Final = 0.01
#: A word names a topic if so many of its texts, and this share of them, have it.
_TEXTS: Final = 5
_SHARE: Final = 0.1
_WORDS: Final = 3
#: The most frequent words of English, which name nothing: places in the vocabulary.
_FREQUENT: Final = range(1996, 2596)
_TERMS: Final = 8


@dataclass(frozen=True)
class Topic:
    """A group of texts.

    Attributes:
        name: its first words; told apart from other topics, and the same from then on.
        terms: words that are commoner in it than elsewhere, the most telling first.
        centre: its direction, of length one.
    """

    name: str
    terms: tuple[str, ...]
    centre: NDArray[np.float32]


@dataclass(frozen=True)
class Topics:
    """What a reference is about.

    Attributes:
        topics: the largest first; those that came later are last.
        limit: the cosine distance from the nearest centre beyond which a text is of none.
    """

    topics: tuple[Topic, ...]
    limit: float

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.topics]


def learn_topics(
    vectors: Vectors,
    texts: Sequence[str],
    *,
    authors: Sequence[str] | None = None,
    before: Topics | None = None,
    most: int = _MOST,
) -> Topics | None:
    """The topics of a reference; None where it has too few texts.

    Args:
        vectors: a row a text, of length one; a row of zeros is a text without words.
        texts: as many.
        authors: who wrote each, or in which conversation: a word that fewer than five wrote names
            no topic. Each text is another's unless given.
        before: topics of an earlier reference: one that is there again keeps its name.
        most: topics.

    Raises:
        ValueError: if there are not as many texts as vectors.
    """
    if len(vectors) != len(texts):
        raise ValueError(f"{len(vectors)} vectors do not fit {len(texts)} texts")
    kept = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 0.5)
    if len(kept) < LEAST:
        return None
    rows, words = np.asarray(vectors[kept], np.float32), [texts[n] for n in kept.tolist()]
    by = _writers(texts, authors)[kept]
    centres = _grouped(rows[::2], most)
    # What was not learned from says how far a text usually is.
    limit = float(np.quantile(1 - (rows[1::2] @ centres.T).max(axis=1), 1 - _FAR))
    which = (rows @ centres.T).argmax(axis=1)
    sizes = np.bincount(which, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    known = list(before.topics) if before is not None else []
    taken = {each.name for each in known}
    found: list[Topic] = []
    for n in order.tolist():
        same = _same(centres[n], known)
        if same is not None:
            known.remove(same)
            found.append(replace(same, centre=centres[n]))
            continue
        terms = _terms(words, np.flatnonzero(which == n), by)
        name = _name(terms, taken)
        taken.add(name)
        found.append(Topic(name, tuple(terms), centres[n]))
    return Topics(tuple(found), limit)


def assigned(topics: Topics, vectors: Vectors) -> tuple[list[str], NDArray[np.float64]]:
    """Each text's topic by name, or `NONE`, and its cosine distance from the nearest.

    A text without words has neither: its name is empty and its distance NaN.
    """
    rows = np.asarray(vectors, np.float32)
    if not len(rows):
        return [], np.empty(0)
    likeness = rows @ np.stack([each.centre for each in topics.topics]).T
    which, distances = likeness.argmax(axis=1), 1 - likeness.max(axis=1).astype(float)
    is_text = np.linalg.norm(rows, axis=1) > 0.5
    distances[~is_text] = np.nan
    names = topics.names
    return [
        "" if not is_there else names[n] if distance <= topics.limit else NONE
        for n, distance, is_there in zip(which.tolist(), distances, is_text, strict=True)
    ], distances


def new_topic(
    topics: Topics,
    vectors: Vectors,
    texts: Sequence[str],
    *,
    authors: Sequence[str] | None = None,
    share: float = NEW_SHARE,
    least: int = NEW_LEAST,
) -> Topic | None:
    """The largest group of texts that are of no topic and alike; None if there is none.

    Args:
        topics: those that are known.
        vectors: a row a text of now.
        texts: as many.
        authors: as `learn_topics` takes them.
        share: of all texts that the group has to be.
        least: texts of it.
    """
    names, _ = assigned(topics, vectors)
    places = np.array([n for n, name in enumerate(names) if name == NONE], dtype=int)
    needed = max(least, share * sum(name != "" for name in names))
    if len(places) < needed:
        return None
    rows = np.asarray(vectors[places], np.float32)
    centres = _grouped(rows, max(2, min(8, len(rows) // least)))
    likeness = rows @ centres.T
    which = likeness.argmax(axis=1)
    # A group is as narrow as a topic, or it is only what is left over.
    is_near = 1 - likeness.max(axis=1) <= topics.limit
    sizes = np.bincount(which[is_near], minlength=len(centres))
    biggest = int(sizes.argmax())
    if sizes[biggest] < needed:
        return None
    terms = _terms(texts, places[(which == biggest) & is_near], _writers(texts, authors))
    return Topic(_name(terms, set(topics.names)), tuple(terms), centres[biggest])


def _grouped(rows: Vectors, most: int) -> Vectors:
    """Centres of groups: k-means on directions from far-apart rows, then like groups together."""
    count = max(1, min(most, len(rows) // (2 * _LEAST_OF_TOPIC)))
    # Each next one is the row that is farthest from those before: no chance is needed.
    first = int((rows @ rows.mean(axis=0)).argmax())
    centres, nearest = [rows[first]], rows @ rows[first]
    while len(centres) < count:
        far = int(nearest.argmin())
        centres.append(rows[far])
        nearest = np.maximum(nearest, rows @ rows[far])
    found = np.stack(centres)
    which = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        now = (rows @ found.T).argmax(axis=1)
        if (now == which).all():
            break
        which = now
        found, which = _centres(rows, which)
    return _merged(rows, found, which)


def _centres(rows: Vectors, which: NDArray[np.int64]) -> tuple[Vectors, NDArray[np.int64]]:
    """Directions of groups; empty ones are gone."""
    labels, which = np.unique(which, return_inverse=True)
    sums = np.zeros((len(labels), rows.shape[1]), np.float32)
    np.add.at(sums, which, rows)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), which


def _merged(rows: Vectors, centres: Vectors, which: NDArray[np.int64]) -> Vectors:
    """The same with groups that are alike, or too small, taken together with the nearest."""
    least = max(_LEAST_OF_TOPIC, _LEAST_SHARE * len(rows))
    while len(centres) > 1:
        sizes = np.bincount(which, minlength=len(centres))
        likeness = centres @ centres.T
        np.fill_diagonal(likeness, -2.0)
        small = int(sizes.argmin())
        if sizes[small] < least:
            one, other = small, int(likeness[small].argmax())
        else:
            one, other = divmod(int(likeness.argmax()), len(centres))
            if likeness[one, other] < _ALIKE:
                break
        which = np.where(which == one, other, which)
        centres, which = _centres(rows, which)
    return centres


def _same(centre: Vectors, known: Sequence[Topic]) -> Topic | None:
    """The topic of before that this one is."""
    if not known:
        return None
    likeness = np.stack([each.centre for each in known]) @ centre
    best = int(likeness.argmax())
    return known[best] if likeness[best] >= _ALIKE else None


def _writers(texts: Sequence[str], authors: Sequence[str] | None) -> NDArray[np.int64]:
    """A number for each text's author."""
    if authors is None:
        return np.arange(len(texts))
    return np.unique(np.asarray(authors, dtype=str), return_inverse=True)[1]


def _terms(texts: Sequence[str], inside: NDArray[np.int64], by: NDArray[np.int64]) -> list[str]:
    """Words that many wrote in a group: what few wrote names nothing, and nobody."""
    if len(inside) == len(texts):
        # Nothing is beside it that it could be told from.
        return []
    needed, frequent = max(_TEXTS, _SHARE * len(inside)), vocabulary()
    own = [texts[n].lower() for n in inside]
    found = []
    for word in region_terms(texts, inside.tolist(), most=4 * _TERMS):
        if len(word) <= 2 or frequent.get(word, 0) in _FREQUENT:
            continue
        where = [n for n, text in zip(inside.tolist(), own, strict=True) if word in text]
        if len(where) >= needed and len(np.unique(by[where])) >= _TEXTS:
            found.append(word)
    return found[:_TERMS]


def _name(terms: Sequence[str], taken: set[str]) -> str:
    name = ", ".join(terms[:_WORDS]) or "everything"
    if name not in taken:
        return name
    return next(f"{name} {n}" for n in range(2, len(taken) + 3) if f"{name} {n}" not in taken)
