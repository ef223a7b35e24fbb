"""A ClickHouse that is somebody else's: readers are kept apart by what is sent to it."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys, Scope
from support import otlp
from support.external import ExternalServer
from support.running import RunningService
from support.waiting import wait_until

SECRET = "what was asked"


class External:
    """A service over such a ClickHouse, with keys and a span of each of two projects."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        database = Database(f"sqlite:///{service.data_dir / 'state.sqlite3'}")
        with closing(database):
            keys = Keys(database)
            self.send = {name: keys.create(Scope.INGEST, name)[1] for name in ("blue", "red")}
            self.read = keys.create(Scope.READ, "blue")[1]
            self.finance = keys.create(Scope.READ, "blue", payload=False)[1]
        wait_until(lambda: service.api("GET", "/metrics", key="").status_code == 401)
        self.spans = {}
        for project, key in self.send.items():
            span = otlp.chat_span(5, 6, {"gen_ai.input.messages": f"{SECRET} in {project}"})
            self.spans[project] = span
            service.send(otlp.request(span, service=project), authorization=f"Bearer {key}")
        service.settle()


@pytest.fixture(scope="module")
def external(tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    folder = tmp_path_factory.mktemp("external")
    with (
        ExternalServer(folder / "clickhouse") as server,
        closing(server.owner()) as owner,
        RunningService(folder / "data", "--clickhouse", server.url) as service,
    ):
        owner.command("CREATE DATABASE theirs")
        owner.command("CREATE TABLE theirs.salaries ENGINE = Log AS SELECT 1 AS salary")
        owner.command("CREATE DATABASE `the.irs`")
        owner.command("CREATE TABLE `the.irs`.`a b` ENGINE = Log AS SELECT 1 AS salary")
        owner.command("CREATE TABLE spanglass.hidden ENGINE = Log AS SELECT 1 AS n")
        yield External(service)


def test_a_reader_sees_its_own_project(external: External) -> None:
    service, key = external.service, external.read
    for table in ("spans", "traces", "spanglass.spans"):
        query = f"SELECT DISTINCT project FROM {table}"
        assert service.sql(query, key) == [{"project": "blue"}]
        assert len(service.sql(query)) == 2, "commands on this machine see all"
    for query in (
        "WITH a AS (SELECT project FROM spans) SELECT DISTINCT a.project FROM a",
        "SELECT DISTINCT spans.project AS project FROM spanglass.spans",
        "SELECT DISTINCT project FROM (SELECT * FROM spans JOIN traces USING trace_id)",
        "SELECT DISTINCT project FROM view(SELECT project FROM spans)",
        "SELECT DISTINCT project FROM spans WHERE project IN (SELECT project FROM traces)",
    ):
        assert service.sql(query, key) == [{"project": "blue"}], query
    assert service.sql("SELECT input_text FROM spans", key) == [{"input_text": f"{SECRET} in blue"}]
    assert service.sql("SELECT 1 AS n FROM system.one", key) == [{"n": 1}]
    assert len(service.sql("SELECT number FROM numbers(3)", key)) == 3
    assert service.sql("SHOW CREATE TABLE spans", key)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM system.users", "SELECT * FROM system.query_log",
        "SELECT * FROM INFORMATION_SCHEMA.tables", "SELECT * FROM theirs.salaries",
        "SELECT 1 IN theirs.salaries", "SELECT 1 AS n WHERE n GLOBAL IN theirs.salaries",
        "SELECT * FROM view(SELECT * FROM theirs.salaries)",
        "WITH a AS (SELECT * FROM `theirs`.`salaries`) SELECT * FROM a",
        "SELECT * FROM spans JOIN theirs.salaries AS s ON true",
        "SELECT * FROM `the.irs`.`a b`", "SELECT 1 IN `the.irs`.`a b`",
        "SELECT * FROM hidden", "SELECT * FROM spanglass.hidden", "SELECT 1 IN hidden",
        "SELECT * FROM traces_from_spans", "SELECT * FROM schema_migrations",
        "DESCRIBE TABLE theirs.salaries", "SHOW CREATE TABLE theirs.salaries",
        "SHOW COLUMNS FROM hidden", "SELECT * FROM merge('theirs', 'salaries')",
        "SELECT project FROM spans SETTINGS additional_table_filters = {}",
        "EXPLAIN SELECT * FROM theirs.salaries",
        "INSERT INTO spans (project) VALUES ('x')", "SELECT * FROM file('/etc/hostname')",
    ],
)  # fmt: skip
def test_nothing_else_can_be_read(external: External, query: str) -> None:
    answer = external.service.ask(query, key=external.read)
    assert answer.status_code == 400, answer.text
    assert re.search(r"not available|readonly|Only SELECT", answer.json()["detail"])


def test_without_the_right_to_payload_there_is_no_sql(external: External) -> None:
    service, key = external.service, external.finance
    for query in ("SELECT input FROM spans", "SELECT name FROM spans", "SELECT 1", "SHOW TABLES"):
        answer = service.ask(query, key=key)
        assert answer.status_code == 403, answer.text
        assert "--payload" in answer.json()["detail"]
    listed = service.get("/api/v1/traces", key)
    assert [item["project"] for item in listed["items"]] == ["blue"]
    (shown,) = service.trace(external.spans["blue"].trace_id, key)
    assert SECRET not in str(shown)
    missing = external.spans["red"].trace_id.hex()
    assert service.api("GET", f"/api/v1/traces/{missing}", key).status_code == 404
