"""Values of single calls of a model, for comparing two sets of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.prices.costs import IS_INFERENCE
from spanglass_store.queries.deployments import deployments, engines
from spanglass_store.queries.energy import shares, step_of

#: Calls of a side at most; of more, as many are taken by chance.
MOST_CALLS: Final = 20_000
_VALUES: Final = (
    "duration_s", "time_to_first_token_s", "time_per_output_token_s", "cost_usd", "input_tokens",
    "output_tokens",
)  # fmt: skip
_EQUAL: Final = (
    "project", "service", "release", "prompt_name", "prompt_version", "feature", "environment",
)  # fmt: skip
#: Longest range of time for which energy is shared out here, in seconds.
_ENERGY_S: Final = 2 * 86_400


@dataclass(frozen=True)
class Side:
    """Which calls; everything that is given has to hold.

    Attributes:
        start: earliest start, inclusive.
        end: latest start, exclusive.
    """

    start: datetime
    end: datetime
    project: str = ""
    model: str = ""
    service: str = ""
    release: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    feature: str = ""
    environment: str = ""


def samples(store: Store, which: Side) -> dict[str, list[float]]:
    """Values by name, in seconds, tokens, US dollars and joules; scores as `score.<name>`.

    Args:
        store: as a reader.
        which: calls.
    """
    where, values = _where(which)
    rows = store.query(
        "SELECT trace_id, span_id, duration_ns / 1e9 AS duration_s, time_to_first_token_s,"
        " time_per_output_token_s, input_tokens,"
        " output_tokens, cost_usd, status = 'error' AS is_error"
        f" FROM {store.database}.spans FINAL WHERE {where}"
        " ORDER BY cityHash64(trace_id, span_id) LIMIT {most:UInt32}",
        values,
    ).dicts()
    found: dict[str, list[float]] = {}

    def put(name: str, value: Any) -> None:
        if value is not None:
            found.setdefault(name, []).append(float(value))

    for row in rows:
        put("error_rate", row["is_error"])
        if row["is_error"]:
            continue
        for name in _VALUES:
            put(name, row[name])
        if row["output_tokens"] and row["duration_s"] > 0:
            put("output_tokens_per_second", row["output_tokens"] / row["duration_s"])
    _add_scores(store, which, where, values, found)
    if not which.prompt_name:
        # Of an engine, not of a prompt.
        _add_throughput(store, where, values, found)
        _add_energy(store, which, found)
    return found


def units(store: Store, which: Side) -> int:
    """How many users, or sessions where no user is known, a side has.

    Args:
        store: as a reader.
        which: calls.
    """
    where, values = _where(which)
    rows = store.query(
        "SELECT uniqExactIf(if(user_id != '', user_id, session_id) AS unit, unit != '')"
        f" FROM {store.database}.spans WHERE {where}",
        values,
    ).rows
    return int(rows[0][0])


def _where(which: Side) -> tuple[str, dict[str, Any]]:
    where = [
        "start_time >= {start:DateTime64(6, 'UTC')}", "start_time < {end:DateTime64(6, 'UTC')}",
        IS_INFERENCE,
    ]  # fmt: skip
    values: dict[str, Any] = {"start": which.start, "end": which.end, "most": MOST_CALLS}
    for name in _EQUAL:
        if value := getattr(which, name):
            where.append(f"{name} = {{{name}:String}}")
            values[name] = value
    if which.model:
        where.append("(request_model = {model:String} OR response_model = {model:String})")
        values["model"] = which.model
    return " AND ".join(where), values


def _add_throughput(
    store: Store, where: str, values: dict[str, Any], found: dict[str, list[float]]
) -> None:
    """Tokens of all calls together, minute by minute."""
    rows = store.query(
        "SELECT toStartOfMinute(start_time) AS minute, sum(output_tokens) / 60 AS tokens"
        f" FROM {store.database}.spans FINAL WHERE {where} GROUP BY minute ORDER BY minute",
        values,
    ).rows
    # The first and last minute are cut by the range.
    found["throughput_tokens_per_second"] = [float(row[1] or 0) for row in rows[1:-1]]


def _add_scores(
    store: Store, which: Side, where: str, values: dict[str, Any], found: dict[str, list[float]]
) -> None:
    # What became of a prompt is often said of the whole answer, not of the call inside of it.
    key = "trace_id" if which.prompt_name else "(trace_id, span_id)"
    rows = store.query(
        f"SELECT name, value FROM {store.database}.scores FINAL WHERE value IS NOT NULL"
        f" AND created_at >= {{start:DateTime64(6, 'UTC')}} AND {key} IN ("
        f"SELECT {key} FROM {store.database}.spans FINAL WHERE {where})"
        " ORDER BY cityHash64(trace_id, span_id) LIMIT {most:UInt32}",
        values,
    ).rows
    for name, value in rows:
        found.setdefault(f"score.{name}", []).append(float(value))


def _add_energy(store: Store, which: Side, found: dict[str, list[float]]) -> None:
    """Joules of a token, where the model runs on boards that are watched."""
    seconds = (which.end - which.start).total_seconds()
    if not which.model or seconds > _ENERGY_S or step_of(which.start, which.end) > 10:
        return
    for deployment in deployments(engines(store, which.start, which.end, which.project)):
        if deployment.model == which.model and deployment.boards:
            rows = shares(store, deployment, which.start, which.end, "span", MOST_CALLS)
            for row in rows:
                if row["output_tokens"]:
                    joules = row["energy_j"] / row["output_tokens"]
                    found.setdefault("energy_j_per_output_token", []).append(joules)
