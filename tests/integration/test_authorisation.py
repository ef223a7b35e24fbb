"""Each kind of key and each role against each route of the API, in its own project and another's.

What must be answered is derived from two tables: the rights of keys and roles
(`spanglass_store.state.rights`), and `NEEDED` here: what each route takes. A route that is not in
it fails the test, so a new one has to be thought about.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest

from spanglass_dashboards.openapi import document
from spanglass_store.state.accounts import Accounts
from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys
from spanglass_store.state.rights import KEY_RIGHTS, Right, Role, Scope, role_rights
from spanglass_store.state.sessions import Sessions
from support import otlp
from support.running import ALL_ROLES, FEEDBACK_SECRET, RunningService
from support.waiting import wait_until

READ, WORK, EDIT, MANAGE, ADMIN, INGEST, REVEAL = (
    Right.READ, Right.WORK, Right.EDIT, Right.MANAGE, Right.ADMIN, Right.INGEST, Right.REVEAL,
)  # fmt: skip
#: For everybody; for everybody who is known; for who reads, or works with, content, too.
OPEN, KNOWN, CONTENT, LABEL = "open", "known", "content", "label"

#: What each route takes: by the beginning of its address, then by its method; the longest
#: beginning that fits counts. `*` stands for all methods.
NEEDED: Final[Mapping[str, Mapping[str, Right | str]]] = {
    "/healthz": {"GET": OPEN}, "/readyz": {"GET": OPEN}, "/metrics": {"GET": READ},
    "/feedback/widget.js": {"GET": OPEN},
    "/feedback/{token}": {"GET": OPEN, "OPTIONS": OPEN, "POST": OPEN},
    "/api/v1/session": {"GET": OPEN, "POST": OPEN, "DELETE": KNOWN},
    "/api/v1/session/password": {"PUT": KNOWN},
    "/api/v1/session/provider": {"GET": OPEN},
    "/api/v1/session/provider/callback": {"GET": OPEN},
    "/api/v1/accounts": {"GET": MANAGE, "POST": ADMIN},
    "/api/v1/accounts/{name}": {"PATCH": ADMIN},
    "/api/v1/accounts/{name}/roles/{project}": {"PUT": MANAGE, "DELETE": MANAGE},
    "/api/v1/advice": {"GET": READ}, "/api/v1/advice/selfhost": {"GET": READ},
    "/api/v1/alerts": {"GET": READ},
    "/api/v1/alerts/channels": {"GET": READ},
    "/api/v1/alerts/channels/{name}/test": {"POST": ADMIN},
    "/api/v1/alerts/deliveries": {"GET": ADMIN},
    "/api/v1/alerts/playbooks": {"GET": READ},
    "/api/v1/alerts/playbooks/{name}": {"GET": READ},
    "/api/v1/alerts/rules": {"GET": READ},
    "/api/v1/alerts/rules/{name}": {"GET": READ, "PUT": ADMIN, "DELETE": ADMIN},
    "/api/v1/alerts/rules/{name}/draft": {"POST": READ},
    "/api/v1/alerts/rules/{name}/preview": {"POST": READ},
    "/api/v1/alerts/schema": {"GET": READ},
    "/api/v1/alerts/silences": {"GET": READ, "POST": ADMIN},
    "/api/v1/alerts/silences/{silence_id}": {"DELETE": ADMIN},
    "/api/v1/alerts/{alert_id}": {"GET": READ},
    "/api/v1/alerts/{alert_id}/acknowledge": {"POST": WORK},
    "/api/v1/audit": {"GET": ADMIN},
    "/api/v1/backups": {"GET": ADMIN, "POST": ADMIN},
    "/api/v1/backups/{name}": {"GET": ADMIN, "DELETE": ADMIN},
    "/api/v1/budgets": {"GET": READ, "POST": MANAGE},
    "/api/v1/budgets/{budget_id}": {"GET": READ, "PUT": MANAGE, "DELETE": MANAGE},
    "/api/v1/completeness": {"GET": READ},
    "/api/v1/conversations": {"GET": READ},
    "/api/v1/conversations/{session_id}": {"GET": READ},
    "/api/v1/cost": {"GET": READ}, "/api/v1/cost/changes": {"GET": READ},
    "/api/v1/cost/forecast": {"GET": READ}, "/api/v1/cost/units": {"GET": READ},
    "/api/v1/datasets": {"GET": READ},
    "/api/v1/datasets/{name}": {"GET": READ, "PUT": EDIT, "DELETE": MANAGE},
    "/api/v1/datasets/{name}/check": {"GET": CONTENT},
    "/api/v1/datasets/{name}/items": {"GET": CONTENT, "POST": EDIT},
    "/api/v1/datasets/{name}/items/from-traces": {"POST": EDIT},
    "/api/v1/datasets/{name}/items/remove": {"POST": EDIT},
    "/api/v1/datasets/{name}/split": {"POST": EDIT},
    "/api/v1/dead-letters": {"GET": ADMIN},
    "/api/v1/dead-letters/discard": {"POST": ADMIN},
    "/api/v1/dead-letters/replay": {"POST": ADMIN},
    "/api/v1/dead-letters/{name}": {"GET": ADMIN},
    "/api/v1/drift": {"GET": READ}, "/api/v1/drift/compare": {"GET": READ},
    "/api/v1/drift/topics": {"GET": READ}, "/api/v1/drift/{finding_id}": {"GET": READ},
    "/api/v1/energy": {"GET": READ},
    "/api/v1/engines": {"GET": READ}, "/api/v1/engines/compare": {"GET": READ},
    "/api/v1/experiments": {"GET": READ},
    "/api/v1/experiments/{name}": {"GET": READ, "PUT": EDIT, "DELETE": MANAGE},
    "/api/v1/experiments/{name}/compare": {"GET": READ},
    "/api/v1/experiments/{name}/results": {"GET": CONTENT, "POST": EDIT},
    "/api/v1/export/{what}": {"GET": READ}, "/api/v1/export/{what}/chunks": {"GET": READ},
    "/api/v1/gpus": {"GET": READ}, "/api/v1/gpus/series": {"GET": READ},
    "/api/v1/import/{signal}": {"POST": ADMIN},
    "/api/v1/incidents": {"GET": READ, "POST": WORK},
    "/api/v1/incidents/{number}": {"GET": READ, "PATCH": WORK},
    "/api/v1/incidents/{number}/acknowledge": {"POST": WORK},
    "/api/v1/incidents/{number}/alerts": {"POST": WORK},
    "/api/v1/incidents/{number}/notes": {"POST": WORK},
    "/api/v1/incidents/{number}/postmortem": {"GET": READ},
    "/api/v1/incidents/{number}/resolve": {"POST": WORK},
    "/api/v1/installation": {"GET": ADMIN},
    "/api/v1/jobs": {"GET": ADMIN}, "/api/v1/jobs/backfills": {"GET": ADMIN},
    "/api/v1/jobs/{job}/backfills": {"POST": ADMIN},
    "/api/v1/keys": {"GET": ADMIN, "POST": ADMIN},
    "/api/v1/keys/{key_id}": {"DELETE": ADMIN},
    "/api/v1/keys/{key_id}/rotate": {"POST": ADMIN},
    "/api/v1/overview": {"GET": READ},
    "/api/v1/pii": {"GET": READ}, "/api/v1/pii/missed": {"GET": READ},
    "/api/v1/pii/reveal": {"POST": REVEAL},
    "/api/v1/pii/subjects": {"POST": READ},
    "/api/v1/prices": {"GET": READ, "PUT": ADMIN, "DELETE": ADMIN},
    "/api/v1/prices/recompute": {"GET": ADMIN, "POST": ADMIN},
    "/api/v1/prices/unknown": {"GET": READ},
    "/api/v1/prompts": {"GET": READ},
    "/api/v1/prompts/{name}": {"GET": READ, "DELETE": MANAGE},
    "/api/v1/prompts/{name}/compare": {"GET": READ},
    "/api/v1/prompts/{name}/diff": {"GET": READ},
    "/api/v1/prompts/{name}/labels/{label}": {"PUT": MANAGE, "DELETE": MANAGE},
    "/api/v1/prompts/{name}/power": {"GET": READ}, "/api/v1/prompts/{name}/split": {"GET": READ},
    "/api/v1/prompts/{name}/render": {"POST": READ},
    "/api/v1/prompts/{name}/resolve": {"GET": KNOWN},
    "/api/v1/prompts/{name}/versions": {"POST": EDIT},
    "/api/v1/prompts/{name}/versions/{version}": {"GET": READ},
    "/api/v1/prompts/{name}/versions/{version}/comments": {"POST": EDIT},
    "/api/v1/purges": {"GET": ADMIN, "POST": ADMIN},
    "/api/v1/purges/preview": {"POST": ADMIN}, "/api/v1/purges/{purge_id}": {"GET": ADMIN},
    "/api/v1/quality": {"GET": READ}, "/api/v1/quality/agreement": {"GET": READ},
    "/api/v1/quality/calibration": {"GET": READ},
    "/api/v1/quality/changes": {"GET": READ}, "/api/v1/quality/distribution": {"GET": READ},
    "/api/v1/quality/examples": {"GET": READ},
    "/api/v1/retention": {"GET": ADMIN}, "/api/v1/retention/sweep": {"POST": ADMIN},
    "/api/v1/retention/{project}": {"PUT": ADMIN, "DELETE": ADMIN},
    "/api/v1/review/queues": {"GET": READ},
    "/api/v1/review/queues/{name}": {"GET": READ, "PUT": EDIT, "DELETE": MANAGE},
    "/api/v1/review/queues/{name}/dataset": {"POST": EDIT},
    "/api/v1/review/queues/{name}/draw": {"POST": EDIT},
    "/api/v1/review/queues/{name}/items": {"GET": READ, "POST": EDIT},
    "/api/v1/review/queues/{name}/items/{item_id}": {"GET": CONTENT, "DELETE": EDIT},
    "/api/v1/review/queues/{name}/items/{item_id}/decision": {"PUT": EDIT},
    "/api/v1/review/queues/{name}/items/{item_id}/label": {"PUT": LABEL},
    "/api/v1/review/queues/{name}/items/{item_id}/skip": {"POST": LABEL},
    "/api/v1/review/queues/{name}/items/{item_id}/withdraw": {"POST": LABEL},
    "/api/v1/review/queues/{name}/next": {"POST": LABEL},
    "/api/v1/review/queues/{name}/results": {"GET": READ},
    "/api/v1/scores": {"GET": READ, "POST": INGEST},
    "/api/v1/sql": {"POST": READ}, "/api/v1/sql/rows": {"POST": READ},
    "/api/v1/sql/parquet": {"POST": READ},
    "/api/v1/traces": {"GET": READ}, "/api/v1/traces/chart": {"GET": READ},
    "/api/v1/traces/facets": {"GET": READ},
    "/api/v1/traces/query": {"GET": READ}, "/api/v1/traces/timeline": {"GET": READ},
    "/api/v1/traces/{trace_id}": {"GET": READ}, "/api/v1/traces/{trace_id}/logs": {"GET": READ},
    "/api/v1/traces/{trace_id}/spans/{span_id}": {"GET": READ},
    "/api/v1/traces/{trace_id}/spans/{span_id}/engine": {"GET": READ},
    "/api/v1/traces/{trace_id}/tree": {"GET": READ},
    "/api/v1/users": {"GET": READ},
    "/api/v1/views": {"GET": READ, "POST": WORK},
    "/api/v1/views/{view_id}": {"PUT": WORK, "DELETE": WORK},
}  # fmt: skip

DOCUMENT: Final = document()
#: Every operation of the description: address and method.
OPERATIONS: Final = [
    (path, method.upper())
    for path, methods in sorted(DOCUMENT["paths"].items())
    for method in sorted(methods)
]
#: Every name in the other project has it, and no answer to who is not of it may.
CRIMSON: Final = "crimson"
#: Channels that fail, so that there is something to log, and what must not be logged of them.
CHANNELS: Final = """
channels:
  - {name: chat, type: slack, url: {env: CHAT_URL}}
  - {name: hook, type: webhook, url: "https://127.0.0.1:1/hook", secret: {env: HOOK_SECRET}}
"""
CHANNEL_SECRETS: Final = {
    "CHAT_URL": "https://127.0.0.1:1/services/T0/B0/chat-channel-secret",
    "HOOK_SECRET": "hook-channel-secret",
}


@dataclass
class Caller:
    """Somebody who asks.

    Attributes:
        headers: what shows who they are.
        rights: what they may do in the project blue; None for who is not let in.
        everywhere: whether they are of all projects.
    """

    headers: dict[str, str]
    rights: frozenset[Right] | None
    content: bool = True
    everywhere: bool = False

    def expected(self, needed: Right | str) -> int:
        """401, 403, or 0 for whatever else."""
        if needed is OPEN:
            return 0
        if self.rights is None:
            return 401
        if needed is KNOWN:
            return 0
        if needed is CONTENT:
            return 0 if Right.READ in self.rights and self.content else 403
        if needed is LABEL:
            return 0 if Right.WORK in self.rights and self.content else 403
        return 0 if needed in self.rights else 403


@dataclass
class Installation:
    """A service with two projects, blue and crimson, and everybody who could ask."""

    service: RunningService
    callers: dict[str, Caller] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def ask(self, caller: Caller, path: str, method: str, **options: Any) -> Any:
        for name, value in self.ids.items():
            path = path.replace("{" + name + "}", value)
        return self.service.api(method, path, "", headers=caller.headers, **options)

    def ask_about(self, caller: Caller, path: str, method: str, **options: Any) -> Any:
        """The same about a project, where an operation can be told which."""
        answer = self.ask(caller, path, method, params={"project": CRIMSON}, **options)
        if answer.status_code == 422 and "query.project: there is no such" in answer.text:
            return self.ask(caller, path, method, **options)
        return answer


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "alerts.yaml").write_text(CHANNELS)
    running = RunningService(
        folder / "data", "--log-level", "debug",
        env={
            "SPANGLASS_ALERTS": str(folder / "alerts.yaml"), "SPANGLASS_ROLES": ALL_ROLES,
            "SPANGLASS_FEEDBACK_SECRET": FEEDBACK_SECRET, **CHANNEL_SECRETS,
        },
    )  # fmt: skip
    with running as service:
        made = Installation(service)
        _fill(made)
        database = Database(f"sqlite:///{service.data_dir / 'state.sqlite3'}")
        _people(made, Accounts(database), Sessions(database))
        _keys(made, Keys(database))
        wait_until(lambda: service.api("GET", "/metrics", key="").status_code == 401)
        yield made
        database.close()


def _keys(here: Installation, keys: Keys) -> None:
    def add(name: str, secret: str, rights: frozenset[Right] | None, **more: bool) -> None:
        here.callers[name] = Caller({"authorization": f"Bearer {secret}"}, rights, **more)

    for scope in Scope:
        _, secret = keys.create(scope, "blue")
        add(f"key {scope}", secret, KEY_RIGHTS[scope], everywhere=scope is Scope.ADMIN)
    add("key without content", keys.create(Scope.READ, "blue", payload=False)[1],
        KEY_RIGHTS[Scope.READ], content=False)  # fmt: skip
    _expired, secret = keys.create(Scope.ADMIN, "blue", lifetime=timedelta(microseconds=1))
    add("expired key", secret, None)
    revoked, secret = keys.create(Scope.ADMIN, "blue")
    keys.revoke(revoked.id)
    add("revoked key", secret, None)
    add("guessed key", "sg_admin_00000000_guess", None)
    here.callers["nobody"] = Caller({}, None)


def _people(here: Installation, accounts: Accounts, sessions: Sessions) -> None:
    origin = {"origin": here.service.web}

    def add(
        name: str, roles: dict[str, Role], rights: frozenset[Right], payload: bool = True
    ) -> str:
        with accounts._database.transaction() as session:
            # Without a password: nobody signs in by it here, and each hash costs a fifth of a second.
            from spanglass_store.state.accounts import give, new_row

            new_row(session, name, "", "", payload)
            give(session, name, roles)
        secret, _ = sessions.open(name)
        here.callers[name] = Caller(
            origin | {"cookie": f"spanglass={secret}"}, rights, payload, "*" in roles
        )
        return secret

    for role in Role:
        add(f"{role}.of.blue", {"blue": role}, role_rights(role, "blue"))
        add(f"{role}.of.all", {"*": role}, role_rights(role, "*"))
    add("viewer.without.content", {"blue": Role.VIEWER}, role_rights(Role.VIEWER, "blue"), False)
    add("of.nothing", {}, frozenset())
    add("gone", {"*": Role.ADMIN}, frozenset(Right))
    accounts.disable("gone")
    here.callers["gone"].rights = None
    cookie = here.callers["admin.of.all"].headers["cookie"]
    here.callers["admin.by.another.page"] = Caller(
        {"cookie": cookie, "origin": "https://evil.example"}, frozenset()
    )


def _fill(here: Installation) -> None:
    """Everything that a project can have, in the other project; nothing in blue."""
    service = here.service
    span = otlp.chat_span(
        5, 6,
        {
            "gen_ai.input.messages": f"words of {CRIMSON}", "session.id": f"{CRIMSON}-session",
            "user.id": f"{CRIMSON}-user", "gen_ai.request.model": f"{CRIMSON}-model",
            "spanglass.feature": f"{CRIMSON}-feature",
        },
    )  # fmt: skip
    secret = service.key("ingest", CRIMSON)
    service.send(otlp.request(span, service=f"{CRIMSON}-service"), authorization=f"Bearer {secret}")
    service.settle()
    trace, span_id = span.trace_id.hex(), span.span_id.hex()
    name, of = f"{CRIMSON}-thing", {"project": CRIMSON}
    score = {"name": f"{CRIMSON}-score", "value": 0.5, "trace_id": trace, "span_id": span_id}
    budget = {"name": f"{CRIMSON}-budget", "project": CRIMSON, "amount_usd": 5.0, "period": "month"}

    def ask(method: str, path: str, body: Any, **options: Any) -> Any:
        answer = service.api(method, f"/api/v1{path}", json=body, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    headers = {"authorization": f"Bearer {secret}"}
    ask("POST", "/scores", score, headers=headers)
    ask(
        "POST",
        f"/prompts/{name}/versions",
        {"definition": {"template": f"{CRIMSON} {{{{x}}}}"}},
        params=of,
    )
    ask("PUT", f"/datasets/{name}", {"description": CRIMSON}, params=of)
    rubric = [{"name": f"{CRIMSON}-good", "kind": "boolean", "question": CRIMSON}]
    ask("PUT", f"/review/queues/{name}", {"criteria": rubric}, params=of)
    ask("POST", f"/review/queues/{name}/items", {"traces": [trace]}, params=of)
    ask("POST", "/incidents", {"title": f"{CRIMSON} burns", "project": CRIMSON})
    made = ask("POST", "/budgets", budget)
    here.ids |= {
        "trace_id": trace, "span_id": span_id, "session_id": f"{CRIMSON}-session", "name": name,
        "budget_id": made["id"], "what": "spans", "signal": "traces", "version": "1",
        "label": "production", "project": CRIMSON, "alert_id": "0", "silence_id": "0",
        "job": "pii", "key_id": "00000000", "purge_id": "0", "view_id": "0", "finding_id": "0",
        "token": "x", "number": "1", "item_id": "1",
    }  # fmt: skip


def _invalid(path: str, method: str) -> dict[str, Any]:
    """A request that does nothing even if it is let in: wrong where the description can tell."""
    if method not in ("GET", "DELETE", "OPTIONS"):
        return {"content": b"0", "headers_": {"content-type": "application/json"}}
    for each in DOCUMENT["paths"][path][method.lower()].get("parameters", ()):
        kinds = json.dumps(each.get("schema", {}))
        if each["in"] == "query" and ('"integer"' in kinds or '"date-time"' in kinds):
            return {"params": {each["name"]: "¿"}}
    return {}


def test_every_route_is_in_the_table() -> None:
    """Whoever adds a route says here what it takes."""
    known = {(path, method) for path, methods in NEEDED.items() for method in methods}
    assert set(OPERATIONS) == known


def test_each_caller_at_each_route(here: Installation) -> None:
    wrong = []
    for path, method in OPERATIONS:
        needed = NEEDED[path][method]
        if needed is OPEN or method == "OPTIONS" or (path, method) == ("/api/v1/session", "DELETE"):
            continue
        options = _invalid(path, method)
        headers = options.pop("headers_", {})
        for name, caller in here.callers.items():
            asking = Caller(caller.headers | headers, caller.rights)
            expected = 403 if name == "admin.by.another.page" else caller.expected(needed)
            # Whoever may delete would, and the next tests look for it.
            at = path.replace("{budget_id}", "0") if method == "DELETE" else path
            status = here.ask(asking, at, method, **options).status_code
            is_right = status == expected if expected else status not in (401, 403)
            # What is let in may still be of another project, which the next test looks at.
            of_another = status == 403 and not caller.everywhere and not expected
            if not (is_right or (of_another and "{" in path)) or status >= 500:
                wrong.append(f"{method} {path} by {name}: {status}, not {expected or 'let in'}")
    assert not wrong, "\n".join(wrong)


def test_no_answer_shows_another_project(here: Installation) -> None:
    """Whether it is named or not, and by whatever ids: as an answer, or by being there."""
    wrong = []
    admin = here.callers["key admin"]
    seen = 0
    for path, method in OPERATIONS:
        if method != "GET" or NEEDED[path][method] not in (READ, KNOWN, CONTENT, MANAGE):
            continue
        if here.ask_about(admin, path, method).is_success:
            seen += 1
        for name in ("key read", "admin.of.blue"):
            for ask in (here.ask, here.ask_about):
                answer = ask(here.callers[name], path, method)
                if answer.is_success and CRIMSON in answer.text.replace(f"/{CRIMSON}", ""):
                    wrong.append(f"{path} by {name}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert seen > 40, "the data is there for who may see it"


def test_nothing_of_another_project_is_changed(here: Installation) -> None:
    """By valid requests of somebody who may do all that in a project of their own."""
    name, caller = here.ids["name"], here.callers["admin.of.blue"]
    bodies: dict[tuple[str, str], Any] = {
        ("DELETE", f"/prompts/{name}"): None,
        ("POST", f"/prompts/{name}/versions"): {"definition": {"template": "mine now"}},
        ("PUT", f"/prompts/{name}/labels/production"): {"version": 1},
        ("DELETE", f"/prompts/{name}/labels/production"): None,
        ("POST", f"/prompts/{name}/versions/1/comments"): {"text": "mine now"},
        ("PUT", f"/datasets/{name}"): {"description": "mine now"},
        ("DELETE", f"/datasets/{name}"): None,
        ("POST", f"/datasets/{name}/items"): {"items": [{"input": "mine now"}]},
        ("DELETE", f"/experiments/{name}"): None,
        ("DELETE", f"/review/queues/{name}"): None,
        ("PUT", f"/review/queues/{name}/items/1/label"): {"answers": {f"{CRIMSON}-good": True}},
        ("POST", "/incidents/1/resolve"): {"note": "mine now"},
        ("DELETE", f"/budgets/{here.ids['budget_id']}"): None,
        ("PUT", f"/budgets/{here.ids['budget_id']}"): {
            "name": "mine", "project": "blue", "amount_usd": 1.0, "period": "month",
        },
        ("POST", "/budgets"): {
            "name": "of all", "project": "", "amount_usd": 1.0, "period": "month",
        },
        ("PUT", f"/accounts/viewer.of.blue/roles/{CRIMSON}"): {"role": "admin"},
        ("PUT", "/accounts/admin.of.blue/roles/*"): {"role": "admin"},
    }  # fmt: skip
    for (method, path), body in bodies.items():
        answer = here.ask_about(caller, f"/api/v1{path}", method, json=body)
        assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code}"
    admin = here.callers["key admin"]
    of = {"project": CRIMSON}
    prompt = here.ask(admin, f"/api/v1/prompts/{name}", "GET", params=of).json()
    assert "mine now" not in json.dumps(prompt)
    assert here.ask(admin, f"/api/v1/datasets/{name}", "GET", params=of).is_success
    budgets = here.ask(admin, "/api/v1/budgets", "GET").json()
    assert [each["name"] for each in budgets] == [f"{CRIMSON}-budget"]


def test_a_person_of_two_projects_sees_both_and_no_third(here: Installation) -> None:
    body = {"query": "SELECT DISTINCT project FROM spans"}
    for name, rows in (("viewer.of.all", [[CRIMSON]]), ("viewer.of.blue", [])):
        answer = here.ask(here.callers[name], "/api/v1/sql", "POST", json=body)
        assert answer.json()["rows"] == rows


def test_no_secret_is_in_the_log(here: Installation) -> None:
    """Of keys, cookies, passwords and channels, right and wrong ones; with every message there is."""
    service = here.service
    secrets = [FEEDBACK_SECRET, service.token, "chat-channel-secret", "hook-channel-secret"]
    for caller in here.callers.values():
        secrets += [
            caller.headers[name].split("=")[-1].split()[-1]
            for name in ("authorization", "cookie")
            if name in caller.headers
        ]
        here.ask(caller, "/api/v1/traces", "GET")
        service.post(b"not protobuf", **caller.headers)
    typed = "a password that was typed"
    for content in (
        json.dumps({"name": "viewer.of.blue", "password": typed}),
        json.dumps({"name": typed, "password": typed}),
        json.dumps({"name": ["x"], "password": typed, "more": typed}),
        f'{{"name": "viewer.of.blue", "password": "{typed}"',
    ):
        answer = service.http.post(
            f"{service.web}/api/v1/session",
            content=content,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code in (401, 422)
    admin = here.callers["key admin"]
    made = here.ask(admin, "/api/v1/keys", "POST", json={"scope": "read"}).json()["secret"]
    account = {"name": "new", "password": typed, "role": "viewer"}
    assert here.ask(admin, "/api/v1/accounts", "POST", json=account).is_success
    assert typed not in here.ask(admin, "/api/v1/audit", "GET").text
    for channel in ("chat", "hook"):
        told = here.ask(admin, f"/api/v1/alerts/channels/{channel}/test", "POST")
        assert "channel-secret" not in told.text
    log = service.output()
    assert "DEBUG" in log or "INFO" in log, log[:500]
    found = [each for each in (*secrets, typed, made) if each and each in log]
    assert not found
