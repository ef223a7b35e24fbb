"""Newer versions of spans: what is found out about one later becomes part of its row.

A row that comes again takes the older one's place, as a span that was sent twice does.
"""

from collections.abc import Mapping
from typing import Any

from spanglass_store.client import Store


def write_versions(
    store: Store, source: str, changed: Mapping[str, str], values: Mapping[str, Any]
) -> None:
    """Writes rows of `spans` anew.

    Args:
        store: as the owner.
        source: a table or subquery with every stored column of `spans`, and what follows it:
            conditions.
        changed: expressions over its columns, by the column that gets them; `ingested_at` among
            them, or the row stays as it is.
        values: parameters of both.

    Raises:
        StoreUnavailable: if ClickHouse can't do it now.
    """
    columns = [str(row[0]) for row in store.query(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spans'"
        " AND default_kind = '' ORDER BY position",
        {"database": store.database},
    ).rows]  # fmt: skip
    names = ", ".join(f"`{name}`" for name in columns)
    filled = ", ".join(f"{changed.get(name, f'`{name}`')} AS `new.{name}`" for name in columns)
    store.command(
        f"INSERT INTO {store.database}.spans ({names}) SELECT {filled} FROM {source}"
        " SETTINGS max_threads = 1, max_insert_threads = 1, max_block_size = 1024",
        values,
    )
