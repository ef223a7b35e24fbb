"""Inserts that are under way."""

import time
from typing import Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreUnavailable

#: Seconds that an insert may go on, and between two looks.
_INSERTS_END_S: Final = 300.0
_POLL_S: Final = 0.1


def await_inserts(store: Store) -> None:
    """Until no insert is under way that began before, and may have read what was there then.

    Raises:
        StoreUnavailable: if one does not end.
    """
    began = time.monotonic()
    while True:
        elapsed = time.monotonic() - began
        running = store.row(
            "SELECT count() FROM system.processes WHERE query_kind = 'Insert'"
            " AND elapsed > {seconds:Float64}",
            {"seconds": elapsed},
        )[0]
        if not running:
            return
        if elapsed > _INSERTS_END_S:
            raise StoreUnavailable("An insert does not end; try again when the store is less busy.")
        time.sleep(_POLL_S)
