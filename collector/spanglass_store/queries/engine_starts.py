"""When engines began, and how long it was until they answered: what a further replica takes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from spanglass_store import views
from spanglass_store.client import Store

#: Starts this long before the end of a range are looked at, however short that is.
_BACK = timedelta(days=7)


@dataclass(frozen=True)
class EngineStart:
    """A process of an engine that began.

    Attributes:
        project: whose.
        host: the node that its metrics come from.
        instance: host and port.
        engine: `vllm` and so on.
        model: that it serves; empty where it does not say.
        started_at: when its process began, or when one without a clock of it was last seen before.
        ready_at: when its metrics could first be read.
        seconds_to_ready: between; None where nobody watched it begin.
    """

    project: str
    host: str
    instance: str
    engine: str
    model: str
    started_at: datetime
    ready_at: datetime
    seconds_to_ready: float | None


def engine_starts(
    store: Store, start: datetime, end: datetime, project: str = ""
) -> list[EngineStart]:
    """Starts in a range of time and in the seven days before its end, the latest first.

    Args:
        store: as a reader.
        start: inclusive.
        end: exclusive.
        project: whose; all where empty.
    """
    where = (
        "time >= {since:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"
        " AND start_time >= {since:DateTime64(6, 'UTC')}"
        + (" AND project = {project:String}" if project else "")
    )
    rows = store.query(
        "SELECT project, host, instance, engine, model, started_at, ready_at, seconds_to_ready"
        f" FROM ({views.starts(store.database, where)}) ORDER BY ready_at DESC LIMIT 200",
        {"since": min(start, end - _BACK), "end": end, "project": project},
    ).dicts()
    return [EngineStart(**row) for row in rows]
