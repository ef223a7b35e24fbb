"""Which resource holds an inference engine back, and what it needs of what it has.

Rules over a few measured numbers, each with the evidence that it stands on. What was not measured
decides nothing. The thresholds are those at which engines of this kind begin to queue: they are
conventions, not measurements of one model on one board.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Resource = Literal[
    "kv_cache", "batch_limit", "compute", "memory_bandwidth", "power", "queue", "none", "unknown"
]

#: Mean requests that wait, from which the engine is said to be behind.
WAITING: Final = 0.5
KV_FULL: Final = 0.9
BATCH_FULL: Final = 0.95
BANDWIDTH_BOUND: Final = 0.7
COMPUTE_BOUND: Final = 0.6
BUSY: Final = 0.95
THROTTLED: Final = 0.1
#: Below these peaks a board, or a cache, is more than is needed.
IDLE_BOARD: Final = 0.3
EMPTY_KV: Final = 0.4


@dataclass(frozen=True)
class Load:
    """An engine over a range of time; None for what was not measured.

    Attributes:
        running: mean requests at work.
        waiting: mean requests that wait.
        kv_usage: mean share of the KV cache in use.
        kv_peak: its maximum.
        preemptions: requests that lost their place.
        batch_limit: requests that may be at work.
        utilization: mean busy share of the boards.
        tensor_active: mean share of the tensor cores in use.
        bandwidth: mean share of the memory's bandwidth in use.
        power_share: mean power over the limit.
        throttled: share of the time in which clocks were held back.
    """

    running: float | None = None
    waiting: float | None = None
    kv_usage: float | None = None
    kv_peak: float | None = None
    preemptions: float | None = None
    batch_limit: float | None = None
    utilization: float | None = None
    tensor_active: float | None = None
    bandwidth: float | None = None
    power_share: float | None = None
    throttled: float | None = None


@dataclass(frozen=True)
class Finding:
    """What holds an engine back.

    Attributes:
        binds: the resource; `none` where nothing waits, `unknown` where nothing was measured.
        evidence: the numbers that say so.
        advice: what may help.
    """

    binds: Resource
    evidence: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def saturation(load: Load) -> Finding:
    """Which resource binds: the first of those below that the numbers show."""
    waits = load.waiting is not None and load.waiting >= WAITING
    queue = f"{load.waiting:.1f} requests wait" if load.waiting is not None else ""
    if load.waiting is None and load.utilization is None and load.kv_usage is None:
        return Finding("unknown", [], ["Watch the engine: spanglass agent --engine URL."])
    kv_full = load.kv_usage is not None and load.kv_usage >= KV_FULL
    preempted = bool(load.preemptions)
    if (waits and kv_full) or preempted:
        evidence = (
            [f"the KV cache is {load.kv_usage:.0%} full"] if load.kv_usage is not None else []
        )
        evidence += [f"{load.preemptions:.0f} requests lost their place"] if preempted else []
        return Finding(
            "kv_cache",
            evidence + ([queue] if waits else []),
            ["Shorter contexts, an 8-bit KV cache, more memory for it, or another replica."],
        )
    limit = load.batch_limit
    if waits and limit and load.running is not None and load.running >= BATCH_FULL * limit:
        return Finding(
            "batch_limit",
            [f"{load.running:.1f} of {limit:.0f} requests are at work", queue],
            ["Allow more requests at a time, while the KV cache has room."],
        )
    if (load.throttled or 0) >= THROTTLED and (waits or (load.utilization or 0) >= BUSY):
        return Finding(
            "power",
            [f"clocks were held back {load.throttled:.0%} of the time"],
            ["Look at the power limit and the cooling."],
        )
    if load.bandwidth is not None and load.bandwidth >= BANDWIDTH_BOUND:
        return Finding(
            "memory_bandwidth",
            [f"{load.bandwidth:.0%} of the memory's bandwidth is in use"],
            ["Larger batches, quantized weights, or speculative decoding."],
        )
    if load.tensor_active is not None and load.tensor_active >= COMPUTE_BOUND:
        return Finding(
            "compute",
            [f"the tensor cores are {load.tensor_active:.0%} in use"],
            ["Another replica, shorter prompts, or a prefix cache."],
        )
    if waits and load.utilization is not None and load.utilization >= BUSY:
        return Finding(
            "compute",
            [f"the boards are {load.utilization:.0%} busy", queue],
            ["Whether compute or bandwidth binds, the DCGM exporter's profiling metrics tell."],
        )
    if waits:
        return Finding("queue", [queue], ["Another replica, or look at the scheduler's limits."])
    return Finding("none", [queue] if queue else [])


@dataclass(frozen=True)
class Fit:
    """What an engine needs of what it has.

    Attributes:
        verdict: `too large`, `right`, `too small` or `unknown`.
        reasons: the numbers that say so.
    """

    verdict: Literal["too large", "right", "too small", "unknown"]
    reasons: list[str] = field(default_factory=list)


def right_size(load: Load) -> Fit:
    """Measured need against the boards'."""
    if load.utilization is None or load.kv_peak is None:
        return Fit("unknown", ["needs the boards' utilization and the engine's KV cache"])
    found = saturation(load)
    if found.binds not in ("none", "unknown"):
        return Fit("too small", found.evidence)
    if load.kv_peak < EMPTY_KV and load.utilization < IDLE_BOARD:
        return Fit(
            "too large",
            [
                f"the KV cache was at most {load.kv_peak:.0%} full",
                f"the boards were {load.utilization:.0%} busy",
            ],
        )
    return Fit("right", [f"the KV cache was at most {load.kv_peak:.0%} full"])
