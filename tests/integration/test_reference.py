"""What the reference describes is what the service has, and the other way round."""

import contextlib

import pytest

from generator import metrics
from spanglass_store.meanings import column_meaning, described, table_meaning
from spanglass_store.schema import READABLE_TABLES
from support.running import RunningService
from support.waiting import wait_until


@pytest.mark.parametrize("table", READABLE_TABLES)
def test_every_column_is_described(shared_service: RunningService, table: str) -> None:
    rows = shared_service.sql(f"DESCRIBE TABLE {table}")
    columns = {row["name"] for row in rows}
    assert table_meaning(table)
    assert [name for name in columns if not column_meaning(table, name)] == []
    assert described(table) - columns == set()


def test_every_metric_is_described(shared_service: RunningService) -> None:
    def families() -> set[str]:
        exposed = shared_service.api("GET", "/metrics").text
        return {line.split()[2] for line in exposed.splitlines() if line.startswith("# TYPE")}

    page = metrics.page()
    assert {name for name in families() if f"`{name}`" not in page} == set()
    # Those of alerts are there while there is something to evaluate.
    path = "/api/v1/alerts/rules/described"
    rule = {"metric": "error_rate", "condition": "> 99%", "summary": "Nearly all calls fail."}
    assert shared_service.api("PUT", path, json=rule).is_success
    known = {name for name, _ in metrics.families()}
    with contextlib.suppress(AssertionError):
        wait_until(lambda: known <= families())
    missing = known - families()
    assert shared_service.api("DELETE", path).is_success
    assert missing == set()
