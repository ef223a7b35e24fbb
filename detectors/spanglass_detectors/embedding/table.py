"""Static vectors: one for each word piece, made by MiniLM when the piece is first met.

A text's vector is the weighted mean of its pieces', so that thousands of texts a second can be
compared on one core. The model is asked once for each piece on a machine; then the piece is in a
file, and the model is let go. What it can't see: the order of words, negation, and meanings that
depend on a word's neighbours.

Source: Tulkens and van Dongen, "Model2Vec" (2024); Arora et al., "A Simple but Tough-to-Beat
Baseline for Sentence Embeddings" (2017), for the weights and the mean that is taken off.
"""

import contextlib
import fcntl
import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.embedding.minilm import DIMENSIONS, MiniLm, missing_packages, normalised
from spanglass_detectors.embedding.wordpiece import UNKNOWN, WordPieces, vocabulary

#: Of the file's name; another way of making vectors gets another file.
_VERSION: Final = 1
#: Pieces whose mean is taken off every vector: the most frequent words.
_COMMON: Final = range(1996, 2496)
_AT_ONCE: Final = 64
#: Texts whose vectors are remembered: documents come again and again.
_KEPT: Final = 4_096
#: Word pieces of a text that are read.
_MOST: Final = 2_048
_SMOOTH: Final = 1e-3
#: Rounds without a new piece after which the model is let go.
_IDLE_ROUNDS: Final = 200

_ROW: Final = np.dtype([("id", "<u4"), ("vector", "<f2", (DIMENSIONS,))])


class StaticTable:
    """Makes vectors of texts, fast.

    Args:
        folder: where pieces are kept from one process to the next; None for nowhere.

    Raises:
        ImportError: if the model is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if missing_packages():
            raise ImportError(
                f"{', '.join(missing_packages())} is missing: pip install 'spanglass[detectors]'"
            )
        self._pieces = WordPieces()
        size = len(vocabulary())
        self._vectors = np.zeros((size, DIMENSIONS), np.float16)
        self._is_known = np.zeros(size, bool)
        self._weights = _weights(size)
        # Nothing is meant by a word that is not known.
        self._weights[UNKNOWN] = 0
        self._model: MiniLm | None = None
        self._idle = 0
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._path = folder / f"minilm-pieces-{_VERSION}.rows" if folder is not None else None
        self._load()
        self._learn(np.array(_COMMON))
        self._mean = self._vectors[list(_COMMON)].astype(np.float32).mean(axis=0)

    @property
    def pieces_known(self) -> int:
        """Word pieces that have a vector by now."""
        return int(self._is_known.sum())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, a row each; zeros for a text without words."""
        found = np.zeros((len(texts), DIMENSIONS), np.float32)
        new: list[tuple[int, bytes, NDArray[np.int64]]] = []
        for n, text in enumerate(texts):
            key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                found[n] = kept
            else:
                ids = self._pieces.ids(text[: 8 * _MOST])[:_MOST]
                new.append((n, key, np.array(ids, np.int64)))
        if not new:
            return found
        self._learn(np.unique(np.concatenate([ids for _, _, ids in new])))
        for n, _, pieces in new:
            if len(pieces):
                weights = self._weights[pieces]
                total = weights @ self._vectors[pieces].astype(np.float32)
                found[n] = total - weights.sum() * self._mean
        rows = [n for n, _, _ in new]
        found[rows] = normalised(found[rows])
        for n, key, _ in new:
            self._kept[key] = found[n]
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def _learn(self, ids: NDArray[np.int64]) -> None:
        """Has the model make the vectors of pieces that have none."""
        new = ids[~self._is_known[ids]]
        if not len(new):
            self._idle += 1
            if self._idle > _IDLE_ROUNDS:
                self._model = None
            return
        self._idle = 0
        if self._model is None:
            self._model = MiniLm()
        for at in range(0, len(new), _AT_ONCE):
            some = new[at : at + _AT_ONCE]
            self._vectors[some] = self._model.of_ids([[int(each)] for each in some])
            self._is_known[some] = True
        self._save(new)

    def _load(self) -> None:
        """Reads what is kept; what a process left half written is not read."""
        if self._path is None or not self._path.exists():
            return
        size = self._path.stat().st_size // _ROW.itemsize
        rows = np.fromfile(self._path, _ROW, count=size)
        rows = rows[(rows["id"] < len(self._is_known)) & np.isfinite(rows["vector"]).all(axis=1)]
        self._vectors[rows["id"]] = rows["vector"]
        self._is_known[rows["id"]] = True

    def _save(self, ids: NDArray[np.int64]) -> None:
        if self._path is None:
            return
        rows = np.zeros(len(ids), _ROW)
        rows["id"], rows["vector"] = ids, self._vectors[ids]
        # A disk that is full costs time at the next start, and nothing else.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Behind whole rows: another process may have been killed while it wrote.
                end = os.fstat(file.fileno()).st_size
                os.ftruncate(file.fileno(), end - end % _ROW.itemsize)
                file.write(rows.tobytes())


def _weights(size: int) -> NDArray[np.float32]:
    """Weights by frequency, which falls with the number of a piece (Zipf's law)."""
    ranks = np.arange(size) - _COMMON.start + 2
    shares = 1 / np.maximum(ranks, 2)
    shares /= shares[_COMMON.start :].sum()
    return np.asarray(_SMOOTH / (_SMOOTH + shares), np.float32)
