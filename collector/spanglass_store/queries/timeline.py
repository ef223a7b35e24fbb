"""The traces of a list over time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spanglass_store.client import Store
from spanglass_store.queries.overview import step_of
from spanglass_store.queries.traces import TraceFilter


@dataclass(frozen=True)
class Step:
    """The traces that began within a step of time.

    Attributes:
        errors: traces of which a span failed.
    """

    time: datetime
    traces: int
    errors: int


def timeline(store: Store, which: TraceFilter) -> tuple[int, list[Step]]:
    """Seconds a step, and the steps of the range, empty ones too. Reads no payload column.

    Args:
        store: as a reader.
        which: traces.
    """
    step = step_of(which.start, which.end)
    where, values = which.conditions(store.database)
    # No name of ours may be a column's: a condition on that column would ask for the sum.
    rows: Sequence[Mapping[str, Any]] = store.query(
        "SELECT intDiv(toUnixTimestamp64Second(t.start_time), {step:UInt32}) AS number,"
        " count() AS all_traces, countIf(notEmpty(error_ids)) AS failed"
        f" FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)} GROUP BY number",
        {**values, "step": step},
    ).dicts()
    found = {row["number"]: row for row in rows}
    first = int(which.start.timestamp()) // step
    last = math.ceil(which.end.timestamp() / step)
    nothing: Mapping[str, Any] = {"all_traces": 0, "failed": 0}
    return step, [
        Step(
            datetime.fromtimestamp(number * step, UTC),
            (row := found.get(number, nothing))["all_traces"],
            row["failed"],
        )
        for number in range(first, last)
    ]
