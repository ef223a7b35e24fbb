"""What slipped through the first look for personal data, as the nightly sample estimates it.

The sample is of whole traces, each of which is in it with the share that its scores tell. Totals
are Horvitz and Thompson's, with their variance for such a sample; shares of traces have Wilson's
interval.
"""

import math
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_detectors.pii.rescan import MISSED
from spanglass_detectors.savings.monthly import share_interval
from spanglass_store.client import Store

_Z: Final = 1.96
#: Of what was found in no trace of a sample, there are at most so many in it (95 %).
_NONE_SEEN: Final = -math.log(0.05)
_MOST_KINDS: Final = 200


def pii_missed(
    store: Store, start: datetime, end: datetime, project: str = "", service: str = ""
) -> dict[str, Any]:
    """The estimate for spans that began in a window.

    Args:
        store: as a reader.
        start: of the window, inclusive.
        end: exclusive.
        project: whose; everybody's unless given.
        service: of which service; all unless given.

    Returns:
        `spans` and `traces` that were looked through, `traces_with`: traces in which something was
        missed; `share` of those with `low` and `high`; `estimated` findings with `least` and
        `most`; `pipeline`, the spaCy pipeline; `kinds`, by entity and recogniser.
    """
    where = ["name = {name:String}", "source = 'detector'"]
    where += ["created_at >= {start:DateTime64(6)}", "created_at < {end:DateTime64(6)}"]
    values: dict[str, Any] = {
        "name": MISSED, "start": _naive(start), "end": _naive(end), "most": _MOST_KINDS,
    }  # fmt: skip
    if project:
        where.append("project = {project:String}")
        values["project"] = project
    if service:
        where.append("metadata['service'] = {service:String}")
        values["service"] = service
    # A new version's scores stand beside the old: the last says it.
    last = "(created_at, evaluator)"
    scores = (
        f"(SELECT project, trace_id, span_id, argMax(ifNull(value, 0), {last}) AS missed,"
        f" argMax(metadata, {last}) AS told FROM {store.database}.scores FINAL"
        f" WHERE {' AND '.join(where)} GROUP BY project, trace_id, span_id)"
    )
    share = "any(greatest(toFloat64OrZero(told['share']), 1e-6))"
    sums = "sum(m / p) AS estimated, sum((1 - p) / p / p * m * m) AS variance"
    whole = store.named_row(
        f"SELECT count() AS traces, sum(spans) AS spans_, countIf(m > 0) AS traces_with, {sums},"
        " min(p) AS least_share, any(pipeline) AS pipeline_ FROM (SELECT count() AS spans,"
        f" sum(missed) AS m, {share} AS p, any(told['pipeline']) AS pipeline FROM {scores}"
        " GROUP BY project, trace_id)",
        values,
    )
    rows = store.query(
        f"SELECT kind, count() AS traces, sum(m) AS seen, {sums} FROM (SELECT"
        f" pair.1 AS kind, sum(toUInt64OrZero(pair.2)) AS m, {share} AS p FROM {scores}"
        " ARRAY JOIN arrayZip(mapKeys(told), mapValues(told)) AS pair"
        " WHERE startsWith(pair.1, 'missed.') OR startsWith(pair.1, 'found.')"
        " GROUP BY project, trace_id, kind) GROUP BY kind ORDER BY estimated DESC, kind"
        " LIMIT {most:UInt32}",
        values,
    ).dicts()
    known = {
        str(row["kind"]).removeprefix("found."): float(row["estimated"])
        for row in rows
        if str(row["kind"]).startswith("found.")
    }
    traces, with_some = int(whole["traces"]), int(whole["traces_with"])
    low, high = share_interval(with_some, traces)
    least, most = _interval(whole, float(whole["least_share"] or 1.0))
    return {
        "spans": int(whole["spans_"]),
        "traces": traces,
        "traces_with": with_some,
        "share": with_some / traces if traces else None,
        "low": low,
        "high": high,
        "estimated": float(whole["estimated"] or 0),
        "least": least if traces else None,
        "most": most if traces else None,
        "pipeline": str(whole["pipeline_"]),
        "kinds": [_kind(row, known) for row in rows if str(row["kind"]).startswith("missed.")],
    }


def _kind(row: dict[str, Any], known: dict[str, float]) -> dict[str, Any]:
    _, entity, recogniser = str(row["kind"]).split(".", 2)
    least, most = _interval(row, 1.0)
    return {
        "entity": entity,
        "recogniser": recogniser,
        "seen": int(row["seen"]),
        "traces": int(row["traces"]),
        "estimated": float(row["estimated"]),
        "least": max(least, float(row["seen"])),
        "most": most,
        "found": known.get(entity, 0.0),
    }


def _interval(row: dict[str, Any], share: float) -> tuple[float, float]:
    # Sums over no row are none at all.
    estimated, variance = float(row["estimated"] or 0), float(row["variance"] or 0)
    deviation = math.sqrt(variance)
    if not estimated:
        return 0.0, 0.0 if share >= 1 else _NONE_SEEN / share
    return max(0.0, estimated - _Z * deviation), estimated + _Z * deviation


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
