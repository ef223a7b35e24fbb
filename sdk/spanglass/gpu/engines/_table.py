"""What the table of an engine is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from spanglass.gpu._points import Metric

#: Labels that mean the same for every engine, with the attribute that they become.
LABELS: Final[Mapping[str, str]] = {
    "model_name": "gen_ai.request.model",
    "model": "gen_ai.request.model",
    "version": "engine.model_version",
    "engine": "engine.rank",
    "finished_reason": "engine.finish_reason",
    "finish_reason": "engine.finish_reason",
    "http_code": "http.response.status_code",
}


class Rule(NamedTuple):
    """One metric of an engine, and what it is in the common schema.

    Attributes:
        name: behind the engine's prefix; of a counter without `_total`, of a histogram without
            `_bucket`, `_sum` and `_count`.
        metric: the common one. Its kind says how the value is read.
        scale: what one of it is, in the common unit.
        when: labels that a series has to have; they are left out.
        more: attributes that are added.
        adds: whether values of several such rules are summed, and not the first taken.
        of_board: whether NVML says the same of a board.
    """

    name: str
    metric: Metric
    scale: float = 1.0
    when: tuple[tuple[str, str], ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    adds: bool = False
    of_board: bool = False


@dataclass(frozen=True)
class Page:
    """A page of an engine that says how it is set up, in JSON.

    Attributes:
        path: of the page.
        facts: attribute of the resource, by the way to the value: `data.0.id`.
    """

    path: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """What is known about an engine's metrics.

    Attributes:
        name: of the engine.
        prefixes: of its metrics; others may stand before them (`kserve_vllm:`).
        rules: of several for one common metric the first that is there counts.
        labels: those beside the common ones, with the attribute that they become; empty drops one.
        facts: metrics whose labels say how it is set up: label and attribute.
        pages: that say how it is set up.
        bare: names without a prefix, of an older version; several of them tell it.
    """

    name: str
    prefixes: tuple[str, ...]
    rules: tuple[Rule, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    bare: frozenset[str] = frozenset()
