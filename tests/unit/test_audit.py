"""The audit log: entries by actor and action, and for how long."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spanglass_dashboards.auditing import _action
from spanglass_store.state.audit import KEPT_DAYS, AuditLog
from spanglass_store.state.database import Database


def test_entries(tmp_path: Path) -> None:
    log = AuditLog(Database(f"sqlite:///{tmp_path / 'state.sqlite3'}"))
    log.add("k1", "payload.read", "/api/v1/sql", "blue", {"status": 200})
    log.add("k2", "PUT /api/v1/prices")
    assert [each.actor for each in log.list()] == ["k2", "k1"]
    [read] = log.list(action="payload")
    assert (read.project, read.target, read.detail) == ("blue", "/api/v1/sql", {"status": 200})
    assert log.list(actor="k1", action="PUT") == []
    assert log.list(action="pay%") == []
    log.clean(datetime.now(UTC) + timedelta(days=KEPT_DAYS - 1))
    assert len(log.list()) == 2
    log.clean(datetime.now(UTC) + timedelta(days=KEPT_DAYS + 1))
    assert log.list() == []


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/api/v1/traces", ""),
        ("GET", "/api/v1/traces/facets", ""),
        ("GET", "/api/v1/traces/abc", "payload.read"),
        ("GET", "/api/v1/traces/abc/spans/def", "payload.read"),
        ("GET", "/api/v1/conversations/s-1", "payload.read"),
        ("GET", "/api/v1/conversations", ""),
        ("POST", "/api/v1/sql", "payload.read"),
        ("POST", "/api/v1/sql/rows", "payload.read"),
        ("POST", "/api/v1/sql/parquet", "payload.read"),
        ("POST", "/api/v1/scores", ""),
        ("GET", "/api/v1/scores", "payload.read"),
        ("GET", "/api/v1/overview", ""),
        ("PUT", "/api/v1/prices", "PUT /api/v1/prices"),
        ("DELETE", "/api/v1/prompts/greeting/labels/production", "DELETE /api/v1/prompts"),
        ("POST", "/api/v1/prompts/greeting/render", ""),
        ("POST", "/api/v1/alerts/rules/x/preview", ""),
        ("POST", "/feedback/token", ""),
        ("GET", "/assets/x.js", ""),
        # Names that look like something else.
        ("DELETE", "/api/v1/prompts/render", "DELETE /api/v1/prompts"),
        ("DELETE", "/api/v1/datasets/preview", "DELETE /api/v1/datasets"),
        ("PUT", "/api/v1/alerts/rules/preview", "PUT /api/v1/alerts"),
        ("GET", "/api/v1/traces/timeline", ""),
        ("GET", "/api/v1/dead-letters/x", "payload.read"),
        ("GET", "/api/v1/dead-letters", ""),
        ("GET", "/api/v1/traces?query=model:x", ""),
        ("GET", "/api/v1/traces?query=-content%3Asecret", "payload.read"),
        ("GET", "/api/v1/traces/timeline?query=a+Content%3Ax", "payload.read"),
        ("GET", "/api/v1/users?query=content:x", "payload.read"),
    ],
)
def test_what_a_request_does(method: str, path: str, action: str) -> None:
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    assert _action(scope) == action
