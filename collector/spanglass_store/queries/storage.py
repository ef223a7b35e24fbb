"""How much the store holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from spanglass_store.client import Store
from spanglass_store.schema import READABLE_TABLES


@dataclass(frozen=True)
class TableSize:
    """What a table takes, on the server that was asked.

    Attributes:
        stored_bytes: on disk, compressed.
        raw_bytes: before compression.
        first_day: of its oldest partition; None where that has no day.
    """

    table: str
    rows: int
    stored_bytes: int
    raw_bytes: int
    first_day: date | None


def table_sizes(store: Store) -> list[TableSize]:
    """Every table, the largest first. Rows that were replaced count until they are merged away.

    Args:
        store: as the owner.
    """
    rows: Sequence[Mapping[str, Any]] = store.query(
        "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS stored_bytes,"
        " sum(data_uncompressed_bytes) AS raw_bytes,"
        " min(if(length(partition) = 10, toDateOrNull(partition), NULL)) AS first_day"
        " FROM system.parts WHERE active AND database = {database:String}"
        " GROUP BY table ORDER BY stored_bytes DESC",
        {"database": store.database},
    ).dicts()
    return [TableSize(**row) for row in rows if row["table"] in READABLE_TABLES]
