"""The store without a service: blocks, halving, roles, migrations."""

import json
import os
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector import watching
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import MOST_SPANS, RESOURCES, Window, check_request
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.spool import Spool, SpoolLimits
from spanglass_collector.ingest.writer import Writer
from spanglass_collector.watching import Watcher
from spanglass_store.client import Store
from spanglass_store.endpoint import Role
from spanglass_store.errors import QueryRefused, StoreError, StoreUnavailable
from spanglass_store.migrate import applied, migrate, migrations
from spanglass_store.otlp.schema import PROJECT_FIELD
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook
from spanglass_store.statements import check_statement
from support import otlp
from support.embedded import EmbeddedStore
from support.waiting import wait_until


class Pipeline:
    """Spool, accounts, dead letters and writer over a store, as the service has them."""

    def __init__(
        self, folder: Path, owner: Store, segment_spans: int = 1 << 30, threads: int = 2
    ) -> None:
        (folder / "spool").mkdir()
        (folder / "dead").mkdir()
        self.ledger = Ledger(folder / "ledger.json")
        self.dead_letters = DeadLetters(folder / "dead")
        # Nothing is sealed by its age: a test decides what one segment is.
        limits = SpoolLimits(segment_age_s=3600, segment_items=segment_spans)
        self.spool = Spool(folder / "spool", TRACES, limits, self.ledger.spooled)
        self.writer = Writer(owner, self.spool, self.ledger, self.dead_letters, threads)

    def accept(self, message: ExportTraceServiceRequest, project: str) -> None:
        checked = check_request(message.SerializeToString(), Window(0))
        stamp = wire.field(PROJECT_FIELD, project.encode())
        parts = [wire.field(RESOURCES, content + stamp) for content in checked.resources]
        self.spool.append(parts, checked.accepted).result()

    def store(self) -> None:
        """Seals the last segment and stores what there is."""
        self.spool.close()
        self.writer.start()
        try:
            wait_until(lambda: self.spool.empty, "the segment is stored")
        finally:
            self.writer.stop()


@pytest.fixture
def pipeline(tmp_path: Path, embedded_store: EmbeddedStore) -> Iterator[Pipeline]:
    made = Pipeline(tmp_path, embedded_store.owner)
    yield made
    made.spool.close()
    account = made.ledger.account()
    assert account.holds, account
    assert account.spooled == 0


def many(count: int, **fields: object) -> ExportTraceServiceRequest:
    """A request of `count` spans with ids of their own."""
    template = otlp.span("many", **fields)  # type: ignore[arg-type]
    prefix = os.urandom(4)
    message = otlp.request()
    spans = message.resource_spans[0].scope_spans[0].spans
    for n in range(count):
        template.span_id = prefix + n.to_bytes(4, "big")
        spans.append(template)
    return message


def test_a_segment_is_one_block_however_many_requests_it_has(
    pipeline: Pipeline, embedded_store: EmbeddedStore, unique: str
) -> None:
    """More than ClickHouse's default block, more than one resource, more than one request."""
    owner = embedded_store.owner
    owner.command("SYSTEM STOP MERGES spanglass.spans")
    before = {row[0] for row in owner.query(_PARTS).rows}
    try:
        total = 0
        for count in (2 * MOST_SPANS + 5, MOST_SPANS, 40_000):
            pipeline.accept(many(count), unique)
            total += count
        pipeline.store()
        made = [row for row in owner.query(_PARTS).rows if row[0] not in before]
    finally:
        owner.command("SYSTEM START MERGES spanglass.spans")
    assert pipeline.writer.stats.inserts == 1
    assert [rows for _, rows in made] == [total], "one part a day, as all are of one day"
    found = owner.query("SELECT count() FROM spanglass.spans WHERE project = {p:String}",
                        {"p": unique}).rows  # fmt: skip
    assert found[0][0] == total


_PARTS = "SELECT name, rows FROM system.parts WHERE database = 'spanglass' AND table = 'spans' AND active"


def test_a_segment_over_two_days_is_one_block_too(
    pipeline: Pipeline, embedded_store: EmbeddedStore, unique: str
) -> None:
    now = otlp.span().start_time_unix_nano
    pipeline.accept(many(100, start=now), unique)
    pipeline.accept(many(100, start=now - 40 * otlp.DAY), unique)
    pipeline.store()
    assert pipeline.writer.stats.inserts == 1
    rows = embedded_store.owner.query(
        "SELECT uniqExact(_partition_id), count() FROM spanglass.spans WHERE project = {p:String}",
        {"p": unique},
    ).rows
    assert list(rows[0]) == [2, 200]


@pytest.fixture
def small(tmp_path: Path, embedded_store: EmbeddedStore) -> Pipeline:
    """Ten spans a segment, and one writer."""
    return Pipeline(tmp_path, embedded_store.owner, segment_spans=10, threads=1)


def test_segments_that_wait_are_stored_together(
    small: Pipeline, embedded_store: EmbeddedStore, unique: str
) -> None:
    for _ in range(7):
        small.accept(many(10), unique)
    small.store()
    assert small.writer.stats.inserts == 1
    assert stored_names(embedded_store, unique) == {"many": 70}
    assert small.ledger.account().stored == 70


def test_what_is_refused_together_is_stored_one_by_one(
    small: Pipeline, embedded_store: EmbeddedStore, unique: str, refused: Callable[[str], None]
) -> None:
    refused(f"bad {unique}")
    for n in range(7):
        small.accept(many(10), unique)
        if n == 2:
            small.accept(otlp.request(otlp.span(f"bad {unique}")), unique)
    small.store()
    assert stored_names(embedded_store, unique) == {"many": 70}
    account = small.ledger.account()
    assert account.holds
    assert (account.stored, account.dead_lettered, account.spooled) == (70, 1, 0)


def stored_names(embedded_store: EmbeddedStore, project: str) -> dict[str, int]:
    """How many rows a project has of each name."""
    rows = embedded_store.owner.query(
        "SELECT name, count() FROM spanglass.spans WHERE project = {p:String} GROUP BY name",
        {"p": project},
    ).rows
    return {str(name): int(count) for name, count in rows}


@pytest.fixture
def refused(embedded_store: EmbeddedStore) -> Iterator[Callable[[str], None]]:
    """Makes the table refuse spans of a name, for the length of a test."""
    names: list[str] = []

    def refuse(name: str) -> None:
        constraint = f"no_{uuid.uuid4().hex}"
        embedded_store.owner.command(
            f"ALTER TABLE spanglass.spans ADD CONSTRAINT {constraint} CHECK name != '{name}'"
        )
        names.append(constraint)

    yield refuse
    for constraint in names:
        embedded_store.owner.command(f"ALTER TABLE spanglass.spans DROP CONSTRAINT {constraint}")


@pytest.mark.parametrize("bad", [[0], [3, 4, 499]])
def test_only_what_is_refused_becomes_dead_letters(
    pipeline: Pipeline,
    embedded_store: EmbeddedStore,
    unique: str,
    refused: Callable[[str], None],
    bad: list[int],
) -> None:
    refused(f"bad-{unique}")
    spans = [otlp.span(f"good-{unique}") for _ in range(500)]
    for n in bad:
        spans[n].name = f"bad-{unique}"
    for n in range(0, 500, 100):
        pipeline.accept(otlp.request(*spans[n : n + 100]), unique)
    pipeline.store()
    stored = embedded_store.owner.query(
        "SELECT span_id, project FROM spanglass.spans FINAL WHERE project = {p:String}",
        {"p": unique},
    ).rows
    assert {row[0] for row in stored} == {
        one.span_id.hex() for n, one in enumerate(spans) if n not in bad
    }
    account = pipeline.ledger.account()
    assert (account.stored, account.dead_lettered) == (500 - len(bad), len(bad))
    letters = pipeline.dead_letters.list()
    assert [letter.items for letter in letters] == [1] * len(bad)
    assert all("violated" in letter.reason for letter in letters)
    dead = [
        otlp.all_spans(ExportTraceServiceRequest.FromString(pipeline.dead_letters.body(each.name)))
        for each in letters
    ]
    assert {one.span_id for (one,) in dead} == {spans[n].span_id for n in bad}


def test_a_table_that_takes_nothing_makes_no_dead_letters(
    tmp_path: Path, embedded_store: EmbeddedStore, unique: str
) -> None:
    """The fault is the table's, not the rows': they wait."""
    owner = embedded_store.owner
    made = Pipeline(tmp_path, owner)
    made.accept(many(10), unique)
    made.spool.close()
    owner.command("RENAME TABLE spanglass.spans TO spanglass.spans_away")
    try:
        made.writer.start()
        wait_until(lambda: made.writer.stats.retries > 1)
        assert made.dead_letters.list() == []
        assert made.ledger.account().spooled == 10
    finally:
        owner.command("RENAME TABLE spanglass.spans_away TO spanglass.spans")
    wait_until(lambda: made.spool.empty)
    made.writer.stop()
    assert made.ledger.account().stored == 10


def test_the_same_segment_stored_twice_is_stored_once(
    tmp_path: Path, embedded_store: EmbeddedStore, unique: str
) -> None:
    """As after a crash between the insert and the accounts."""
    message = many(300)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made = Pipeline(tmp_path / name, embedded_store.owner)
        made.accept(message, unique)
        made.store()
    rows = embedded_store.reader(projects=(unique,)).query("SELECT count() FROM spans").rows
    assert rows[0][0] == 300


# -- roles ---------------------------------------------------------------------------------------


@pytest.fixture
def two_projects(pipeline: Pipeline, unique: str) -> tuple[str, str]:
    """Names of two projects with one span each, with content."""
    mine, other = f"{unique}-mine", f"{unique}-other"
    for project in (mine, other):
        pipeline.accept(otlp.request(otlp.span(project, attrs={"input.value": "said"})), project)
    pipeline.store()
    return mine, other


def test_a_reader_sees_the_projects_it_was_given(
    embedded_store: EmbeddedStore, two_projects: tuple[str, str], unique: str
) -> None:
    mine, other = two_projects

    def seen(projects: tuple[str, ...] | None, table: str) -> set[str]:
        rows = (
            embedded_store.reader(projects=projects)
            .query(
                f"SELECT project FROM {table} WHERE startsWith(project, {{u:String}})",
                {"u": unique},
            )
            .rows
        )
        return {row[0] for row in rows}

    for table in ("spans", "traces"):
        assert seen((mine,), table) == {mine}
        assert seen((other,), table) == {other}
        assert seen(two_projects, table) == {mine, other}
        assert seen((), table) == set()
        assert seen(("*",), table) == {mine, other} or table
        assert seen(None, table) == {mine, other}
    assert embedded_store.reader(projects=(mine,)).query("SELECT count() FROM spans").rows == [(1,)]


@pytest.mark.parametrize(
    "column", ["input", "output", "input_text", "output_text", "payload_attributes",
               "payload_events.attributes"],
)  # fmt: skip
def test_content_takes_the_grant(
    embedded_store: EmbeddedStore, two_projects: tuple[str, str], column: str
) -> None:
    sql = f"SELECT `{column}` FROM spans"
    assert len(embedded_store.reader(True, two_projects).query(sql).rows) == 2
    for statement in (
        sql,
        "SELECT * FROM spans",
        f"SELECT count() FROM spans WHERE empty(`{column}`)",
    ):
        if statement == "SELECT * FROM spans" and column.endswith("_text"):
            continue
        with pytest.raises(QueryRefused, match="Not enough privileges"):
            embedded_store.reader(False, two_projects).query(statement)


@pytest.mark.parametrize("payload", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO spans (name) VALUES ('x')", "DROP TABLE spans", "TRUNCATE TABLE spans",
        "ALTER TABLE spans DELETE WHERE 1", "CREATE TABLE t (a Int8) ENGINE = Memory",
        "CREATE DATABASE d", "SYSTEM SHUTDOWN",
        "SYSTEM STOP MERGES spanglass.spans", "SYSTEM STOP LISTEN QUERIES ALL",
        "KILL QUERY WHERE 1 SYNC", "OPTIMIZE TABLE spans FINAL", "CREATE FUNCTION f AS x -> x",
    ],
)  # fmt: skip
def test_a_reader_can_change_nothing(
    embedded_store: EmbeddedStore, payload: bool, statement: str
) -> None:
    with pytest.raises(QueryRefused):
        embedded_store.reader(payload).command(statement)


def test_a_reader_can_not_lift_its_limits(embedded_store: EmbeddedStore) -> None:
    reader = embedded_store.reader()
    for setting in ("readonly = 0", "max_memory_usage = 0", "max_execution_time = 0", "final = 0"):
        with pytest.raises(QueryRefused, match="readonly mode"):
            reader.query(f"SELECT 1 SETTINGS {setting}")
    with pytest.raises(QueryRefused, match="memory limit"):
        reader.query("SELECT groupArray(number) FROM numbers(1000000000)")
    assert len(reader.query("SELECT number FROM numbers(10000000)").rows) <= 100_001 + 65_536


def test_nobody_gets_in_without_a_password(embedded_store: EmbeddedStore) -> None:
    """Any process of this machine could log in as `default`, which the server itself needs."""
    endpoint = embedded_store.server.endpoint
    url = f"http://127.0.0.1:{endpoint.port}/"
    strangers: list[dict[str, Any]] = [
        {}, {"params": {"user": "default"}}, {"auth": ("default", "")},
        {"headers": {"X-ClickHouse-User": "default"}},
        {"headers": {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""}},
        {"auth": ("spanglass", "guess")}, {"params": {"user": "spanglass", "password": "guess"}},
    ]  # fmt: skip
    for stranger in strangers:
        for statement in ("SELECT 1", "SELECT file('/etc/hostname')", "SYSTEM STOP LISTEN HTTP"):
            answer = httpx.post(url, content=statement, **stranger)
            assert answer.status_code == 404, (stranger, statement)
            assert httpx.get(url, params={"query": statement}).status_code == 404
    name, password = endpoint.user(Role.READER)
    mixed = httpx.post(
        url, params={"user": "default", "password": ""}, content="SELECT file('/etc/hostname')",
        headers={"X-ClickHouse-User": name, "X-ClickHouse-Key": password},
    )  # fmt: skip
    assert mixed.status_code == 403
    for path in ("play", "dashboard", "replicas_status"):
        assert httpx.get(url + path).status_code == 404
    assert httpx.get(url + "ping").status_code == 200


def test_it_listens_on_one_port_of_this_machine_alone(embedded_store: EmbeddedStore) -> None:
    server = embedded_store.server
    listening = [
        connection.laddr
        for connection in psutil.Process(server.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert [(each.ip, each.port) for each in listening] == [("127.0.0.1", server.endpoint.port)]


# -- what people's SQL may consist of ------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select name, count() from spans group by all order by 2 desc limit 10",
        "SELECT * FROM spans AS s FINAL PREWHERE s.name = 'x' WHERE start_time > now() - INTERVAL 1"
        " DAY GROUP BY ALL WITH TOTALS HAVING 1 ORDER BY name DESC NULLS LAST LIMIT 1 BY name",
        "WITH x AS (SELECT 1 AS a UNION ALL SELECT 2) SELECT x.a, t.* EXCEPT (root) FROM x"
        " LEFT JOIN traces AS t ON t.spans = x.a ARRAY JOIN [1, 2] AS n",
        "SELECT quantile(0.99)(duration_ns) OVER (PARTITION BY service ORDER BY start_time"
        " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM spans",
        "SELECT arrayMap(x -> x + 1, [1]), attributes['file'], 'file(1)', map('a', 1).a,"
        " CASE WHEN 1 THEN 2 END, (1, 'a').2, {p:String} FROM numbers(3)",
        "SELECT COLUMNS('to.*') REPLACE (1 AS input_tokens) FROM spans",
        "SELECT toStartOfHour(start_time) AS t, count() FROM spans GROUP BY t"
        " ORDER BY t WITH FILL STEP INTERVAL 1 HOUR",
        "SELECT * FROM view(SELECT 1) INTERSECT SELECT 1",
        "SELECT * FROM generate_series(1, 3)",
        "EXPLAIN SELECT 1", "EXPLAIN AST SELECT 1", "EXPLAIN PIPELINE SELECT 1",
        "EXPLAIN SYNTAX SELECT 1", "EXPLAIN QUERY TREE SELECT 1", "DESCRIBE spans",
        "SHOW TABLES", "SHOW CREATE TABLE spans", "show columns from spans",
        "-- a comment\nSELECT /* file('x') */ 1",
    ],
)  # fmt: skip
def test_ordinary_sql_is_let_through(embedded_store: EmbeddedStore, sql: str) -> None:
    check_statement(embedded_store.reader(), sql, {"p": "x"})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('/etc/hostname')",
        "SELECT `file`('/etc/hostname')",
        'SELECT "file"(\'/etc/hostname\')',
        "SELECT `fi\\x6ce`('/etc/hostname')",
        "SELECT arrayMap(file, ['/etc/hostname'])",
        "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
        "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])",
        "SELECT * APPLY (file) FROM (SELECT '/etc/hostname')",
        "SELECT * APPLY (x -> file(x)) FROM (SELECT '/etc/hostname')",
        "SELECT (SELECT file('/etc/hostname'))",
        "SELECT 1 WHERE 'x' IN (SELECT file('/etc/hostname'))",
        "WITH file('/etc/hostname') AS f SELECT f",
        "SELECT 1 ORDER BY file('/etc/hostname')",
        "SELECT 1 LIMIT length(file('/etc/hostname'))",
        "SELECT * FROM view(SELECT file('/etc/hostname'))",
        "SELECT * FROM numbers(length(file('/etc/hostname')))",
        "EXPLAIN SELECT file('/etc/hostname')",
        "EXPLAIN QUERY TREE SELECT file('/etc/hostname')",
        "DESCRIBE (SELECT file('/etc/hostname'))",
        "SHOW TABLES WHERE file('/etc/hostname') = ''",
        "SHOW COLUMNS FROM spans WHERE file('/etc/hostname') = ''",
        "SELECT 1 UNION ALL SELECT file('/etc/hostname')",
        "SELECT 1 PARALLEL WITH SELECT file('/etc/hostname')",
        "SELECT sum(1) OVER (ORDER BY 1 ROWS BETWEEN toUInt8(file('/etc/hostname')) PRECEDING AND"
        " CURRENT ROW)",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
        "SELECT * FROM s3('http://127.0.0.1:1/a/b', CSV)",
        "SELECT * FROM remote('127.0.0.1', spanglass.spans)",
        "SELECT * FROM remote('127.0.0.1', view(SELECT 1))",
        "SELECT * FROM merge('spanglass', '.*')",
        "SELECT * FROM mergeTreeIndex('spanglass', 'spans')",
        "SELECT * FROM mergeTreeAnalyzeIndexes('spanglass', 'spans')",
        "SELECT * FROM loop(spanglass.spans)",
        "SELECT * FROM dictionary('d')",
        "SELECT * FROM python('sys')",
        "SELECT * FROM executable('id', TSV, 'a String')",
        "SELECT * FROM sqlite('/x', 'y')",
        "SELECT * FROM format(JSONEachRow, '{}')",
        "EXPLAIN ESTIMATE SELECT * FROM spans",
        "SELECT aiGenerate('x')",
        "SHOW GRANTS", "SHOW PROCESSLIST", "EXISTS TABLE spans", "USE system", "SET readonly = 0",
        "INSERT INTO spans (name) SELECT 'x'", "DROP TABLE spans", "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1", "CREATE TABLE t (a Int8) ENGINE = Memory", "BACKUP TABLE spans TO Null",
        "SELECT 1; SELECT 2", "", "(", "/*",
    ],
)  # fmt: skip
def test_sql_that_reaches_beyond_the_tables_is_refused(
    embedded_store: EmbeddedStore, sql: str
) -> None:
    with pytest.raises(QueryRefused):
        check_statement(embedded_store.reader(), sql, {"f": "file"})


# -- scores and migrations -----------------------------------------------------------------------


def test_a_score_with_the_same_id_replaces_the_first(
    embedded_store: EmbeddedStore, unique: str
) -> None:
    score = Score(unique, "relevance", 0.25, trace_id="ab" * 16, metadata={"a": "b"})
    add_scores(embedded_store.owner, [score])
    again = Score(
        unique, "relevance", 0.75, trace_id="ab" * 16, score_id=score.score_id,
        created_at=score.created_at,
    )  # fmt: skip
    add_scores(embedded_store.owner, [again])
    rows = embedded_store.reader(projects=(unique,)).query("SELECT value, metadata FROM scores")
    assert list(rows.rows) == [(0.75, {})]


def test_migrations_run_once(embedded_store: EmbeddedStore) -> None:
    assert applied(embedded_store.owner) == {each.number: each.name for each in migrations()}
    assert migrate(embedded_store.owner) == []


def test_a_migration_that_was_cut_off_is_simply_run_again(embedded_store: EmbeddedStore) -> None:
    endpoint = embedded_store.server.endpoint
    other = Store(replace(endpoint, database="cut_off"))
    ran: list[str] = []

    def interrupt(statement: str) -> None:
        ran.append(statement)
        if len(ran) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(other, interrupt)
    assert len(applied(other)) < len(migrations())
    migrate(other)
    assert set(applied(other)) == {each.number for each in migrations()}
    other.command("DROP DATABASE cut_off")
    other.close()


def test_a_database_of_a_newer_version_is_refused(embedded_store: EmbeddedStore) -> None:
    other = Store(replace(embedded_store.server.endpoint, database="newer"))
    migrate(other)
    other.insert("schema_migrations", ("number", "name"), [(999, "0999_later")])
    with pytest.raises(StoreError, match="has schema 999, this version knows"):
        migrate(other)
    other.command("DROP DATABASE newer")
    other.close()


# -- the server itself ---------------------------------------------------------------------------


def test_a_server_that_is_gone_is_unavailable_and_comes_back(
    embedded_store: EmbeddedStore,
) -> None:
    server = embedded_store.server
    pid, restarts = server.pid, server.restarts
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    def refused() -> bool:
        try:
            embedded_store.owner.query("SELECT 1")
        except StoreUnavailable:
            return True
        return server.restarts > restarts

    wait_until(refused)
    wait_until(lambda: server.restarts > restarts)

    def answers() -> bool:
        try:
            return bool(embedded_store.owner.query("SELECT count() >= 0 FROM spanglass.spans").rows)
        except StoreUnavailable:
            return False

    wait_until(answers)
    assert server.pid != pid


def test_lines_come_whole_and_in_order(embedded_store: EmbeddedStore) -> None:
    """Lines longer than what is read at a time, and many short ones."""
    owner = embedded_store.owner
    query = "SELECT number, repeat('x', number % 1000 = 7 ? 700000 : 3) FROM numbers(5000)"
    lines = list(owner.lines(query, "TSV"))
    assert [int(line.partition(b"\t")[0]) for line in lines] == list(range(5000))
    assert all(len(line) > 700_000 for line in lines[7::1000])
    assert list(owner.lines("SELECT 1 WHERE 0", "TSV")) == []


@pytest.mark.parametrize("rows", [1, 1_000_000])
def test_an_answer_that_breaks_off_is_an_error(embedded_store: EmbeddedStore, rows: int) -> None:
    """At the first row, and after thousands have been sent."""
    query = f"SELECT number, throwIf(number = {rows - 1}, 'broke') FROM numbers({rows})"
    taken: deque[bytes] = deque()
    with pytest.raises(StoreError, match="broke"):
        taken.extend(embedded_store.owner.lines(query, "JSONCompactEachRow"))
    assert len(taken) < rows
    assert bool(taken) == (rows > 1)


def test_threads_share_a_store(embedded_store: EmbeddedStore) -> None:
    reader = embedded_store.reader()
    answers: list[int] = []

    def ask(n: int) -> None:
        for _ in range(5):
            answers.append(reader.query("SELECT {n:UInt32} + 1", {"n": n}).rows[0][0] - n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 40


def test_credentials_survive_and_are_private(embedded_store: EmbeddedStore) -> None:
    path = embedded_store.directory.credentials
    assert path.stat().st_mode & 0o777 == 0o600
    passwords = json.loads(path.read_text())
    assert len(set(passwords.values())) == 3
    assert all(len(each) >= 24 for each in passwords.values())
    for name in ("config.xml", "users.xml"):
        assert (embedded_store.directory.store / name).stat().st_mode & 0o777 == 0o600
    assert embedded_store.directory.path.stat().st_mode & 0o777 == 0o700


# -- rows that are always there ------------------------------------------------------------------


def test_a_row_that_has_to_be_there(embedded_store: EmbeddedStore) -> None:
    store = embedded_store.owner
    assert store.row("SELECT count(), max(number) FROM numbers({n:UInt8})", {"n": 3}) == (3, 2)
    with pytest.raises(StoreUnavailable, match="answered with nothing"):
        store.row("SELECT 1 WHERE 0")
    assert store.named_row("SELECT {n:UInt8} AS n", {"n": 3}) == {"n": 3}
    with pytest.raises(StoreUnavailable, match="answered with nothing"):
        store.named_row("SELECT 1 AS n WHERE 0")


def test_a_watcher_outlives_what_nobody_foresaw(
    embedded_store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stumbling(Watcher):
        looks = 0

        def _pass(self) -> bool:
            self.looks += 1
            if self.looks == 1:
                raise ValueError("not enough values to unpack")
            return True

    monkeypatch.setattr(watching, "_AGAIN_S", 0.01)
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    watcher = Stumbling("stumbling", 0.01, embedded_store.owner, JobBook(database))
    watcher.start()
    wait_until(lambda: watcher.looks > 2)
    assert watcher.counts.failures == 1
    assert not watcher.counts.error
    watcher.stop()
    database.close()
