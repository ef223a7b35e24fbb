"""Drift: how fast windows are compared, how often that is wrong, and what it finds.

Every system gets the same arrays. Peers are in environments of their own, below `.bench/peers`;
where one does not install, the numbers of scipy and NumPy are the limit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from bench.drift_arrays import CHANGES, STILL, Array, Pair, columns, draws, vectors
from bench.drift_program import ALPHA, DRAWN
from bench.report import Report
from bench.sdk_peers import PLACE, output, peer
from spanglass_detectors.drift import compare
from spanglass_detectors.drift.embeddings import classifier, hotelling, mmd_features
from spanglass_detectors.drift.numeric import kolmogorov_smirnov, mann_whitney, smooth
from spanglass_detectors.drift.streaming import Adwin, Cusum, PageHinkley
from support.pii_accuracy import wilson

#: A peer, and what its environment needs beside it to work.
_PEERS: Final[Mapping[str, tuple[str, ...]]] = {"evidently": ("pandas<3",), "alibi-detect": ()}
_PROGRAM: Final = Path(__file__).with_name("drift_program.py")
_INSTALL_S: Final = 600
_PEER_S: Final = 900
#: Sizes of the draws: then and now.
_STILL_SIZES: Final = (300, 100)
_POWER_SIZES: Final = (3_000, 500)
_STREAMS: Final = 20


def run(
    report: Report, work: Path, *, rows: int, vector_rows: int, times: int, peers: bool
) -> None:
    """Prints speed, false alarms, power and delay.

    Args:
        report: where to.
        work: a folder for the arrays.
        rows: values of a column, then and now each.
        vector_rows: vectors, then and now each.
        times: draws of a simulation.
        peers: whether others are measured beside.
    """
    folder = work / "drift"
    folder.mkdir(parents=True, exist_ok=True)
    then, now = columns(rows, 20)
    known, current = vectors(vector_rows, change="rotation")
    simulated = _simulated(times)
    few = max(4, times // 8)
    drawn = {
        name or "no change": [vectors(DRAWN, change=name, which=n) for n in range(few)]
        for name in ("", "topic", "rotation")
    }
    others: dict[str, Any] = {}
    if peers:
        _save(folder, (then, now), (known, current), simulated, drawn)
        for name, beside in _PEERS.items():
            others[name] = _peer(report, name, beside, folder)
    ours = _scalar_speed(report, then, now, others)
    ours |= _vector_speed(report, known, current, others)
    _rates(report, simulated, times, others)
    _vector_power(report, drawn, few, others)
    _delays(report)
    report.keep(drift={"ours": ours, "peers": others})


def _simulated(times: int) -> dict[str, list[Pair]]:
    """Draws by name: what does not change, and named changes."""
    found = {
        name: list(draws(draw, draw, _STILL_SIZES, times, seed))
        for seed, (name, draw) in enumerate(STILL.items())
    }
    for seed, (name, draw) in enumerate(CHANGES.items(), 100):
        found[name] = list(draws(draw, STILL["normal"], _POWER_SIZES, times, seed))
    return found


def _save(
    folder: Path, tables: tuple[Mapping[str, Array], Mapping[str, Array]], rows: Pair,
    simulated: Mapping[str, Sequence[Pair]], drawn: Mapping[str, Sequence[Pair]],
) -> None:  # fmt: skip
    for name, side, array in zip(("then", "now"), tables, rows, strict=True):
        np.savez(folder / f"{name}.npz", **side)  # type: ignore[arg-type]
        np.save(folder / f"vectors-{name}.npy", array)
    for file, pairs in (("draws", simulated), ("vector-draws", drawn)):
        arrays = {
            f"{name}/{side}": np.stack([pair[n] for pair in own])
            for name, own in pairs.items()
            for n, side in enumerate(("then", "now"))
        }
        np.savez(folder / f"{file}.npz", **arrays)  # type: ignore[arg-type]


def _peer(report: Report, name: str, beside: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """What another library says of the same arrays; nothing where it can't be had."""
    try:
        python = peer(name, PLACE, _INSTALL_S, beside)
        lines = output([str(python), str(_PROGRAM), name, str(folder)], _PEER_S).splitlines()
        found: dict[str, Any] = json.loads(lines[-1])
    except (RuntimeError, ValueError, IndexError, OSError) as error:
        report.say(f"{name} could not be measured: {error}")
        return {}
    for what, reason in found["missing"].items():
        report.say(f"{name}, {what}: not measured: {reason}")
    return found


def _cpu(work: Callable[[], Any], rounds: int = 3) -> float:
    """Seconds of CPU, the least of some rounds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return max(min(found), 1e-6)


def _scalar_speed(
    report: Report, then: Mapping[str, Array], now: Mapping[str, Array], others: dict[str, Any]
) -> dict[str, float]:
    a, b = then["number_0"], now["number_0"]
    ks, scipys = _cpu(lambda: kolmogorov_smirnov(a, b)), _cpu(lambda: stats.ks_2samp(a, b))
    whole = _cpu(lambda: [compare(then[name], now[name]) for name in then], 2)
    tested = _cpu(lambda: [compare(then[name], now[name], interval=False) for name in then], 2)
    limit = _cpu(lambda: [_by_scipy(then[name], now[name]) for name in then], 2)
    size = f"{len(a):,}"
    rows = [
        (f"KS, {size} values a side: scipy", _ms(scipys), ""),
        ("  ours", _ms(ks), f"{scipys / ks:.1f} x"),
        (f"report, {len(then)} columns of {size}: scipy's KS and chi-squared", _ms(limit), ""),
        ("  ours, with effects and their intervals", _ms(whole), f"{limit / whole:.1f} x"),
        ("  ours, without intervals", _ms(tested), f"{limit / tested:.1f} x"),
    ]
    for name, seconds in others.get("evidently", {}).get("seconds", {}).items():
        if name.startswith("report"):
            rows.append((f"  evidently's {name}", _ms(seconds), f"ours: {seconds / whole:.0f} x"))
    report.table(
        "numbers and words, CPU", ("what", "time", "faster"), rows,
        "aims: KS no slower than scipy's, the report 20 times evidently's",
    )  # fmt: skip
    return {"ks": ks, "report": whole, "report, no intervals": tested}


def _by_scipy(then: Array, now: Array) -> float:
    if then.dtype.kind == "f":
        return float(stats.ks_2samp(then, now).pvalue)
    names, codes = np.unique(np.concatenate([then, now]), return_inverse=True)
    sides = codes[: len(then)], codes[len(then) :]
    counts = np.array([np.bincount(side, minlength=len(names)) for side in sides])
    return float(stats.chi2_contingency(counts).pvalue)


def _vector_speed(
    report: Report, known: Array, current: Array, others: dict[str, Any]
) -> dict[str, float]:
    tests = {
        "Hotelling": lambda: hotelling(known, current),
        "MMD with random features": lambda: mmd_features(known, current),
        "classifier": lambda: classifier(known, current),
    }
    ours, rows = {}, []
    for name, test in tests.items():
        ours[name] = _cpu(test, 2)
        said = "drift" if (test().p or 0.0) <= ALPHA else "same"
        rows.append((f"ours: {name}", _ms(ours[name]), said))
    best = ours["Hotelling"]
    limit = _cpu(lambda: [stats.ks_2samp(known[:, n], current[:, n]) for n in range(64)], 1)
    rows.append(("limit: scipy's KS of every column", _ms(limit * known.shape[1] / 64), ""))
    for name, found in others.items():
        for what, seconds in found.get("seconds", {}).items():
            if not what.startswith("report"):
                said = "drift" if found["said"].get(what) else "same"
                rows.append((f"{name}: {what}", _ms(seconds), f"{said}, {seconds / best:.1f} x"))
    report.table(
        f"vectors, {len(known):,} × {known.shape[1]} a side, twenty dimensions rotated, CPU",
        ("what", "time", "said, times ours"), rows,
        "ours is Hotelling's; aims: 50 times as fast as evidently, no slower than alibi-detect",
    )  # fmt: skip
    return ours


def _rates(
    report: Report, simulated: Mapping[str, Sequence[Pair]], times: int, others: dict[str, Any]
) -> None:
    tests: dict[str, Callable[[Array, Array], bool]] = {
        "default": lambda a, b: smooth(a, b).p <= ALPHA,
        "default, in blocks": _in_blocks,
        "KS": lambda a, b: kolmogorov_smirnov(a, b).p <= ALPHA,
        "Mann-Whitney": lambda a, b: mann_whitney(a, b).p <= ALPHA,
    }
    found = {
        label: {
            name: float(np.mean([test(*pair) for pair in pairs]))
            for name, pairs in simulated.items()
        }
        for label, test in tests.items()
    }
    for name, other in others.items():
        for label, rates in other.get("rates", {}).items():
            if rates.keys() & simulated.keys():
                found[f"{name}: {label}"] = rates
    for title, names, sizes in (
        (f"false alarms without a change, at {ALPHA:.0%}", STILL, _STILL_SIZES),
        (f"power, at {ALPHA:.0%}", CHANGES, _POWER_SIZES),
    ):
        report.table(
            f"{title}: {sizes[0]:,} values then, {sizes[1]} now, {times} draws",
            ("test", *names),
            [(label, *(_rate(rates.get(name), times) for name in names))
             for label, rates in found.items()],
            "95 % intervals in brackets. Evidently's default above 1,000 rows is a limit of an"
            " effect and no test.",
        )  # fmt: skip
    report.keep(drift_rates=found)


def _in_blocks(then: Array, now: Array) -> bool:
    """With the resemblance of neighbours allowed for: ten values are a block."""
    found = compare(
        then, now, alpha=ALPHA, interval=False, reference_blocks=np.arange(len(then)) // 10,
        current_blocks=np.arange(len(now)) // 10, kind="numeric", threshold=0.0,
    )  # fmt: skip
    return found.p is not None and found.p <= ALPHA


def _vector_power(
    report: Report, drawn: Mapping[str, Sequence[Pair]], times: int, others: dict[str, Any]
) -> None:
    tests: dict[str, Callable[[Array, Array], Any]] = {
        "Hotelling": hotelling, "MMD with random features": mmd_features, "classifier": classifier,
    }  # fmt: skip
    found = {
        label: {
            name: float(np.mean([(test(*pair).p or 0.0) <= ALPHA for pair in pairs]))
            for name, pairs in drawn.items()
        }
        for label, test in tests.items()
    }
    for name, other in others.items():
        for label, rates in other.get("rates", {}).items():
            if rates.keys() & drawn.keys():
                found[f"{name}: {label}"] = rates
    report.table(
        f"vectors, {DRAWN} × 384 a side, at {ALPHA:.0%}, {times} draws",
        ("test", *drawn),
        [(label, *(_rate(rates.get(name), times) for name in drawn))
         for label, rates in found.items()],
        "topic: one of ten doubles; rotation: of twenty dimensions by 45 degrees",
    )  # fmt: skip
    report.keep(drift_vector_rates=found)


def _delays(report: Report) -> None:
    """How long a mean moved by one deviation stays unseen, and alarms before it."""
    rows = []
    makers: dict[str, Callable[[], Any]] = {
        "CUSUM": lambda: Cusum(), "Page-Hinkley": PageHinkley, "ADWIN": lambda: Adwin(clock=8),
    }  # fmt: skip
    for name, make in makers.items():
        delays, false = [], 0
        for turn in range(_STREAMS):
            r, detector = np.random.default_rng((9, turn)), make()
            false += sum(detector.update(float(value)) for value in r.normal(size=2_000))
            moved = (float(value) for value in r.normal(1, 1, size=2_000))
            delays.append(next((n for n, v in enumerate(moved, 1) if detector.update(v)), 2_000))
        low, middle, high = np.quantile(delays, [0.1, 0.5, 0.9])
        rows.append(
            (name, f"{middle:.0f}", f"{low:.0f} to {high:.0f}", f"{false * 5 / _STREAMS:.2f}")
        )
    report.table(
        f"streams: a mean that moves by one standard deviation, {_STREAMS} streams",
        ("detector", "delay, values", "10 to 90 %", "false alarms in 10,000"), rows,
    )  # fmt: skip


def _rate(share: float | None, times: int) -> str:
    if share is None:
        return ""
    low, high = wilson(round(share * times), times)
    return f"{share:.1%} ({low:.1%}-{high:.1%})"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.2f} ms"
