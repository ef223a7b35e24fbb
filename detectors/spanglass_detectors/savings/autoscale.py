"""A policy of scaling, simulated on recorded arrivals: what it costs, and how long requests wait.

Requests come as they were recorded, and each takes a place of a replica for as long as it took. A
replica has `places` of them. Whoever finds none waits in line. Every `every_s` seconds the policy
wants

    ceil((requests at work or in line) / (places * target))

replicas, within its bounds; one that is added takes `start_s` seconds before it serves and is paid
for from the beginning; those that have been too many for `idle_s` go. Nothing is drawn by chance.

Source: a queue with servers that set up (A. Gandhi, M. Harchol-Balter, I. Adan, "Server farms with
setup costs", 2010); the rule is that of Kubernetes' horizontal autoscaler. A request is taken to
need its recorded time at any load, so batches that slow each other down are not seen.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Policy:
    """How replicas come and go.

    Attributes:
        places: requests that a replica serves at once.
        fewest: replicas at any time; 0 scales to none.
        most: replicas at any time.
        target: the part of places that should be taken.
        start_s: until a new replica serves, in seconds.
        idle_s: after which an idle one goes.
        every_s: between two looks.
    """

    places: int
    fewest: int = 1
    most: int = 16
    target: float = 0.7
    start_s: float = 120.0
    idle_s: float = 300.0
    every_s: float = 15.0

    def __post_init__(self) -> None:
        if self.places < 1 or not 0 <= self.fewest <= self.most or self.most < 1:
            raise ValueError("a replica has a place, and fewest lies between 0 and most")
        if not 0 < self.target <= 1 or self.every_s <= 0 or min(self.start_s, self.idle_s) < 0:
            raise ValueError("target lies above 0 and is 1 at most; times are not negative")


@dataclass(frozen=True)
class Outcome:
    """What a policy did.

    Attributes:
        replica_hours: paid for.
        wait_p50_s: seconds in line.
        wait_p95_s: the same, of 5 in 100 longer.
        waited: part of the requests that waited at all.
        most: replicas at once.
        starts: how often one was added.
    """

    replica_hours: float
    wait_p50_s: float
    wait_p95_s: float
    waited: float
    most: int
    starts: int


def simulate(arrivals: Sequence[tuple[float, float]], policy: Policy) -> Outcome:
    """What a policy would have done.

    Args:
        arrivals: when each request began and how long it took, in seconds, in any order.
        policy: see `Policy`.

    Raises:
        ValueError: without arrivals.
    """
    if not arrivals:
        raise ValueError("there are no requests to simulate")
    coming = deque(sorted(arrivals))
    start = coming[0][0]
    ready = policy.fewest
    starting: list[float] = []
    ending: list[float] = []
    line: deque[tuple[float, float]] = deque()
    waits: list[float] = []
    paid, now, look, most, starts = 0.0, start, start, policy.fewest, 0
    calm_since = start
    while coming or line or ending:
        following = [look]
        if coming:
            following.append(coming[0][0])
        if ending:
            following.append(ending[0])
        if starting:
            following.append(starting[0])
        after = min(following)
        paid += (after - now) * (ready + len(starting))
        now = after
        while ending and ending[0] <= now:
            heapq.heappop(ending)
        while starting and starting[0] <= now:
            heapq.heappop(starting)
            ready += 1
        while coming and coming[0][0] <= now:
            line.append(coming.popleft())
        while line and len(ending) < policy.places * ready:
            came, took = line.popleft()
            waits.append(now - came)
            heapq.heappush(ending, now + took)
        if now >= look:
            look = now + policy.every_s
            wanted = math.ceil((len(ending) + len(line)) / (policy.places * policy.target))
            wanted = min(policy.most, max(policy.fewest, wanted))
            have = ready + len(starting)
            if wanted >= ready:
                calm_since = now
            for _ in range(wanted - have):
                heapq.heappush(starting, now + policy.start_s)
                starts += 1
            # Only what idles goes: nobody is cut off.
            is_idle = now - calm_since >= policy.idle_s
            while is_idle and ready > max(wanted, math.ceil(len(ending) / policy.places)):
                ready -= 1
            most = max(most, ready + len(starting))
    found = np.array(waits)
    return Outcome(
        paid / 3_600, float(np.quantile(found, 0.5)), float(np.quantile(found, 0.95)),
        float(np.mean(found > 0)), most, starts,
    )  # fmt: skip
