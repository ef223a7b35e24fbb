"""Which engines serve which models, on which boards: what requests are joined to.

Engines that serve one model are one deployment: a request behind a load balancer does not say which
of them has answered it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.views import FACTS

RANGE: Final = "time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"


@dataclass(frozen=True)
class Engine:
    """An engine, as its metrics last said.

    Attributes:
        project: whose.
        instance: host and port.
        name: `vllm` and so on; empty where it never answered.
        host: the node that its metrics come from.
        url: of its metrics.
        models: that it serves.
        boards: ids of the boards it works on; none where that is not known.
        gpu_hour_usd: price of a board for an hour; 0 where it was not given.
        facts: how it is set up.
        is_up: whether its metrics could be read last.
        reason: why not.
        seen_at: when it was last asked.
    """

    project: str
    instance: str
    name: str
    host: str
    url: str
    models: tuple[str, ...]
    boards: tuple[str, ...]
    gpu_hour_usd: float
    facts: Mapping[str, str]
    is_up: bool
    reason: str
    seen_at: datetime


@dataclass(frozen=True)
class Deployment:
    """All engines of one model.

    Attributes:
        project: whose.
        model: name of the model, as requests name it.
        engines: instances that serve it.
        boards: ids of their boards, each once, and of boards that are shared with these.
        gpu_hour_usd: price of a board for an hour; 0 where it was not given.
        models: all models that are at work on these boards, this one among them.
        counters: host and instance of all engines that are, as `host/instance`.
    """

    project: str
    model: str
    engines: tuple[str, ...]
    boards: tuple[str, ...]
    gpu_hour_usd: float
    models: tuple[str, ...]
    counters: tuple[str, ...]


def engines(store: Store, start: datetime, end: datetime, project: str = "") -> list[Engine]:
    """Engines that were asked in a range of time, by host and port.

    Args:
        store: as a reader.
        start: inclusive.
        end: exclusive.
        project: whose; all where empty.
    """
    of_project = "AND project = {project:String}" if project else ""
    rows = store.query(
        "SELECT project, resource['service.instance.id'] AS instance,"
        " resource['host.name'] AS host,"
        # What an engine that does not answer says of itself is what it said before.
        " argMax(resource, (resource['engine.name'] != '', time)) AS about,"
        " argMaxIf(value, time, name = 'engine.up') AS is_up,"
        " argMaxIf(attributes['spanglass.reason'], time, name = 'engine.up') AS reason,"
        " arraySort(groupUniqArrayIf(attributes['gen_ai.request.model'],"
        " attributes['gen_ai.request.model'] != '')) AS models, max(time) AS seen_at"
        f" FROM {store.database}.metrics FINAL"
        " WHERE name IN ('engine.up', 'engine.requests_running', 'engine.requests_finished')"
        f" AND {RANGE} {of_project} AND resource['engine.url'] != ''"
        " GROUP BY project, instance, host ORDER BY project, host, instance",
        {"start": start, "end": end, "project": project},
    ).dicts()
    return [_engine(row) for row in rows]


def _engine(row: Mapping[str, Any]) -> Engine:
    about: Mapping[str, str] = row["about"]
    told = about.get("gen_ai.request.model", "")
    boards = about.get("engine.gpus", "")
    return Engine(
        project=row["project"],
        instance=row["instance"],
        name=about.get("engine.name", ""),
        host=row["host"],
        url=about.get("engine.url", ""),
        models=tuple(row["models"]) or ((told,) if told else ()),
        boards=tuple(filter(None, boards.split(","))),
        gpu_hour_usd=float(about.get("spanglass.gpu_hour_usd") or 0),
        facts={key: about[key] for key in FACTS if about.get(key)},
        is_up=bool(row["is_up"]),
        reason="" if row["is_up"] else row["reason"],
        seen_at=row["seen_at"],
    )


def deployments(found: Sequence[Engine]) -> list[Deployment]:
    """Engines by the model that they serve. One that serves several is in several.

    Models that share a board share what it uses, so each of them has all boards of both.
    """
    by_model: dict[tuple[str, str], list[Engine]] = {}
    for engine in found:
        for model in engine.models:
            by_model.setdefault((engine.project, model), []).append(engine)
    beside = _sharing(by_model)
    return [
        Deployment(
            project=project,
            model=model,
            engines=tuple(each.instance for each in serving),
            boards=tuple(sorted({b for e in beside[project, model][1] for b in e.boards})),
            gpu_hour_usd=max(each.gpu_hour_usd for each in beside[project, model][1]),
            models=tuple(sorted(beside[project, model][0])),
            counters=tuple(
                sorted({f"{each.host}/{each.instance}" for each in beside[project, model][1]})
            ),
        )
        for (project, model), serving in sorted(by_model.items())
    ]


def _sharing(
    by_model: Mapping[tuple[str, str], Sequence[Engine]],
) -> dict[tuple[str, str], tuple[set[str], list[Engine]]]:
    """By project and model: the models that share boards with it, and the engines of all."""
    pools: list[tuple[str, set[str], set[str], list[Engine]]] = []
    for (project, model), serving in by_model.items():
        models, boards = {model}, {board for each in serving for board in each.boards}
        engines_of, apart = list(serving), []
        for pool in pools:
            if pool[0] == project and pool[2] & boards:
                models |= pool[1]
                boards |= pool[2]
                engines_of += [each for each in pool[3] if each not in engines_of]
            else:
                apart.append(pool)
        pools = [*apart, (project, models, boards, engines_of)]
    return {
        (project, model): (models, engines_of)
        for project, models, _, engines_of in pools
        for model in models
    }
