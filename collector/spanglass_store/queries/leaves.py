"""Calls of models, each once: a parent that is an inference too repeats its child's numbers."""

from spanglass_store.prices.costs import IS_INFERENCE


def is_leaf(database: str) -> str:
    """SQL that is true for an inference span none of whose children is one.

    It has the parameters `start` and `end`, which bound the spans that are looked at. A child can
    begin after the range does, and in another day's partition.
    """
    return (
        f"{IS_INFERENCE} AND cityHash64(project, trace_id, span_id) NOT IN ("
        f"SELECT cityHash64(project, trace_id, parent_span_id) FROM {database}.spans"
        " WHERE start_time >= {start:DateTime64(6, 'UTC')}"
        " AND start_time < {end:DateTime64(6, 'UTC')} + INTERVAL 1 DAY"
        f" AND {IS_INFERENCE} AND parent_span_id != '')"
    )
