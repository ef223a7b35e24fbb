"""The measured energy of requests, written into their spans as `energy_j`, and what that cost.

`queries.energy` has the method. Where the agent knows the price of a board's hour, a request's
share of it is its cost, with `measured` as `cost_source`, unless its tokens have a price or the
sender reported one. Its revision is the time of measuring, as those of prices are times: so the
newest of several counts in the trace, too.

Times are looked at in chunks of ten minutes, the time over which it is measured what the boards
draw when nothing runs: so a request gets the same energy whenever and however often its chunk is
looked at, and the sum over requests and idle is the counter's.

A span's new row is a microsecond younger than the one before. So it takes that one's place, jobs
that judge what has come do not see it as new, and one that was written meanwhile for another
reason stays.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.otlp.literal import quoted
from spanglass_store.prices.costs import IS_INFERENCE
from spanglass_store.queries.deployments import Deployment, deployments, engines
from spanglass_store.queries.energy import (
    CHUNK,
    INPUT_WEIGHT,
    IS_SERVED,
    LONGEST_REQUEST_S,
    energy_queries,
)
from spanglass_store.span_versions import write_versions

#: Days back in which counters are looked for that came of late: what an agent had to keep.
_DAYS: Final = 2
#: Sources of a cost that what was measured takes the place of.
_MEASURABLE: Final = "('unknown', 'estimated', 'measured')"
#: Part by which two sums of the same numbers may differ: they are added up in any order.
_EQUAL: Final = 1e-9
_ID: Final = "cityHash64(project, trace_id, span_id)"
_WINDOW: Final = (
    "ingested_at > fromUnixTimestamp64Micro({after:Int64}, 'UTC')"
    " AND ingested_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
)

#: A project and the number of a chunk: its beginning in seconds since 1970, over `CHUNK`.
Chunk = tuple[str, int]


def measured_projects(store: Store) -> set[str]:
    """Whose boards have been read in the last days.

    Args:
        store: as the owner.
    """
    rows = store.query(
        f"SELECT DISTINCT project FROM {store.database}.metrics WHERE name = 'hw.energy'"
        f" AND toDate(time) >= today() - {_DAYS}"
    ).rows
    return {str(row[0]) for row in rows}


def arrived(store: Store, after: int, until: int, projects: Iterable[str]) -> set[Chunk]:
    """Chunks for which counters or calls of models came in a time.

    Args:
        store: as the owner.
        after: exclusive, in microseconds since 1970.
        until: inclusive.
        projects: whose.
    """
    values = {"after": after, "until": until, "projects": sorted(projects)}
    found = {
        (str(project), int(chunk))
        for project, chunk in store.query(
            f"SELECT DISTINCT project, intDiv(toUnixTimestamp(time), {CHUNK})"
            f" FROM {store.database}.metrics WHERE name = 'hw.energy' AND {_WINDOW}"
            f" AND project IN {{projects:Array(String)}} AND toDate(time) >= today() - {_DAYS}",
            values,
        ).rows
    }
    for project, first, last in store.query(
        f"SELECT DISTINCT project, intDiv(toUnixTimestamp(start_time), {CHUNK}) AS first,"
        f" intDiv(toUnixTimestamp(start_time + toIntervalNanosecond(duration_ns)), {CHUNK})"
        f" FROM {store.database}.spans WHERE {_WINDOW} AND {IS_INFERENCE}"
        " AND project IN {projects:Array(String)}",
        values,
    ).rows:
        most = int(first) + LONGEST_REQUEST_S // CHUNK
        found.update((str(project), n) for n in range(int(first), min(int(last), most) + 1))
    return found


def fill(store: Store, project: str, first: int, last: int) -> int:
    """Writes the energy of every request that was there in some chunks.

    Doing it again changes nothing.

    Args:
        store: as the owner. One process at a time may do this.
        project: whose.
        first: number of the first chunk.
        last: of the last one, inclusive; an hour's at most.

    Returns:
        How many spans have got another energy than they had.

    Raises:
        StoreUnavailable: if ClickHouse can't do it now.
    """
    start, end = _moment(first), _moment(last + 1)
    done, seen = 0, set[tuple[str, ...]]()
    for each in deployments(engines(store, start, end, project)):
        if each.boards and each.models not in seen:
            seen.add(each.models)
            done += _fill(store, each, start, end)
    return done


def _fill(store: Store, of: Deployment, start: datetime, end: datetime) -> int:
    values = {"project": of.project, "models": list(of.models), "start": start, "end": end}
    within = (
        f"project = {{project:String}} AND {IS_INFERENCE} AND {IS_SERVED}"
        " AND start_time < {end:DateTime64(6, 'UTC')}"
        f" AND start_time >= {{start:DateTime64(6, 'UTC')}} - INTERVAL {LONGEST_REQUEST_S} SECOND"
        " AND start_time + toIntervalNanosecond(duration_ns) > {start:DateTime64(6, 'UTC')}"
    )
    count, earliest, latest = store.row(
        "SELECT count(), toUnixTimestamp(min(start_time)),"
        " toUnixTimestamp(max(start_time + toIntervalNanosecond("
        f"least(duration_ns, {LONGEST_REQUEST_S} * 1000000000))))"
        f" FROM {store.database}.spans WHERE {within}",
        values,
    )
    if not count:
        return 0
    # The whole life of each of them, in whole chunks.
    whole = _moment(int(earliest) // CHUNK), _moment(int(latest) // CHUNK + 1)
    common, of_shares = energy_queries(store, of, *whole, INPUT_WEIGHT)
    table = f"{store.database}.new_energy"
    try:
        store.command(f"TRUNCATE TABLE {table}")
        store.command(
            f"INSERT INTO {table} (id, is_changed, energy_j, is_charged, usd) WITH {common},"
            " found AS (SELECT key, sum(weight / total * (joules - rest_j)) AS j,"
            " sum(weight / total * (money - rest_usd)) AS paid"
            " FROM work INNER JOIN shared USING (slot) WHERE total > 0 GROUP BY key)"
            # What is a parent of another call by now has no energy of its own any more.
            f" SELECT {_ID}, true, if(found.key = 0, NULL, found.j) AS new,"
            f" {{price:Float64}} > 0 AND s.cost_source IN {_MEASURABLE}"
            " AND (found.key != 0 OR s.cost_source = 'measured') AS is_charged,"
            " if(found.key = 0, NULL, found.paid) AS usd"
            " FROM (SELECT project, trace_id, span_id, energy_j, cost_usd, cost_source"
            f" FROM {store.database}.spans FINAL"
            f" WHERE {within.replace('{start:', '{since:').replace('{end:', '{until:')}) AS s"
            " LEFT JOIN found ON cityHash64(s.trace_id, s.span_id) = found.key"
            f" WHERE {_differs('new', 's.energy_j')}"
            " OR (is_charged AND (s.cost_source != 'measured'"
            f" OR {_differs('usd', 's.cost_usd')}))",
            {**of_shares, "since": start, "until": end},
        )
        (changed,) = store.row(f"SELECT count() FROM {table}")
        if changed:
            _write(store, values, within)
    finally:
        store.command(f"TRUNCATE TABLE {table}")
    return int(changed)


def _write(store: Store, values: dict[str, Any], within: str) -> None:
    new = f"joinGet({quoted(f'{store.database}.new_energy')}, '{{}}', {_ID})"
    is_charged, usd = new.format("is_charged"), new.format("usd")
    changed = {
        "energy_j": new.format("energy_j"),
        "cost_usd": f"if({is_charged}, {usd}, cost_usd)",
        # It belongs to neither.
        "input_cost_usd": f"if({is_charged}, NULL, input_cost_usd)",
        "output_cost_usd": f"if({is_charged}, NULL, output_cost_usd)",
        "cost_source": (
            f"if({is_charged}, if(isNull({usd}), 'unknown', 'measured'), toString(cost_source))"
        ),
        "price_revision": (
            f"if({is_charged}, greatest(toUInt32(now()), price_revision + 1), price_revision)"
        ),
        "ingested_at": "ingested_at + toIntervalMicrosecond(1)",
    }
    # The condition is one of the key, so it may be looked at before versions are merged: messages
    # of other spans are not read.
    source = f"{store.database}.spans FINAL PREWHERE {new.format('is_changed')} WHERE {within}"
    write_versions(store, source, changed, values)


def _differs(new: str, old: str) -> str:
    return (
        f"(abs(ifNull({new}, 0) - ifNull({old}, 0)) > {_EQUAL} * abs(ifNull({new}, 0))"
        f" OR isNull({new}) != isNull({old}))"
    )


def _moment(chunk: int) -> datetime:
    return datetime.fromtimestamp(chunk * CHUNK, UTC)
