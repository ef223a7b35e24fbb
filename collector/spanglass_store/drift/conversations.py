"""Turns of conversations, and hourly samples of what users do in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from spanglass_detectors.drift.conversations import Turn
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, exchange_of
from spanglass_store.client import Store
from spanglass_store.drift.samples import SAMPLE_COLUMNS

#: Conversations of an hour and service that are read, and of an hour and project.
_CONVERSATIONS: Final = 40
_OF_PROJECT: Final = 400
#: Turns of a conversation that are read, and bytes of what is asked in one.
_TURNS: Final = 50
_BYTES: Final = 100_000
#: What is read before an hour: a conversation's last turns tell how it ended.
_BEFORE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Conversation:
    """Turns that follow each other, at the service that the first was of."""

    service: str
    turns: Sequence[Turn]


def read_conversations(store: Store, project: str, hours: Sequence[datetime]) -> list[Conversation]:
    """Some conversations of each hour and service, always the same ones.

    A trace is a turn: what its first call of a model was asked, and what its last one answered.

    Args:
        store: as the owner.
        project: whose.
        hours: where they begin.
    """
    if not hours:
        return []
    within = (
        "project = {project:String} AND session_id != '' AND operation IN {answers:Array(String)}"
        " AND start_time >= {start:DateTime64(6, 'UTC')}"
        " AND start_time < {end:DateTime64(6, 'UTC')}"
    )
    rows = store.query(
        "SELECT session_id, trace_id, argMin(service, start_time), min(start_time) AS began,"
        f" max(end_time), argMin(if(length(input) > {_BYTES}, '', input), start_time),"
        f" argMax(if(length(output) > {_BYTES}, substring(output, 1, {_BYTES}), output),"
        " start_time), argMax(status = 'error', start_time)"
        f" FROM {store.database}.spans FINAL WHERE {within} AND session_id IN ("
        f"SELECT session_id FROM {store.database}.spans WHERE {within}"
        " AND hasAny({hours:Array(DateTime('UTC'))}, [toStartOfHour(start_time),"
        " toStartOfHour(start_time + INTERVAL 30 MINUTE)])"
        " GROUP BY session_id, service, toStartOfHour(start_time) AS hour"
        f" ORDER BY cityHash64(session_id) LIMIT {_CONVERSATIONS} BY service, hour"
        f" LIMIT {_OF_PROJECT * len(hours)})"
        " GROUP BY session_id, trace_id ORDER BY session_id, began DESC"
        f" LIMIT {_TURNS} BY session_id SETTINGS max_threads = 2",
        {
            "project": project, "answers": list(ANSWERS), "start": min(hours) - _BEFORE,
            "end": max(hours) + timedelta(hours=1), "hours": list(hours),
        },
    ).rows  # fmt: skip
    found: dict[str, Conversation] = {}
    for session, _, service, began, end, asked, said, failed in reversed(rows):
        exchange = exchange_of(Span(operation="chat", input=asked, output=said))
        turn = Turn(
            began.replace(tzinfo=UTC), end.replace(tzinfo=UTC), exchange.question, exchange.prose,
            bool(failed), said not in ("", "[]"),
        )  # fmt: skip
        known = found.setdefault(str(session), Conversation(str(service), []))
        found[str(session)] = Conversation(known.service, [*known.turns, turn])
    return list(found.values())


def write_truths(
    store: Store, project: str, counted: Mapping[tuple[str, str, datetime], tuple[int, int]]
) -> None:
    """Keeps how often something was true.

    Args:
        store: as the owner.
        project: whose.
        counted: true and all, by service, metric and hour.
    """
    now = datetime.now(UTC)
    rows = [
        [project, hour, service, "", metric, "boolean", count, [],
         {"true": true, "false": count - true}, now]
        for (service, metric, hour), (true, count) in counted.items()
    ]  # fmt: skip
    if rows:
        store.insert("drift_samples", SAMPLE_COLUMNS, rows)
