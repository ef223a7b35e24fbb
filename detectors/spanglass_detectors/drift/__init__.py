"""Drift and change: pure functions over arrays, for jobs, commands and notebooks.

    from spanglass_detectors.drift import compare

    print(compare(last_week, today, metric="output_tokens"))

numeric.py, categorical.py   tests by name
bins.py, effects.py          counts of values; how large a change is
blocks.py                    values that resemble each other
compare.py, results.py       two windows in, one result out
many.py, persistence.py      many tests, and tests that never end
streaming.py, change_point.py, seasonal.py   change in a series over time
conversations.py             questions asked again, conversations given up
segments.py                  which part of the traffic explains it
embeddings/                  the same for vectors
"""

from spanglass_detectors.drift.compare import (
    DEFAULT_TESTS,
    THRESHOLDS,
    compare,
    compare_counts,
    compare_numbers,
)
from spanglass_detectors.drift.many import (
    EProcess,
    OnlineFdr,
    benjamini_hochberg,
    e_benjamini_hochberg,
    judge,
)
from spanglass_detectors.drift.persistence import Persistence
from spanglass_detectors.drift.results import Distribution, DriftResult, Kind, Verdict

__all__ = [
    "DEFAULT_TESTS",
    "THRESHOLDS",
    "Distribution",
    "DriftResult",
    "EProcess",
    "Kind",
    "OnlineFdr",
    "Persistence",
    "Verdict",
    "benjamini_hochberg",
    "compare",
    "compare_counts",
    "compare_numbers",
    "e_benjamini_hochberg",
    "judge",
]
