"""Keys with a running service: who may send, who may read, and what."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector.ingest import wire
from spanglass_store.otlp.schema import PAYLOAD_RETENTION_FIELD, PROJECT_FIELD, RETENTION_FIELD
from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys, Scope
from support import otlp
from support.running import RunningService
from support.waiting import wait_until


@dataclass
class Keyed:
    """A service that has keys, with the keys of two projects.

    Attributes:
        secrets: by a short name.
        spans: one sent span a project.
    """

    service: RunningService
    keys: Keys
    secrets: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    traces: dict[str, bytes] = field(default_factory=dict)

    def make(self, name: str, scope: Scope, project: str, payload: bool = True) -> str:
        info, self.secrets[name] = self.keys.create(scope, project, payload=payload)
        self.ids[name] = info.id
        return self.secrets[name]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    limits = {"SPANGLASS_QUERY_SECONDS": "17", "SPANGLASS_QUERY_MEMORY_BYTES": "300000000"}
    with RunningService(tmp_path_factory.mktemp("keyed") / "data", env=limits) as service:
        # From another process than the service's, while it runs.
        database = Database(f"sqlite:///{service.data_dir / 'state.sqlite3'}")
        made = Keyed(service, Keys(database))
        assert service.api("GET", "/metrics", key="").status_code == 200, "open while no key is"
        for project in ("blue", "red"):
            made.make(f"{project} ingest", Scope.INGEST, project)
            made.make(f"{project} read", Scope.READ, project)
            made.make(f"{project} finance", Scope.READ, project, payload=False)
        made.make("admin", Scope.ADMIN, "blue")
        wait_until(lambda: service.api("GET", "/metrics", key="").status_code == 401)
        for project in ("blue", "red"):
            one = otlp.chat_span(
                5, 6, {"gen_ai.input.messages": f"secret of {project}"},
                events=[otlp.event("gen_ai.choice", {"content": f"secret of {project}"})],
            )  # fmt: skip
            made.traces[project] = one.trace_id
            service.send(
                otlp.request(one, service=f"service-{project}"),
                authorization=f"Bearer {made.secrets[f'{project} ingest']}",
            )
        service.settle()
        yield made
        service.settle()
        database.close()


# -- sending -------------------------------------------------------------------------------------


def send(keyed: Keyed, **headers: str) -> int:
    return keyed.service.post(otlp.request(otlp.span()), **headers).status_code


def test_sending_takes_a_key_for_it(keyed: Keyed) -> None:
    before = keyed.service.settle()
    assert send(keyed) == 401
    assert send(keyed, authorization="Bearer sg_ingest_guess") == 401
    assert send(keyed, authorization=f"Bearer {keyed.secrets['blue read']}") == 403
    assert keyed.service.account().received == before.received
    assert send(keyed, authorization=f"Bearer {keyed.secrets['blue ingest']}") == 200
    assert send(keyed, authorization=f"Bearer {keyed.secrets['admin']}") == 200
    assert send(keyed, x_api_key=keyed.secrets["blue ingest"]) == 200
    basic = b64encode(f"pk-lf:{keyed.secrets['blue ingest']}".encode()).decode()
    response = keyed.service.post(
        otlp.request(otlp.span()), path="/api/public/otel/v1/traces", authorization=f"Basic {basic}"
    )
    assert response.status_code == 200
    assert keyed.service.settle().received == before.received + 4


def test_sending_over_grpc_takes_a_key_too(keyed: Keyed) -> None:
    def code(*metadata: tuple[str, str]) -> grpc.StatusCode:
        try:
            keyed.service.grpc(otlp.request(otlp.span()), metadata=metadata)
        except grpc.RpcError as error:
            assert error.details()
            return error.code()
        return grpc.StatusCode.OK

    assert code() is grpc.StatusCode.UNAUTHENTICATED
    assert code(("authorization", "Bearer no")) is grpc.StatusCode.UNAUTHENTICATED
    read = ("authorization", f"Bearer {keyed.secrets['blue read']}")
    assert code(read) is grpc.StatusCode.PERMISSION_DENIED
    ingest = ("authorization", f"Bearer {keyed.secrets['blue ingest']}")
    assert code(ingest) is grpc.StatusCode.OK
    assert code(("x-api-key", keyed.secrets["blue ingest"])) is grpc.StatusCode.OK


def test_the_project_is_the_keys_whatever_the_body_claims(keyed: Keyed) -> None:
    """By our own field numbers, once, twice, and in every encoding that a client could try."""
    names = {}
    for number, claim in enumerate((
        wire.field(PROJECT_FIELD, b"red"),
        wire.field(PROJECT_FIELD, b"red") * 2,
        wire.field(PROJECT_FIELD, b"red") + wire.field(PROJECT_FIELD, b""),
        wire.integer_field(RETENTION_FIELD, 36_500) + wire.integer_field(PAYLOAD_RETENTION_FIELD, 9),
    )):  # fmt: skip
        one = otlp.span(f"claim {number}")
        names[one.span_id.hex()] = one.name
        content = otlp.resource_spans([one]).SerializeToString()
        for body in (content + claim, claim + content):
            keyed.service.send(
                ExportTraceServiceRequest.FromString(wire.field(1, body)),
                authorization=f"Bearer {keyed.secrets['blue ingest']}",
            )
            response = keyed.service.post(
                wire.field(1, body), authorization=f"Bearer {keyed.secrets['blue ingest']}"
            )
            assert response.status_code == 200
    # In a resource attribute it is an attribute.
    keyed.service.send(
        otlp.request(otlp.span("claim attribute"), resource={"project": "red"}),
        authorization=f"Bearer {keyed.secrets['blue ingest']}",
    )
    keyed.service.settle()
    rows = keyed.service.sql(
        "SELECT DISTINCT project, name, retention_days, payload_retention_days FROM spans"
        " WHERE startsWith(name, 'claim') ORDER BY name"
    )
    assert rows == [
        {"project": "blue", "name": name, "retention_days": 30, "payload_retention_days": 0}
        for name in sorted({*names.values(), "claim attribute"})
    ]


def test_a_revoked_key_stops_working_while_the_service_runs(keyed: Keyed) -> None:
    secret = keyed.make("short-lived", Scope.INGEST, "blue")
    assert send(keyed, authorization=f"Bearer {secret}") == 200
    keyed.keys.revoke(keyed.ids["short-lived"])
    wait_until(lambda: send(keyed, authorization=f"Bearer {secret}") == 401)


# -- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metrics"), ("GET", "/api/v1/traces"), ("GET", "/api/v1/traces/facets"),
        ("GET", "/api/v1/traces/" + "0" * 32), ("POST", "/api/v1/sql"),
        ("GET", f"/api/v1/traces/{'0' * 32}/spans/{'0' * 16}"),
    ],
)  # fmt: skip
def test_reading_takes_a_key_for_it(keyed: Keyed, method: str, path: str) -> None:
    def status(key: str) -> int:
        options = {"json": {"query": "SELECT 1"}} if method == "POST" else {}
        return keyed.service.api(method, path, key, **options).status_code

    assert status("") == 401
    assert status("guess") == 401
    assert status(keyed.secrets["blue ingest"]) == 403
    for name in ("blue read", "blue finance", "admin"):
        assert status(keyed.secrets[name]) in (200, 404)


def test_denials_are_problem_documents(keyed: Keyed) -> None:
    response = keyed.service.api("GET", "/api/v1/traces", key="")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Bearer"
    assert "spanglass keys create" in response.json()["detail"]


def test_health_and_the_description_need_no_key(keyed: Keyed) -> None:
    for path in ("/healthz", "/readyz", "/api/openapi.json"):
        assert keyed.service.api("GET", path, key="").status_code == 200


@pytest.mark.parametrize("name", ["read", "finance"])
def test_a_key_sees_its_project_alone(keyed: Keyed, name: str) -> None:
    service, key = keyed.service, keyed.secrets[f"blue {name}"]
    for table in ("spans", "traces", "scores"):
        rows = service.sql(f"SELECT DISTINCT project FROM {table}", key)
        assert rows in ([{"project": "blue"}], [])
    assert service.sql("SELECT count() AS n FROM spans WHERE project = 'red'", key) == [{"n": 0}]
    listed = service.get("/api/v1/traces", key, limit=500)["items"]
    assert {item["project"] for item in listed} == {"blue"}
    assert service.get("/api/v1/traces", key, project="red")["items"] == []
    assert service.get("/api/v1/traces", key, text=keyed.traces["red"].hex())["items"] == []
    facets = service.get("/api/v1/traces/facets", key)
    assert {each["value"] for each in facets["service"]} >= {"service-blue"}
    assert "service-red" not in json.dumps(facets)
    red = f"/api/v1/traces/{keyed.traces['red'].hex()}"
    assert service.api("GET", red, key).status_code == 404
    assert service.api("GET", f"/api/v1/traces/{keyed.traces['blue'].hex()}", key).is_success


def test_an_administrator_sees_all_projects(keyed: Keyed) -> None:
    key = keyed.secrets["admin"]
    rows = keyed.service.sql("SELECT DISTINCT project FROM spans ORDER BY project", key)
    assert [row["project"] for row in rows] == ["blue", "red"]
    for project in ("blue", "red"):
        assert keyed.service.trace(keyed.traces[project], key)[0]["project"] == project


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count() AS n FROM spans WHERE project = 'red'",
        "SELECT count() AS n FROM spanglass.spans WHERE project = 'red'",
        "SELECT count() AS n FROM (SELECT * FROM traces) WHERE project = 'red'",
        "SELECT count() AS n FROM spans AS a JOIN traces AS b USING (trace_id)"
        " WHERE a.project = 'red' OR b.project = 'red'",
        "SELECT countIf(service = 'service-red') AS n FROM spans",
        "WITH s AS (SELECT * FROM spans FINAL) SELECT countIf(project = 'red') AS n FROM s",
        "SELECT count() AS n FROM view(SELECT * FROM spans) WHERE project = 'red'",
        "SELECT length(groupUniqArrayIf(project, project != 'blue')) AS n FROM spans",
        "SELECT countIf(x != 'blue') AS n FROM (SELECT argMax(project, start_time) AS x FROM spans"
        " GROUP BY trace_id)",
        "SELECT toUInt8(any(project) != 'blue') AS n FROM spans WHERE trace_id IN"
        " (SELECT trace_id FROM traces)",
        "SELECT countIf(project = 'red') AS n FROM spans SETTINGS additional_table_filters = {}",
    ],
)
def test_no_way_of_asking_shows_another_project(keyed: Keyed, query: str) -> None:
    """With the payload grant, and without it where that is enough."""
    (row,) = keyed.service.sql(query, keyed.secrets["blue read"])
    assert row["n"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "SELECT project FROM spans SETTINGS readonly = 0",
        "SELECT project FROM spans SETTINGS final = 0",
        "SELECT count() FROM spanglass.schema_migrations",
        "SELECT count() FROM spanglass.traces_from_spans",
        "SELECT count() FROM system.users",
        "SELECT count() FROM system.parts",
        "SELECT count() FROM system.processes",
        "SELECT count() FROM system.row_policies",
        "SELECT count() FROM system.server_settings",
        "SELECT count() FROM merge('spanglass', 'spans')",
        "SELECT count() FROM mergeTreeIndex('spanglass', 'spans')",
        "SELECT count() FROM remote('127.0.0.1', spanglass.spans)",
        "SELECT count() FROM url('http://127.0.0.1:1/', CSV, 'a String')",
        "SELECT count() FROM file('/etc/hostname', LineAsString)",
        "SELECT file('/etc/hostname')",
        "SELECT file('../../service.json')",
        "SELECT count() FROM python('sys')",
        "INSERT INTO spans (name) VALUES ('x')",
        "DROP TABLE spans",
        "ALTER TABLE spans DELETE WHERE 1",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
        "SYSTEM STOP LISTEN HTTP",
        "SELECT 1; SELECT 2",
        "SELECT 1 FORMAT CSV",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT * FROM spans_ WHERE",
        "SELECT nonsense(1)",
    ],
)
def test_sql_does_not_leave_the_tables(keyed: Keyed, query: str) -> None:
    response = keyed.service.ask(query, key=keyed.secrets["blue read"])
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]
    # Nobody else suffers.
    assert keyed.service.sql("SELECT 1 AS n", keyed.secrets["blue read"]) == [{"n": 1}]


def test_the_header_that_shows_projects_is_ours_alone(keyed: Keyed) -> None:
    response = keyed.service.api(
        "POST", "/api/v1/sql", keyed.secrets["blue read"], json={"query": "SELECT DISTINCT project"
        " FROM spans"}, headers={"X-Spanglass-Projects": "*"},
    )  # fmt: skip
    assert response.json()["rows"] == [["blue"]]
    said = keyed.service.sql(
        "SELECT getClientHTTPHeader('X-Spanglass-Projects') AS p,"
        " getClientHTTPHeader('Authorization') AS a, getClientHTTPHeader('X-ClickHouse-Key') AS k",
        keyed.secrets["blue read"],
    )
    assert said == [{"p": "blue", "a": "", "k": ""}], "no password can be read out"


def test_queries_run_within_limits(keyed: Keyed) -> None:
    service, key = keyed.service, keyed.secrets["blue read"]
    answer = service.ask("SELECT number FROM numbers(10000000)", key=key).json()
    assert answer["truncated"]
    assert len(answer["rows"]) == 100_000
    assert not service.ask("SELECT number FROM numbers(100000)", key=key).json()["truncated"]
    memory = service.ask("SELECT groupArray(number) FROM numbers(1000000000)", key=key)
    assert memory.status_code == 400
    assert "memory limit" in memory.json()["detail"]
    asked = "SELECT getSetting('max_execution_time') AS s, getSetting('max_memory_usage') AS m"
    assert service.sql(asked, key) == [{"s": 17, "m": 300_000_000}]
    assert service.ask("x" * 300_000, key=key).status_code == 422


# -- content -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT input FROM spans", "SELECT output FROM spans", "SELECT input_text FROM spans",
        "SELECT output_text FROM spans", "SELECT payload_attributes FROM spans",
        "SELECT `payload_events.attributes` FROM spans", "SELECT * FROM spans",
        "SELECT count() FROM spans WHERE input LIKE '%secret%'",
        "SELECT COLUMNS('^in') FROM spans", "SELECT name FROM spans ORDER BY input",
        "SELECT any(s.input) FROM spans AS s", "SELECT input FROM (SELECT * FROM spans)",
        "SELECT length(input) FROM spanglass.spans",
        "SELECT payload_attributes.keys FROM spans", "SELECT payload_attributes.values FROM spans",
        "SELECT payload_attributes.`key_gen_ai.prompt` FROM spans", "SELECT input.size FROM spans",
        "SELECT payload_events.attributes.values FROM spans", "SELECT payload_events FROM spans",
        "SELECT s.payload_attributes.values FROM spans AS s",
        "SELECT getSubcolumn(payload_attributes, 'values') FROM spans", "SELECT mapKeys(payload_attributes) FROM spans",
        "SELECT input.size0 FROM spans", "SELECT tuple(*) FROM spans",
        "EXPLAIN SELECT input FROM spans",
    ],
)  # fmt: skip
def test_without_the_grant_content_can_not_be_read_by_sql(keyed: Keyed, query: str) -> None:
    refused = keyed.service.ask(query, key=keyed.secrets["blue finance"])
    assert refused.status_code == 400
    assert "secret" not in refused.text


def test_without_the_grant_the_rest_can_be_read(keyed: Keyed) -> None:
    key = keyed.secrets["blue finance"]
    (row,) = keyed.service.sql(
        "SELECT input_tokens, input_key, length(attributes) > 0 AS more, mapKeys(resource) AS about,"
        " payload_events.name AS events FROM spans WHERE trace_id = {t:String}",
        key, t=keyed.traces["blue"].hex(),
    )  # fmt: skip
    assert row == {
        "input_tokens": 5, "input_key": "gen_ai.input.messages", "more": 1,
        "about": ["service.name"], "events": ["gen_ai.choice"],
    }  # fmt: skip


def test_without_the_grant_the_api_shows_no_content(keyed: Keyed) -> None:
    service, trace = keyed.service, keyed.traces["blue"]
    path = f"/api/v1/traces/{trace.hex()}"
    (span_id,) = [one["span_id"] for one in service.trace(trace, keyed.secrets["blue finance"])]
    for address in (path, f"{path}?payload=true", f"{path}/spans/{span_id}"):
        response = service.api("GET", address, keyed.secrets["blue finance"])
        assert response.status_code == 200
        assert "secret" not in response.text
        assert response.json()["payload"] is False
        granted = service.api("GET", address, keyed.secrets["blue read"])
        assert "secret of blue" in granted.text
        assert granted.json()["payload"] is True


# -- scores --------------------------------------------------------------------------------------


def test_a_score_belongs_to_the_project_of_its_key(keyed: Keyed) -> None:
    service = keyed.service
    score = {"name": "relevance", "value": 0.5, "trace_id": keyed.traces["red"].hex()}

    def post(key: str) -> int:
        return service.api("POST", "/api/v1/scores", key, json=score).status_code

    assert post("") == 401
    assert post(keyed.secrets["blue read"]) == 403
    assert post(keyed.secrets["blue ingest"]) == 201
    query = "SELECT project FROM scores"
    assert service.sql(query, keyed.secrets["blue read"]) == [{"project": "blue"}]
    assert service.sql(query, keyed.secrets["red read"]) == []


def test_who_is_asking(keyed: Keyed) -> None:
    get = keyed.service.get
    assert get("/api/v1/session", "")["signed_in"] is False
    about = get("/api/v1/session", keyed.secrets["red finance"])
    assert (about["scope"], about["payload"], about["projects"]) == ("read", False, ["red"])
    assert get("/api/v1/session", keyed.secrets["admin"])["projects"] == ["blue", "red"]
    assert keyed.service.api("GET", "/api/v1/session", "guess").status_code == 401
    assert (
        keyed.service.api("GET", "/api/v1/session", keyed.secrets["red ingest"]).status_code == 403
    )


# -- prompts -------------------------------------------------------------------------------------


def test_who_may_do_what_with_prompts(keyed: Keyed) -> None:
    def ask(who: str, method: str, path: str, **options: Any) -> int:
        return keyed.service.api(
            method, f"/api/v1/prompts{path}", keyed.secrets[who], **options
        ).status_code

    body = {"definition": {"template": "Hi"}}
    assert ask("blue read", "POST", "/hi/versions", json=body) == 403
    assert ask("blue ingest", "POST", "/hi/versions", json=body) == 403
    assert ask("admin", "POST", "/hi/versions", json=body) == 201
    assert ask("blue read", "PUT", "/hi/labels/production", json={"version": 1}) == 403
    assert ask("admin", "PUT", "/hi/labels/production", json={"version": 1}) == 200
    assert ask("blue ingest", "GET", "/hi/resolve") == 200
    assert ask("blue ingest", "GET", "/hi") == 403
    assert ask("blue finance", "GET", "/hi") == 200
    assert ask("red ingest", "GET", "/hi/resolve") == 404
    assert ask("red read", "GET", "/hi", params={"project": "blue"}) == 403
    assert ask("red read", "GET", "", params={"project": "blue"}) == 403
    mine = keyed.service.get("/api/v1/prompts", keyed.secrets["red read"])
    assert mine["items"] == []
    assert keyed.service.api("GET", "/api/v1/prompts/hi/resolve", key="").status_code == 401


def _audited(keyed: Keyed, name: str) -> list[tuple[str, str, str]]:
    """What the audit log has of a key: action, project and target, the first first."""
    found = keyed.service.get(
        "/api/v1/audit", key=keyed.secrets["admin"], actor=keyed.ids[name], limit=1000
    )
    return [(each["action"], each["project"], each["target"]) for each in found["items"][::-1]]


def test_reads_of_payload_are_written_down(keyed: Keyed) -> None:
    service = keyed.service
    keyed.make("reviewer", Scope.READ, "blue")
    keyed.make("clerk", Scope.READ, "blue", payload=False)
    trace = f"/api/v1/traces/{keyed.traces['blue'].hex()}"
    wait_until(
        lambda: service.api("GET", trace, keyed.secrets["clerk"]).status_code == 200, "it is known"
    )
    for name in ("reviewer", "clerk"):
        secret = keyed.secrets[name]
        assert service.api("GET", trace, secret).status_code == 200
        query = {
            "query": "SELECT input FROM spans" if name == "reviewer" else "SELECT name FROM spans"
        }
        assert service.api("POST", "/api/v1/sql", secret, json=query).status_code == 200
        # These show no payload; what is refused was not read.
        assert service.api("GET", "/api/v1/traces", secret).status_code == 200
        assert service.api("GET", "/api/v1/overview", secret).status_code == 200
        assert service.api("GET", "/api/v1/traces/" + "0" * 31 + "1", secret).status_code == 404
        assert service.api("GET", "/api/v1/audit", secret).status_code == 403
    assert _audited(keyed, "reviewer") == [
        ("payload.read", "blue", trace),
        ("payload.read", "blue", "/api/v1/sql"),
    ]
    assert _audited(keyed, "clerk") == []


def test_changes_are_written_down(keyed: Keyed) -> None:
    service, admin = keyed.service, keyed.secrets["admin"]
    before = len(_audited(keyed, "admin"))
    score = {"name": "user_feedback", "value": 1, "trace_id": keyed.traces["blue"].hex()}
    assert service.api("POST", "/api/v1/scores", admin, json=score).status_code == 201
    made = service.api("POST", "/api/v1/keys", admin, json={"scope": "read", "project": "blue"})
    assert made.status_code == 201, made.text
    wrong = service.api("POST", "/api/v1/keys", admin, json={"scope": "none", "project": "blue"})
    assert wrong.status_code == 422
    made_key = made.json()["id"]
    gone = service.api("DELETE", f"/api/v1/keys/{made_key}", admin)
    assert gone.status_code in (200, 204)
    assert _audited(keyed, "admin")[before:] == [
        ("POST /api/v1/keys", "", "/api/v1/keys"),
        ("DELETE /api/v1/keys", "", f"/api/v1/keys/{made_key}"),
    ]


def test_the_audit_log_is_read_page_by_page(keyed: Keyed) -> None:
    admin = keyed.secrets["admin"]
    whole = keyed.service.get("/api/v1/audit", key=admin, limit=1000)
    assert whole["next"] == 0
    pages, before = [], 0
    while not pages or before:
        page = keyed.service.get("/api/v1/audit", key=admin, limit=2, before=before)
        pages += page["items"]
        before = page["next"]
    assert [each["id"] for each in pages] == [each["id"] for each in whole["items"]]
    reads = keyed.service.get("/api/v1/audit", key=admin, action="payload", limit=1000)
    assert {each["action"] for each in reads["items"]} == {"payload.read"}


def test_a_key_is_rotated_through_the_api(keyed: Keyed) -> None:
    service, admin = keyed.service, keyed.secrets["admin"]
    body = {"scope": "read", "project": "red", "payload": False, "expires_days": 30}
    made = service.api("POST", "/api/v1/keys", admin, json=body).json()
    new = service.api("POST", f"/api/v1/keys/{made['id']}/rotate", admin, json={"grace_hours": 0})
    assert new.status_code == 201
    assert (new.json()["project"], new.json()["payload"]) == ("red", False)
    assert service.api("GET", "/api/v1/traces", new.json()["secret"]).status_code == 200
    refused = wait_until(
        lambda: (
            answer
            if (answer := service.api("GET", "/api/v1/traces", made["secret"])).status_code == 401
            else None
        ),
        "the old one is refused",
    )
    assert f"The key {made['id']} expired on " in refused.json()["detail"]
    [listed] = [
        each for each in service.get("/api/v1/keys", key=admin)["items"] if each["id"] == made["id"]
    ]
    assert listed["expires_at"] is not None
    assert service.api("POST", "/api/v1/keys/none/rotate", admin, json={}).status_code == 404
