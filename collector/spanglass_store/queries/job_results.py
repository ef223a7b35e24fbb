"""Writing what jobs found: scores, personal data, failures and runs.

Every row's key follows from the job, the version of its detector and the span, so that a job that
runs twice, late or on two machines writes the same rows.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.job_spans import Key
from spanglass_store.queries.scores import Score, add_scores

_PII: Final = (
    "project", "trace_id", "span_id", "service", "environment", "operation", "start_time",
    "entity", "field", "role", "count", "confidence", "subjects", "job", "version", "found_at",
    "sample_data", "retention_days",
)  # fmt: skip
_RUN: Final = (
    "project", "run_id", "job", "version", "kind", "state", "error", "host", "started_at",
    "updated_at", "window_start", "window_end", "spans", "results", "failures", "seconds",
    "cost_usd", "lag_s",
)  # fmt: skip
_FAILURE: Final = (
    "project", "job", "version", "trace_id", "span_id", "start_time", "reason", "attempts",
    "resolved", "at", "retention_days",
)  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """A span that could not be judged.

    Attributes:
        span: its row.
        reason: why, for people.
        attempts: how many were made.
        resolved: whether the last one succeeded.
    """

    span: Mapping[str, Any]
    reason: str
    attempts: int = 1
    resolved: bool = False


def add_results(
    store: Store,
    job: str,
    version: str,
    judged: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]],
) -> None:
    """Writes the results of spans; they are on disk when this returns.

    Args:
        store: as the owner.
        job: whose.
        version: of its detector.
        judged: rows of spans, each with its results.
    """
    scores, findings = [], []
    now = datetime.now(UTC)
    for span, results in judged:
        for result in results:
            if result["kind"] == "score":
                scores.append(_score(job, version, span, result))
            else:
                row = {**span, **result, "start_time": _time(span), "job": job}
                row |= {"version": version, "found_at": now}
                findings.append([row[name] for name in _PII])
    if scores:
        add_scores(store, scores)
    if findings:
        store.insert("pii_findings", _PII, findings)


def _score(job: str, version: str, span: Mapping[str, Any], result: Mapping[str, Any]) -> Score:
    target = (job, version, span["project"], span["trace_id"], span["span_id"], result["name"])
    digest = hashlib.sha256("\0".join(target).encode()).hexdigest()[:32]
    return Score(
        project=span["project"],
        name=result["name"],
        value=result["value"],
        label=result["label"],
        source="judge" if result["name"].startswith("judge.") else "detector",
        explanation=result["explanation"],
        evaluator=f"{job}@{version}",
        trace_id=span["trace_id"],
        span_id=span["span_id"],
        session_id="",
        metadata=dict(result["metadata"]),
        score_id=f"{job}-{digest}",
        # The span's own time: the same at every run, and where a chart of scores wants it.
        created_at=_time(span),
    )


def add_failures(store: Store, job: str, version: str, failures: Sequence[Failure]) -> None:
    """Marks spans that could not be judged, or could at last."""
    now = datetime.now(UTC)
    rows = []
    for failure in failures:
        row = {**failure.span, "start_time": _time(failure.span), "job": job, "version": version}
        row |= {"reason": failure.reason, "attempts": failure.attempts, "at": now}
        row["resolved"] = failure.resolved
        rows.append([row[name] for name in _FAILURE])
    if rows:
        store.insert("job_failures", _FAILURE, rows)


def open_failures(
    store: Store, job: str, version: str, most_attempts: int, limit: int
) -> list[tuple[Key, int, datetime]]:
    """Spans that are to be tried again: key, attempts so far, and when the last one was."""
    rows = store.query(
        "SELECT project, toUnixTimestamp(toStartOfMinute(start_time)), trace_id, span_id,"
        f" attempts, at FROM {store.database}.job_failures FINAL"
        " WHERE job = {job:String} AND version = {version:String} AND NOT resolved"
        " AND attempts < {most:UInt8} ORDER BY at LIMIT {limit:UInt32}",
        {"job": job, "version": version, "most": most_attempts, "limit": limit},
    ).rows
    return [
        (Key(str(a), int(b), str(c), str(d)), int(attempts), at.replace(tzinfo=UTC))
        for a, b, c, d, attempts, at in rows
    ]


def write_run(store: Store, run: Mapping[str, Any]) -> None:
    """Writes how a run of a job stands; it replaces what was written of it before."""
    values = {"project": "", **run, "updated_at": datetime.now(UTC)}
    store.insert("jobs", _RUN, [[values[name] for name in _RUN]])


def _time(span: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(span["began"])).replace(tzinfo=UTC)
