"""Counts what users do in conversations, hour by hour: ask again, and give up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from spanglass_detectors.drift.conversations import endings, rephrasings
from spanglass_store.client import Store
from spanglass_store.drift.conversations import read_conversations, write_truths
from spanglass_store.drift.metrics import ABANDONED, REPHRASED

METRICS: Final = (REPHRASED, ABANDONED)
#: Hours whose conversations are in memory at a time.
_AT_ONCE: Final = 6


def count_conversations(
    store: Store, project: str, hours: Sequence[datetime], keep: Callable[[], None]
) -> None:
    """Counts the conversations of hours anew.

    Args:
        store: as the owner.
        project: whose.
        hours: where those begin that changed.
        keep: called while it goes on.
    """
    ordered = sorted(hours)
    for at in range(0, len(ordered), _AT_ONCE):
        some = ordered[at : at + _AT_ONCE]
        wanted = set(some)
        counted: dict[tuple[str, str, datetime], tuple[int, int]] = {}
        for each in read_conversations(store, project, some):
            told = ((REPHRASED, rephrasings(each.turns)), (ABANDONED, endings(each.turns)))
            for metric, said in told:
                for moment, is_so in said:
                    hour = moment.replace(minute=0, second=0, microsecond=0)
                    if hour in wanted:
                        true, count = counted.get((each.service, metric, hour), (0, 0))
                        counted[each.service, metric, hour] = (true + is_so, count + 1)
        write_truths(store, project, counted)
        keep()
