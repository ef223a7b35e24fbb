"""What an engine and its boards did while a request was there: why it was slow, and its share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.deployments import Deployment, Engine, deployments, engines
from spanglass_store.queries.energy import shares
from spanglass_store.queries.engine_load import EngineLoad, loads
from spanglass_store.queries.gpus import boards

#: Before and after a request, so that a short one has a reading on both sides: engines are asked
#: every few seconds.
_AROUND: Final = timedelta(seconds=10)
#: The same where engines are asked more seldom.
_AROUND_SELDOM: Final = timedelta(seconds=60)
#: In which somebody who serves the model has told something.
_AROUND_SERVING: Final = timedelta(minutes=10)
#: The same for energy, whose idle power is measured where nothing ran.
_AROUND_ENERGY: Final = timedelta(seconds=60)
_LONGEST: Final = timedelta(hours=1)
#: Requests beside one in its time, at most.
_NEIGHBOURS: Final = 20_000


@dataclass(frozen=True)
class Surroundings:
    """A request's engines, boards and share.

    Attributes:
        model: that it asked for.
        start: since when the readings are.
        end: until when.
        engines: those that serve the model, each with what it did.
        boards: theirs, as `queries.gpus.boards` has them.
        energy_j: its share, in joules; None where the boards are not known.
        usd: its share of the boards' price; None without a price.
    """

    model: str
    start: datetime
    end: datetime
    engines: list[tuple[Engine, EngineLoad]]
    boards: list[dict[str, Any]]
    energy_j: float | None
    usd: float | None


def surroundings(store: Store, trace_id: str, span_id: str) -> Surroundings | None:
    """What was around a span; None where there is no such span.

    Args:
        store: as a reader.
        trace_id: 32 lower-case hexadecimal digits.
        span_id: 16 of them.
    """
    span = _span(store, trace_id, span_id)
    if span is None:
        return None
    start = span["start_time"].replace(tzinfo=UTC)
    end = start + min(timedelta(seconds=span["duration_ns"] / 1e9), _LONGEST)
    named = [name for name in (span["request_model"], span["response_model"]) if name]
    project = span["project"]
    serving = [
        each
        for each in engines(store, start - _AROUND_SERVING, end + _AROUND_SERVING, project)
        if set(named) & set(each.models)
    ]
    found = next((each for each in deployments(serving) if each.model in named), None)
    keys = {(each.project, each.host, each.instance) for each in serving}
    did: dict[tuple[str, str, str], EngineLoad] = {}
    since, until = start - _AROUND, end + _AROUND
    for around in (_AROUND, _AROUND_SELDOM):
        if serving and not keys & did.keys():
            since, until = start - around, end + around
            did = loads(store, since, until, project)
    wanted = set(found.boards) if found else set()
    on = [each for each in boards(store, since, until, project) if each["id"] in wanted]
    energy_j, usd = _share(store, found, start, end, f"{trace_id}/{span_id}")
    return Surroundings(
        model=named[0] if named else "",
        start=since,
        end=until,
        engines=[
            (each, did.get((each.project, each.host, each.instance), EngineLoad()))
            for each in serving
        ],
        boards=on,
        energy_j=energy_j,
        usd=usd,
    )


def _span(store: Store, trace_id: str, span_id: str) -> dict[str, Any] | None:
    rows = store.query(
        "SELECT project, start_time, duration_ns, request_model, response_model"
        f" FROM {store.database}.spans FINAL WHERE trace_id = {{trace:String}}"
        " AND span_id = {span:String} AND start_time >= (SELECT min(start_time)"
        f" FROM {store.database}.traces WHERE trace_id = {{trace:String}})"
        " AND start_time <= (SELECT max(end_time)"
        f" FROM {store.database}.traces WHERE trace_id = {{trace:String}}) LIMIT 1",
        {"trace": trace_id, "span": span_id},
    ).dicts()
    return rows[0] if rows else None


def _share(
    store: Store, of: Deployment | None, start: datetime, end: datetime, name: str
) -> tuple[float | None, float | None]:
    if of is None or not of.boards:
        return None, None
    rows = shares(store, of, start - _AROUND_ENERGY, end + _AROUND_ENERGY, "span", _NEIGHBOURS)
    mine = next((row for row in rows if row["name"] == name), None)
    return (mine["energy_j"], mine["usd"]) if mine else (None, None)
