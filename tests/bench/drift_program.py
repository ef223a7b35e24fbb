"""Another library's drift tests, in a process of its own: run by `bench.drift` in its environment.

    python drift_program.py PEER FOLDER

It imports nothing of the benchmarks. `FOLDER` has arrays as NumPy saves them; it prints a line of
JSON: seconds of CPU by what was measured, shares of draws in which a change was found, and why
something could not be done.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: The level of tests.
ALPHA = 0.01
#: Of the draws of vectors: rows a side.
DRAWN = 500

Found = dict[str, Any]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU of all threads, and what came of it."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def table(folder: Path, side: str) -> dict[str, Any]:
    import numpy as np

    with np.load(folder / f"{side}.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def attempt(found: Found, name: str, work: Callable[[], Any]) -> None:
    """Measures it, or says why it can't be."""
    try:
        found["seconds"][name], said = timed(work)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        found["missing"][name] = lines[0][:160]
        return
    if said is not None:
        found["said"][name] = said


def evidently(folder: Path, found: Found) -> None:
    import numpy as np
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.metric_preset import DataDriftPreset as Old
    from evidently.legacy.metrics import EmbeddingsDriftMetric
    from evidently.legacy.report import Report as OldReport
    from evidently.presets import DataDriftPreset

    sides = [pd.DataFrame(table(folder, name)) for name in ("then", "now")]
    words = [name for name in sides[0] if not name.startswith("number")]
    definition = DataDefinition(
        numerical_columns=[name for name in sides[0] if name not in words],
        categorical_columns=words,
    )

    def report() -> None:
        data = [Dataset.from_pandas(side, data_definition=definition) for side in sides]
        Report([DataDriftPreset()]).run(data[1], data[0]).dict()

    def old_report() -> None:
        OldReport([Old()]).run(reference_data=sides[0], current_data=sides[1])

    # The second time, when everything is loaded, is what is kept.
    for _ in range(2):
        attempt(found, "report", report)
        attempt(found, "report, legacy", old_report)
    from evidently.legacy.calculations.stattests import ks_stat_test, wasserstein_stat_test

    with np.load(folder / "draws.npz") as arrays:
        for name in arrays.files:
            if not name.endswith("/then"):
                continue
            pairs = list(zip(arrays[name], arrays[name[:-4] + "now"], strict=True))
            for test, limit in ((ks_stat_test, ALPHA), (wasserstein_stat_test, 0.1)):
                hits = [test.func(pd.Series(a), pd.Series(b), "num", limit)[1] for a, b in pairs]
                label = "ks" if test is ks_stat_test else "wasserstein > 0.1 (its default)"
                found["rates"].setdefault(label, {})[name[:-5]] = float(np.mean(hits))
    then, now = (np.load(folder / f"vectors-{name}.npy") for name in ("then", "now"))
    names = [f"v{n}" for n in range(then.shape[1])]
    frames = [pd.DataFrame(side, columns=names) for side in (then, now)]
    from evidently.legacy.metrics.data_drift.embedding_drift_methods import mmd, model
    from evidently.legacy.pipeline.column_mapping import ColumnMapping

    mapping = ColumnMapping(embeddings={"all": names})
    for name, method in (("domain classifier (its default)", model()), ("MMD", mmd())):

        def compared(method: Any = method) -> bool:
            asked = OldReport([EmbeddingsDriftMetric("all", drift_method=method)])
            asked.run(reference_data=frames[0], current_data=frames[1], column_mapping=mapping)
            return bool(asked.as_dict()["metrics"][0]["result"]["drift_detected"])

        attempt(found, name, compared)


def alibi_detect(folder: Path, found: Found) -> None:
    import numpy as np
    from alibi_detect.cd import ClassifierDrift, KSDrift, MMDDrift

    then, now = (np.load(folder / f"vectors-{name}.npy") for name in ("then", "now"))

    def classified(a: Any, b: Any) -> bool:
        from sklearn.linear_model import LogisticRegression

        test = ClassifierDrift(
            a, LogisticRegression(max_iter=1000), backend="sklearn", p_val=ALPHA, n_folds=2, seed=0
        )
        return bool(test.predict(b)["data"]["is_drift"])

    def by_column(a: Any, b: Any) -> bool:
        return bool(KSDrift(a, p_val=ALPHA).predict(b)["data"]["is_drift"])

    def kernel(a: Any, b: Any) -> bool:
        test = MMDDrift(a, backend="pytorch", p_val=ALPHA, n_permutations=199, device="cpu")
        return bool(test.predict(b)["data"]["is_drift"])

    tests = {
        "classifier (logistic, 2 folds)": classified, "KS by column, Bonferroni": by_column,
        "MMD (torch), 2,000 rows": lambda a, b: kernel(a[:2000], b[:2000]),
    }  # fmt: skip
    for name, test in tests.items():
        attempt(found, name, lambda test=test: test(then, now))
    with np.load(folder / "vector-draws.npz") as arrays:
        for name in arrays.files:
            if name.endswith("/then"):
                pairs = list(zip(arrays[name], arrays[name[:-4] + "now"], strict=True))
                for label, test in tests.items():
                    if label in found["missing"]:
                        continue
                    hits = [test(a, b) for a, b in pairs]
                    found["rates"].setdefault(label, {})[name[:-5]] = float(np.mean(hits))
    with np.load(folder / "draws.npz") as arrays:
        for name in arrays.files:
            if name.endswith("/then"):
                pairs = list(zip(arrays[name], arrays[name[:-4] + "now"], strict=True))
                hits = [by_column(a[:, None], b[:, None]) for a, b in pairs]
                found["rates"].setdefault("ks", {})[name[:-5]] = float(np.mean(hits))


def main() -> None:
    warnings.simplefilter("ignore")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    peer, folder = sys.argv[1], Path(sys.argv[2])
    found: Found = {"seconds": {}, "said": {}, "rates": {}, "missing": {}}
    {"evidently": evidently, "alibi-detect": alibi_detect}[peer](folder, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
