"""Prompts and answers as digests: what is the same, without a text leaving the store."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.savings.replay import Calls
from spanglass_store.advice.scope import MOST_ROWS, Scope, numbers
from spanglass_store.advice.traffic import SEGMENT_HASH, Traffic
from spanglass_store.client import Store

#: Calls that are brought over at most; of more, those of some prompts, each with all its calls.
MOST_CALLS: Final = 400_000
#: What has to be the same for an answer to be the same: model, whole prompt, tools, parameters.
KEY: Final = (
    "cityHash64(project, service, feature, prompt_name, provider, request_model, operation, input,"
    " payload_attributes['gen_ai.system_instructions'],"
    " payload_attributes['gen_ai.tool.definitions'],"
    " attributes['gen_ai.request.temperature'], attributes['gen_ai.request.max_tokens'],"
    " attributes['gen_ai.request.seed'], attributes['gen_ai.output.type'])"
)
#: Where something was taken out, two prompts may look the same and not have been.
WHOLE: Final = "status != 'error' AND input_key != '' AND input != '' AND NOT redacted"


@dataclass(frozen=True)
class Digests:
    """Calls as digests.

    Attributes:
        calls: those that were taken.
        segment: of each.
        start_ns: of each, to find it again.
        one_in: of how many prompts one was taken.
    """

    calls: Calls
    segment: NDArray[np.uint64]
    start_ns: NDArray[np.int64]
    one_in: int


def digests(store: Store, scope: Scope, traffic: Traffic) -> Digests:
    """Successful calls with a whole prompt, as digests.

    Args:
        store: as a reader of payload.
        scope: which.
        traffic: of the same range.
    """
    one_in = max(
        1, math.ceil(traffic.rows / MOST_CALLS), math.ceil(1.2 * traffic.busiest / MOST_ROWS)
    )
    columns = {
        "key": ("u", KEY),
        "segment": ("u", SEGMENT_HASH),
        "trace": ("u", "cityHash64(project, trace_id)"),
        "start": ("i", "toUnixTimestamp64Nano(start_time)"),
        "seconds": ("f", "duration_ns / 1e9"),
        "usd": ("f", "ifNull(s.cost_usd, 0) * s.sample_weight"),
        "answer": ("u", "cityHash64(output)"),
    }
    parts = [
        numbers(
            store,
            columns,
            f"{day.calls(store.database)} AND {WHOLE} AND {KEY} % {one_in} = 0",
            day.values(),
        )
        for day in scope.each_day()
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    start = found["start"] / 1e9
    return Digests(
        Calls(
            found["key"], found["trace"], start, start + found["seconds"], found["usd"],
            found["answer"],
        ),
        found["segment"],
        found["start"],
        one_in,
    )  # fmt: skip
