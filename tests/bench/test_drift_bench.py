"""The benchmark of drift runs, and every system gets the same arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import drift
from bench.drift_arrays import vectors
from bench.report import Report


def test_it_prints_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "_STREAMS", 1)
    report = Report(None)
    drift.run(report, tmp_path, rows=400, vector_rows=100, times=4, peers=False)
    assert set(report.figures) == {"drift", "drift_rates", "drift_vector_rates"}
    rates = report.figures["drift_rates"]
    assert all(0 <= share <= 1 for own in rates.values() for share in own.values())


def test_a_change_is_in_the_arrays_and_nothing_else() -> None:
    still, again = vectors(50), vectors(50)
    assert all(np.array_equal(a, b) for a, b in zip(still, again, strict=True))
    turned = vectors(50, change="rotation")
    assert np.array_equal(turned[0], still[0])
    assert not np.allclose(turned[1], still[1])
