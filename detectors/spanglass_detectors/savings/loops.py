"""Tools that an agent calls again with the same arguments, and the calls of models that follow.

Within one trace, a tool that is called again with the same arguments and gives the same result has
told the model nothing. What it cost is the call of the model that read that result: the first that
began after the repeated one ended. A call of a model is counted once, however many repeats it read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ToolUse:
    """A call of a tool: the trace, what makes two the same, the result's digest, times in s."""

    trace: int
    key: int
    result: int
    start: float
    end: float


@dataclass(frozen=True)
class ModelCall:
    """A call of a model: the trace, its start in seconds, and what it cost in US dollars."""

    trace: int
    start: float
    usd: float


@dataclass(frozen=True)
class Waste:
    """A call of a model that read what was read before: where, when (s), and what it cost."""

    trace: int
    start: float
    usd: float


def wasted(tools: Iterable[ToolUse], calls: Iterable[ModelCall]) -> list[Waste]:
    """Calls of models that followed a repeated call of a tool.

    Args:
        tools: calls of tools.
        calls: of models, of the same traces.
    """
    by_trace: dict[int, list[ModelCall]] = defaultdict(list)
    for call in calls:
        by_trace[call.trace].append(call)
    for listed in by_trace.values():
        listed.sort(key=lambda call: call.start)
    seen: set[tuple[int, int, int]] = set()
    found: dict[tuple[int, int], Waste] = {}
    for use in sorted(tools, key=lambda use: use.start):
        what = (use.trace, use.key, use.result)
        if what in seen:
            listed = by_trace.get(use.trace, [])
            at = bisect_left(listed, use.end, key=lambda call: call.start)
            if at < len(listed):
                call = listed[at]
                found[use.trace, at] = Waste(use.trace, call.start, call.usd)
        seen.add(what)
    return list(found.values())
