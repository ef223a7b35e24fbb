"""Whether a model on GPUs of one's own would cost less than an API, on the traffic as it came.

Tokens of an hour need GPUs for as long as they are worked on:

    busy seconds of an hour = (input * w + output) / rate
    GPUs of an hour = ceil(busy seconds / (3600 * most busy share))

with `rate` the output tokens a second that a GPU gives within the objective of latency, as a load
test measured it, `w` what an input token weighs beside an output token, and `most busy share` the
part of the time in which a GPU may be busy before requests wait. With a fixed fleet every hour has
as many as the fullest one needs; scaled, an hour has those that it needs and at least `fewest`, and
each replica that is added costs its start, too. Interrupted capacity (spot) does a part of its work
twice: hours are divided by 1 - interruptions an hour * hours lost at one.

The price of a million tokens, and the volume at which both cost the same, follow from the same
formulas. What decides the answer is said by turning each assumption by a fifth either way.

Sources: the utilisation law (P. J. Denning and J. P. Buzen, "The operational analysis of queueing
network models", 1978); sensitivity one factor at a time (A. Saltelli et al., "Global sensitivity
analysis", 2008, which also has its limits).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from spanglass_detectors.savings.monthly import MONTH_DAYS

#: By how much each assumption is turned to see what decides.
_TURN: Final = 0.2


@dataclass(frozen=True)
class Hour:
    """An hour of traffic: tokens, and what the API's calls cost in US dollars."""

    input_tokens: float
    output_tokens: float
    usd: float


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured here, or what a load test did.

    Attributes:
        gpu_hour_usd: price of a GPU's hour.
        tokens_per_second: output tokens a GPU gives within the objective of latency.
        input_weight: what an input token weighs beside an output token.
        most_busy: part of the time that a GPU may be busy.
        gpus_per_replica: GPUs that the model needs at once.
        fewest_replicas: that are kept in every hour.
        start_hours: of a replica, paid for and without work.
        interruptions_per_hour: of a replica, for spot capacity.
        hours_lost: at an interruption.
        staff_usd_month: people's time, which is seldom nothing.
        is_scaled: whether replicas come and go with the hours.
    """

    gpu_hour_usd: float
    tokens_per_second: float
    input_weight: float = 0.1
    most_busy: float = 0.6
    gpus_per_replica: int = 1
    fewest_replicas: int = 1
    start_hours: float = 0.1
    interruptions_per_hour: float = 0.0
    hours_lost: float = 0.1
    staff_usd_month: float = 0.0
    is_scaled: bool = False

    def __post_init__(self) -> None:
        for name in ("gpu_hour_usd", "tokens_per_second"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} has to be more than 0")
        if not 0 < self.most_busy <= 1:
            raise ValueError("most_busy has to lie above 0 and be 1 at most")
        if min(self.gpus_per_replica, self.fewest_replicas + 1) < 1:
            raise ValueError("there has to be a GPU a replica, and no fewer than 0 replicas")
        if min(self.input_weight, self.start_hours, self.staff_usd_month) < 0:
            raise ValueError("a weight, a start and a salary have to be 0 or more")
        if not 0 <= self.interruptions_per_hour * self.hours_lost < 1:
            raise ValueError("interruptions leave no time for work")


@dataclass(frozen=True)
class Comparison:
    """Both ways, a month of the same traffic.

    Attributes:
        api_usd_month: what the calls cost.
        own_usd_month: what GPUs would.
        replicas: at most.
        gpu_hours_month: paid for.
        busy_share: of them.
        usd_per_million_tokens: of output and weighted input, on GPUs of one's own.
        break_even_factor: how many times the traffic both would cost the same, with a fleet that
            grows with it; None if never.
        decides: assumptions that change who is cheaper when turned by a fifth.
        influence: by how many dollars a month each assumption's fifth moves the answer.
    """

    api_usd_month: float
    own_usd_month: float
    replicas: int
    gpu_hours_month: float
    busy_share: float
    usd_per_million_tokens: float
    break_even_factor: float | None
    decides: tuple[str, ...]
    influence: dict[str, float]


#: Assumptions that can be off by a fifth; counts and switches can't.
_TURNED: Final = (
    "gpu_hour_usd", "tokens_per_second", "input_weight", "most_busy", "staff_usd_month",
    "start_hours", "interruptions_per_hour",
)  # fmt: skip


def compare(hours: Sequence[Hour], assumed: Assumptions) -> Comparison:
    """What the traffic would have cost on GPUs of one's own.

    Args:
        hours: every hour of some days, those without calls, too.
        assumed: the rest.

    Raises:
        ValueError: if there are no hours, or no tokens.
    """
    if not any(_work(each, assumed) > 0 for each in hours):
        raise ValueError("there are no tokens in this range")
    own, replicas, paid, busy = _own(hours, assumed, 1.0)
    api = sum(each.usd for each in hours) * _month(hours)
    tokens = sum(_work(each, assumed) for each in hours) * _month(hours)
    influence, decides = {}, []
    for name in _TURNED:
        value = getattr(assumed, name)
        ends = []
        for factor in (1 - _TURN, 1 + _TURN):
            turned = min(1.0, value * factor) if name == "most_busy" else value * factor
            ends.append(_own(hours, replace(assumed, **{name: turned}), 1.0)[0])
        influence[name] = abs(ends[1] - ends[0]) / 2
        if min(ends) < api < max(ends):
            decides.append(name)
    return Comparison(
        api, own, replicas, paid, busy, own / tokens * 1e6, _break_even(hours, assumed),
        tuple(decides), influence,
    )  # fmt: skip


def _work(hour: Hour, assumed: Assumptions) -> float:
    """Tokens of an hour, weighted."""
    return hour.input_tokens * assumed.input_weight + hour.output_tokens


def _month(hours: Sequence[Hour]) -> float:
    return MONTH_DAYS * 24 / len(hours)


def _own(
    hours: Sequence[Hour], assumed: Assumptions, factor: float
) -> tuple[float, int, float, float]:
    """US dollars a month, replicas at most, GPU hours a month, and the busy share of them."""
    rate = assumed.tokens_per_second * assumed.gpus_per_replica
    busy = [factor * _work(each, assumed) / rate / 3_600 for each in hours]
    needed = [max(assumed.fewest_replicas, math.ceil(b / assumed.most_busy)) for b in busy]
    most = max(needed)
    if not assumed.is_scaled:
        needed = [most] * len(hours)
    # The fleet is there at the beginning; what is added later has to start.
    started = sum(max(0, after - before) for before, after in pairwise(needed))
    lost = 1 - assumed.interruptions_per_hour * assumed.hours_lost
    replica_hours = (sum(needed) / lost + started * assumed.start_hours) * _month(hours)
    gpu_hours = replica_hours * assumed.gpus_per_replica
    usd = gpu_hours * assumed.gpu_hour_usd + assumed.staff_usd_month
    return usd, most, gpu_hours, sum(busy) / sum(needed) if sum(needed) else 0.0


def _break_even(hours: Sequence[Hour], assumed: Assumptions) -> float | None:
    """How many times the traffic both would cost the same, by bisection."""
    api = sum(each.usd for each in hours) * _month(hours)

    def is_cheaper(factor: float) -> bool:
        return _own(hours, assumed, factor)[0] <= factor * api

    low, high = 1e-3, 1e6
    if not is_cheaper(high):
        return None
    if is_cheaper(low):
        return low
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_cheaper(middle) else (middle, high)
    return high
