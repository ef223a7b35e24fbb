"""Which values the traces of a range have: what a person can choose from when filtering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.traces import TraceFilter

#: Values that a facet lists at most, the commonest first.
MOST_VALUES: Final = 200

#: Facet, and the SQL array of a trace's values for it.
_FACETS: Final[Mapping[str, str]] = {
    "service": "services",
    "operation": "operations",
    "model": "models",
    "environment": "[environment]",
    "feature": "[feature]",
    "tag": "tags",
}


@dataclass(frozen=True)
class Facet:
    """One value, and how many traces have it."""

    value: str
    traces: int


def trace_facets(store: Store, which: TraceFilter) -> dict[str, list[Facet]]:
    """The values of each facet among the traces that `which` shows, commonest first.

    A trace counts once for each of its values. Reads no payload column.
    """
    where, values = which.conditions(store.database)
    pairs = ", ".join(f"arrayMap(v -> ('{name}', v), {sql})" for name, sql in _FACETS.items())
    rows: Sequence[Sequence[Any]] = store.query(
        "SELECT facet.1 AS name, facet.2 AS value, count() AS traces"
        " FROM (SELECT arrayJoin(arrayConcat("
        + pairs
        + f")) AS facet FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)})"
        " WHERE value != ''"
        " GROUP BY name, value"
        " ORDER BY traces DESC, value"
        " LIMIT {most:UInt32} BY name",
        {**values, "most": MOST_VALUES},
    ).rows
    found: dict[str, list[Facet]] = {name: [] for name in _FACETS}
    for name, value, traces in rows:
        found[name].append(Facet(value, traces))
    return found
