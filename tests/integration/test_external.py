"""A ClickHouse that is somebody else's: readers are kept apart by what is sent to it."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys, Scope
from support import otlp
from support.commands import Commands
from support.external import ExternalServer
from support.running import RunningService
from support.waiting import wait_until

SECRET = "what was asked"
FREE = "127.0.0.1:0"


class Elsewhere(BaseHTTPRequestHandler):
    """What answers at the address is a web server of some kind."""

    def do_POST(self) -> None:
        self.send_error(501, "Error code: 501, not a database")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


class External:
    """A service over such a ClickHouse, with keys and a span of each of two projects."""

    def __init__(self, service: RunningService, server: ExternalServer) -> None:
        self.service = service
        self.server = server
        self.url = server.url
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
        yield External(service, server)


def test_a_reader_sees_its_own_project(external: External) -> None:
    service, key = external.service, external.read
    for table in ("spans", "traces", "spanglass.spans", "call_values"):
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


# -- what is wrong with it is one line -------------------------------------------------------------


def refused(cli: Commands, url: str) -> str:
    doors = [word for door in ("otlp-grpc", "otlp-http", "web") for word in (f"--{door}", FREE)]
    done = cli("serve", "--data-dir", "data", "--clickhouse", url, *doors)
    assert done.returncode == 1
    text = done.stderr.decode()
    assert text.startswith("spanglass: ")
    assert text.count("\n") == 1, text
    assert "secret" not in text
    return text


def test_a_clickhouse_that_is_too_old(
    external: External, cli: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanglass_store.client.OLDEST", (99, 1))
    line = refused(cli, external.url)
    assert "Spanglass needs 99.1 or later. Upgrade it" in line


def test_a_clickhouse_of_a_newer_version_of_ours(external: External, cli: Commands) -> None:
    with closing(external.server.owner()) as owner:
        owner.command("CREATE DATABASE newer")
        owner.command("CREATE TABLE newer.schema_migrations ENGINE = ReplacingMergeTree ORDER BY number AS"
                      " SELECT 99::UInt32 AS number, 'x' AS name")  # fmt: skip
    line = refused(cli, external.url.removesuffix("spanglass") + "newer")
    assert "has schema 99" in line
    assert "Install the newer Spanglass" in line


def test_a_wrong_password(external: External, cli: Commands) -> None:
    line = refused(cli, external.url.replace(":secret@", ":wrong@"))
    assert "Check the address given with --clickhouse" in line


def test_something_that_is_no_clickhouse(cli: Commands) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = refused(cli, f"http://u:secret@127.0.0.1:{server.server_port}/spanglass")
        server.shutdown()
    assert f"Can't reach ClickHouse at 127.0.0.1:{server.server_port}" in line


def test_a_rule_that_is_tried_shows_no_payload(external: External) -> None:
    rule = {
        "kind": "sql", "project": "blue", "condition": "> 0", "group_by": ["said"],
        "query": "SELECT input_text AS said, 1 AS value FROM spans",
    }  # fmt: skip
    path, asked = "/api/v1/alerts/rules/draft/preview", {"rule": rule}
    refused = external.service.api("POST", path, external.finance, json=asked)
    assert refused.status_code == 403
    assert SECRET not in refused.text
    seen = external.service.api("POST", path, external.read, json=asked)
    assert seen.status_code == 200, seen.text
