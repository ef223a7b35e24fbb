"""How complete a service's data is: what the SDK made of spans, against what is here.

Each process of the SDK numbers its spans and reports, window by window, which numbers it gave and
what became of them. So a span that never came is known to be missing, and often why.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from spanglass_store.client import Store

#: How much earlier than by the sender's clock a span can have come by ours, in hours.
_SKEW_H: Final = 6


@dataclass(frozen=True)
class Completeness:
    """One service in one hour.

    Attributes:
        hour: its start, UTC; a window of the SDK counts for the hour in which it ended.
        instances: processes that reported.
        expected: spans that they made and did not sample out.
        received: those of them that are here.
        waiting: those that waited in the process when its last window of the hour ended.
        spilled: written to disk, to be sent later.
        sampled_out: spans that were left out on purpose; not part of `expected`.
        dropped: spans that were lost in the process, by reason.
        reports_missing: windows whose report is not here; what they made is not in `expected`.
    """

    service: str
    hour: datetime
    instances: int
    expected: int
    received: int
    waiting: int
    spilled: int
    sampled_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    reports_missing: int = 0

    @property
    def missing(self) -> int:
        """Spans that were made and are not here."""
        return max(0, self.expected - self.received)

    @property
    def complete(self) -> float:
        """Share of the expected spans that is here, 0 to 1."""
        return min(1.0, self.received / self.expected) if self.expected else 1.0


def completeness(
    store: Store, start: datetime, end: datetime, project: str = "", service: str = ""
) -> list[Completeness]:
    """By service and hour, the latest hour first.

    Args:
        store: as a reader.
        start: earliest end of a window, inclusive.
        end: latest end of a window, exclusive.
        project: only this one.
        service: only this one.
    """
    of = " AND project = {project:String}" if project else ""
    of += " AND service = {service:String}" if service else ""
    reports = f"end_time >= {{start:DateTime64(6)}} AND end_time < {{end:DateTime64(6)}}{of}"
    # It arrives after it was made, however long it ran, and whatever it says of its beginning.
    spans = (
        f"ingested_at >= {{start:DateTime64(6)}} - toIntervalHour({_SKEW_H})"
        f" AND start_time < {{end:DateTime64(6)}}{of}"
    )
    database = store.database
    rows = store.query(
        "WITH made AS ("
        " SELECT service, toStartOfHour(end_time) AS hour, uniqExact(instance_id) AS instances,"
        " sum(if(sequence_last = 0, 0, sequence_last - sequence_first + 1)) AS expected,"
        " sum(last_waiting) AS waiting, sum(spilled) AS spilled, sum(sampled_out) AS sampled_out,"
        " sumMap(dropped) AS dropped, sum(gap) AS reports_missing"
        " FROM (SELECT *,"
        "  if(row_number() OVER (PARTITION BY instance_id, toStartOfHour(end_time)"
        "     ORDER BY number DESC) = 1, waiting, 0) AS last_waiting,"
        "  toInt64(number) - lagInFrame(toInt64(number), 1, toInt64(number) - 1)"
        "     OVER (PARTITION BY instance_id ORDER BY number"
        "     ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) - 1 AS gap"
        f"  FROM {database}.sdk_reports AS r FINAL WHERE {reports})"
        " GROUP BY service, hour),"
        " here AS ("
        " SELECT r.service AS service, toStartOfHour(r.end_time) AS hour, count() AS received"
        f" FROM (SELECT instance_id, sequence FROM {database}.spans AS s FINAL"
        f"  WHERE {spans} AND sequence > 0) AS s"
        " ASOF INNER JOIN (SELECT service, instance_id, end_time, sequence_first, sequence_last"
        f"  FROM {database}.sdk_reports AS r FINAL WHERE {reports} AND sequence_last > 0) AS r"
        " ON s.instance_id = r.instance_id AND s.sequence >= r.sequence_first"
        " WHERE s.sequence <= r.sequence_last GROUP BY service, hour)"
        " SELECT service, hour, instances, expected, received, waiting, spilled, sampled_out,"
        " dropped, reports_missing FROM made LEFT JOIN here USING (service, hour)"
        " ORDER BY hour DESC, service LIMIT 10000",
        {
            "start": start.replace(tzinfo=None),
            "end": end.replace(tzinfo=None),
            "project": project,
            "service": service,
        },
    )
    return [Completeness(**row) for row in rows.dicts()]
