"""The receipt of an erasure: what was removed from where, and the queries that prove it."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from spanglass_store.erasure.erase import MOST_LISTED, Eraser, Removed
from spanglass_store.erasure.selection import PERSONAL, Selection

#: Version of the receipt's form.
VERSION: Final = 1
_BY_TRACE: Final = ("spans", "traces", "logs", "scores", "pii_findings", "job_failures")
#: Columns that name a user or session, by table.
_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "spans": ("user_id", "session_id"),
    "traces": ("user_id", "session_id"),
    "logs": ("user_id", "session_id"),
}


def subject(key: bytes, value: str) -> str:
    """What stands in a receipt that is kept, instead of a person's value: a keyed hash."""
    return "hmac:" + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]


def impersonal(selection: Selection, key: bytes) -> dict[str, str]:
    """A selection's document with hashes where it names persons."""
    return {
        name: subject(key, value) if name in PERSONAL else value
        for name, value in selection.document().items()
    }


def receipt(
    erasure_id: str,
    selection: Selection,
    key: bytes,
    began: datetime,
    eraser: Eraser,
    store: Sequence[Removed],
    elsewhere: Mapping[str, tuple[int, int]],
    backups: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The receipt as JSON has it; it names no person.

    Args:
        erasure_id: of the erasure.
        selection: what was to go.
        key: for the hashes.
        began: when; what was accepted before is what is erased.
        eraser: while it still knows the traces.
        store: what went from ClickHouse.
        elsewhere: what went from other places, and what is left there, by name.
        backups: those that may hold it still, with the time at which they expire.
    """
    digest = hashlib.sha256()
    listed: list[str] = []
    count = 0
    traces = eraser.traces()
    for _, trace_id in islice(traces, MOST_LISTED):
        listed.append(trace_id)
        digest.update(trace_id.encode() + b"\n")
        count += 1
    for _, trace_id in traces:
        digest.update(trace_id.encode() + b"\n")
        count += 1
    return {
        "version": VERSION,
        "id": erasure_id,
        "selection": impersonal(selection, key),
        "accepted_before": began.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "removed": [
            {"place": each.table, "rows": each.rows, "parts": each.parts, "left": each.left}
            for each in store
        ]
        + [
            {"place": place, "rows": rows, "parts": 0, "left": left}
            for place, (rows, left) in elsewhere.items()
        ],
        "traces": {"count": count, "sha256": digest.hexdigest(), "ids": listed},
        "proof": proofs(selection, bool(listed)),
        "backups": list(backups),
    }


def proofs(selection: Selection, has_traces: bool) -> list[dict[str, str]]:
    """Queries that count what was erased; each says 0 as long as nothing of it comes anew.

    Their parameters are named as in the receipt: `{user_id:String}` is the selection's, `{traces}`
    are the ids that it lists.
    """
    of_project = " AND project = {project:String}" if selection.project else ""
    found = [
        {
            "place": table,
            "query": f"SELECT count() FROM {table} WHERE trace_id IN"
            f" {{traces:Array(String)}}{of_project}",
        }
        for table in _BY_TRACE
        if has_traces
    ]
    if has_traces:
        found.append({
            "place": "metrics",
            "query": "SELECT count() FROM metrics WHERE hasAny(exemplars.trace_id,"
            f" {{traces:Array(String)}}){of_project}",
        })  # fmt: skip
    names = [name for name in ("user_id", "session_id") if getattr(selection, name)]
    only = set(selection.document()) <= {"project", *names}
    if names and only:
        # With other conditions there can be more of the same person that was not meant.
        where = " AND ".join(f"{name} = {{{name}:String}}" for name in names)
        found += [
            {"place": table, "query": f"SELECT count() FROM {table} WHERE {where}{of_project}"}
            for table in _BY_NAME
        ]
    return found


def parameters(
    proof: Mapping[str, str], selection: Mapping[str, str], traces: Sequence[str]
) -> dict[str, Any]:
    """The values of a proof's parameters."""
    query = proof["query"]
    given: dict[str, Any] = {**selection, "traces": list(traces)}
    return {name: value for name, value in given.items() if f"{{{name}:" in query}


def text(document: Mapping[str, Any]) -> str:
    """A receipt as a file has it."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
