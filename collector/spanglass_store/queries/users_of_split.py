"""What happened to each user of two versions of a prompt, and what they were like before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.prices.costs import IS_INFERENCE

#: Users that are looked at.
MOST_USERS: Final = 200_000
#: How long before a test users are looked at.
EARLIER: Final = timedelta(days=14)
_UNIT: Final = "if(user_id != '', user_id, session_id)"
_VALUES: Final = {
    "error_rate": "avg(status = 'error')",
    "duration_s": "avgIf(duration_ns / 1e9, status != 'error')",
    "time_to_first_token_s": "avgIf(time_to_first_token_s, status != 'error')",
    "cost_usd": "avg(cost_usd)",
    "input_tokens": "avgIf(input_tokens, status != 'error')",
    "output_tokens": "avgIf(output_tokens, status != 'error')",
}


@dataclass
class Split:
    """Users of a test.

    Attributes:
        before: values by name and user, of users who saw the first version alone.
        after: of those who saw the second alone.
        earlier: of the time before the test.
        units_before: users of the first side.
        units_after: users of the second.
        both: users who saw both; they count on no side.
        days: new users of each side, day by day (UTC).
    """

    before: dict[str, dict[str, float]] = field(default_factory=dict)
    after: dict[str, dict[str, float]] = field(default_factory=dict)
    earlier: dict[str, dict[str, float]] = field(default_factory=dict)
    units_before: int = 0
    units_after: int = 0
    both: int = 0
    days: list[tuple[int, int]] = field(default_factory=list)


def users_of_split(
    store: Store, project: str, name: str, versions: tuple[str, str], start: datetime, end: datetime
) -> Split:
    """Users of two versions of a prompt, each with the means of what happened to them.

    Args:
        store: as a reader.
        project: whose.
        name: of the prompt.
        versions: both, as calls name them.
        start: of the test.
        end: of the range, exclusive.

    Raises:
        StoreError: if there are more users than `MOST_USERS`.
    """
    given: dict[str, Any] = {"project": project, "name": name, "versions": list(versions)}
    given |= {"start": start, "end": end, "most": MOST_USERS + 1}
    rows = store.query(
        f"SELECT {_UNIT} AS unit, groupUniqArray(prompt_version) AS seen,"
        f" toDate(min(start_time)) AS day, {_means()}"
        f" FROM {store.database}.spans FINAL WHERE {_where('versions')} AND unit != ''"
        " GROUP BY unit LIMIT {most:UInt32}",
        given,
    ).dicts()
    if len(rows) > MOST_USERS:
        raise StoreError(f"The test has more than {MOST_USERS:,} users: choose a shorter range.")
    found = Split()
    side: dict[str, int] = {}
    days: dict[Any, list[int]] = {}
    for row in rows:
        if len(row["seen"]) > 1:
            found.both += 1
            continue
        which = versions.index(row["seen"][0])
        side[row["unit"]] = which
        days.setdefault(row["day"], [0, 0])[which] += 1
        _put((found.before, found.after)[which], row)
    found.days = [(days[day][0], days[day][1]) for day in sorted(days)]
    found.units_before = sum(each == 0 for each in side.values())
    found.units_after = len(side) - found.units_before
    for unit, score, value in _scores(store, given, "versions"):
        if unit in side:
            into = (found.before, found.after)[side[unit]]
            into.setdefault(f"score.{score}", {})[unit] = value
    past = given | {"start": start - EARLIER, "end": start}
    for row in store.query(
        f"SELECT {_UNIT} AS unit, {_means()} FROM {store.database}.spans FINAL"
        f" WHERE {_where()} AND unit != '' GROUP BY unit LIMIT {{most:UInt32}}",
        past,
    ).dicts():
        if row["unit"] in side:
            _put(found.earlier, row)
    for unit, score, value in _scores(store, past, ""):
        if unit in side:
            found.earlier.setdefault(f"score.{score}", {})[unit] = value
    return found


def _put(into: dict[str, dict[str, float]], row: dict[str, Any]) -> None:
    for name in _VALUES:
        value = row[f"mean_{name}"]
        # The mean of nothing is no number.
        if value is not None and not math.isnan(value):
            into.setdefault(name, {})[row["unit"]] = float(value)


def _means() -> str:
    return ", ".join(f"{how} AS mean_{name}" for name, how in _VALUES.items())


def _where(versions: str = "") -> str:
    said = [
        "project = {project:String}", "prompt_name = {name:String}", IS_INFERENCE,
        "start_time >= {start:DateTime64(6, 'UTC')}", "start_time < {end:DateTime64(6, 'UTC')}",
    ]  # fmt: skip
    if versions:
        said.append("prompt_version IN {versions:Array(String)}")
    return " AND ".join(said)


def _scores(store: Store, given: dict[str, Any], versions: str) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = store.query(
        "SELECT unit, s.name, avg(s.value)"
        f" FROM {store.database}.scores AS s FINAL INNER JOIN ("
        f"SELECT DISTINCT trace_id, {_UNIT} AS unit FROM {store.database}.spans FINAL"
        f" WHERE {_where(versions)} AND unit != '') AS c ON s.trace_id = c.trace_id"
        " WHERE s.project = {project:String} AND s.value IS NOT NULL"
        " AND s.created_at >= {start:DateTime64(6, 'UTC')}"
        " GROUP BY unit, s.name LIMIT 1000000",
        given,
    ).rows
    return rows
