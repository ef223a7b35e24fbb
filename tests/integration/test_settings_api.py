"""Keys, views and what an installation holds: what each role may do with them."""

from collections.abc import Iterator
from typing import Any

import pytest

from support import otlp
from support.running import RunningService
from support.waiting import wait_until


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, Any]]:
    """A service, its first key made through the API, and one key of each role."""
    with RunningService(tmp_path_factory.mktemp("settings") / "data") as service:
        service.send(otlp.request(otlp.chat_span(5, 6)))
        service.settle()
        made = service.api("POST", "/api/v1/keys", json={"scope": "admin", "name": "first"})
        assert made.status_code == 201
        keys = {"admin": made.json()["secret"]}
        for name, body in {
            "blue": {"scope": "read", "project": "blue"},
            "red": {"scope": "read", "project": "red"},
            "ingest": {"scope": "ingest", "project": "blue"},
        }.items():
            keys[name] = service.api("POST", "/api/v1/keys", keys["admin"], json=body).json()[
                "secret"
            ]
        yield service, keys


def test_only_administrators_see_make_and_revoke_keys(guarded: Any) -> None:
    service, keys = guarded
    for who, status in (("", 401), (keys["blue"], 403), (keys["ingest"], 403)):
        for method, path in (
            ("GET", "/api/v1/keys"), ("POST", "/api/v1/keys"), ("DELETE", "/api/v1/keys/00"),
            ("GET", "/api/v1/installation"),
        ):  # fmt: skip
            answer = service.api(
                method, path, who, json={"scope": "admin"} if method == "POST" else None
            )
            assert answer.status_code == status, (who, method, path)
    body = {"scope": "read", "project": "blue", "name": "to be revoked", "payload": False}
    new = service.api("POST", "/api/v1/keys", keys["admin"], json=body).json()
    assert service.get("/api/v1/session", new["secret"])["payload"] is False
    listed = service.get("/api/v1/keys", keys["admin"])["items"]
    assert [each["name"] for each in listed] == ["first", "", "", "", "to be revoked"]
    # What was shown once is nowhere else.
    assert all("secret" not in each and new["secret"] not in str(each) for each in listed)
    gone = service.api("DELETE", f"/api/v1/keys/{new['id']}", keys["admin"])
    assert gone.json()["revoked_at"]
    wait_until(lambda: service.api("GET", "/api/v1/session", new["secret"]).status_code == 401)
    assert service.api("DELETE", "/api/v1/keys/none", keys["admin"]).status_code == 404
    wrong = service.api(
        "POST", "/api/v1/keys", keys["admin"], json={"scope": "read", "project": "A b"}
    )
    assert wrong.status_code == 422


def test_an_installation_says_what_it_holds(guarded: Any) -> None:
    service, keys = guarded
    found = service.get("/api/v1/installation", keys["admin"])
    sizes = {each["table"]: each for each in found["tables"]}
    assert sizes["spans"]["rows"] == 1
    assert sizes["spans"]["stored_bytes"] > 0
    assert sizes["spans"]["first_day"]
    assert found["clickhouse_version"]
    assert found["retention_days"] >= 0


def test_views_are_a_projects_own(guarded: Any) -> None:
    service, keys = guarded
    body = {"name": "Failures", "page": "/traces", "search": "q=status%3Aerror"}

    def ask(method: str, path: str, key: str, **options: Any) -> Any:
        return service.api(method, f"/api/v1/views{path}", key, **options)

    assert ask("POST", "", "", json=body).status_code == 401
    assert ask("POST", "", keys["ingest"], json=body).status_code == 403
    made = ask("POST", "", keys["blue"], json=body)
    assert made.status_code == 201
    assert ask("POST", "", keys["blue"], json=body).status_code == 409
    assert ask("POST", "", keys["blue"], json={**body, "page": "https://x"}).status_code == 422
    listed = service.get("/api/v1/views", keys["blue"], page="/traces")["items"]
    assert [(each["name"], each["search"]) for each in listed] == [("Failures", "q=status%3Aerror")]
    assert service.get("/api/v1/views", keys["blue"], page="/cost")["items"] == []
    assert service.get("/api/v1/views", keys["red"])["items"] == []
    path = f"/{made.json()['id']}"
    other = ask("POST", "", keys["blue"], json={**body, "name": "Slow ones"}).json()
    change = {"name": "Failures of today", "search": "range=24h"}
    assert ask("PUT", path, keys["red"], json=change).status_code == 404
    assert ask("PUT", path, keys["ingest"], json=change).status_code == 403
    assert ask("PUT", path, keys["blue"], json={**change, "name": "Slow ones"}).status_code == 409
    changed = ask("PUT", path, keys["blue"], json=change).json()
    assert (changed["id"], changed["page"]) == (made.json()["id"], "/traces")
    assert (changed["name"], changed["search"]) == ("Failures of today", "range=24h")
    assert ask("DELETE", f"/{other['id']}", keys["blue"]).status_code == 204
    assert ask("DELETE", f"/{made.json()['id']}", keys["red"]).status_code == 404
    assert ask("DELETE", f"/{made.json()['id']}", keys["ingest"]).status_code == 403
    assert ask("DELETE", f"/{made.json()['id']}", keys["blue"]).status_code == 204
    assert service.get("/api/v1/views", keys["blue"])["items"] == []
