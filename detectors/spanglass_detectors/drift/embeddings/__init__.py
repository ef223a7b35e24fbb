"""Drift of vectors: arrays in, one small result out.

    from spanglass_detectors.drift.embeddings import hotelling

    print(hotelling(last_week, today))

`hotelling` is the default; `mmd_features` is for volume, too; `mmd` and `energy` are exact and take
up to 2,000 rows a side; `classifier` says where windows differ, `frechet` whether centre or spread
moved, `novelty` which rows are like nothing before.
"""

from spanglass_detectors.drift.embeddings.classifier import classifier
from spanglass_detectors.drift.embeddings.distances import energy, frechet
from spanglass_detectors.drift.embeddings.hotelling import hotelling
from spanglass_detectors.drift.embeddings.kernels import VectorResult
from spanglass_detectors.drift.embeddings.mmd import mmd, mmd_features
from spanglass_detectors.drift.embeddings.novelty import novelty, region_terms

__all__ = [
    "VectorResult",
    "classifier",
    "energy",
    "frechet",
    "hotelling",
    "mmd",
    "mmd_features",
    "novelty",
    "region_terms",
]
