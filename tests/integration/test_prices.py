"""Prices in a running service: its API and its command."""

from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support import otlp
from support.running import Launch, RunningService, run_cli
from support.waiting import wait_until


def call(model: str) -> Span:
    return otlp.chat_span(1_000_000, 0, {"gen_ai.request.model": model})


def test_from_an_unknown_model_to_its_cost(service: RunningService, unique: str) -> None:
    model = f"m-{unique}"
    known = otlp.chat_span(1_000_000, 0)
    service.send(otlp.request(call(model), known, service=unique))
    service.settle()
    row = service.stored_span(known.span_id, "cost_usd, toString(cost_source) AS source")
    assert row == {"cost_usd": 0.15, "source": "priced"}

    listed = service.cli("prices", "unknown").stdout.decode()
    (line,) = (line for line in listed.splitlines() if model in line)
    assert f"spanglass prices set '{model}' --provider 'openai' --input USD" in line

    done = service.cli(
        "prices", "set", model, "--provider", "openai", "--input", "3", "--recompute"
    )
    assert done.returncode == 0, done.stderr
    where = "service = {service:String} AND request_model != 'gpt-4o-mini'"
    query = f"SELECT cost_usd, toString(cost_source) AS source FROM spans WHERE {where}"

    def charged() -> bool:
        return service.one(query, service=unique) == {"cost_usd": 3.0, "source": "priced"}

    wait_until(charged, "the span is charged")
    assert b"3.0" in service.cli("prices", "list", model).stdout
    prices = service.sql("SELECT source, usd FROM prices WHERE model = {m:String}", m=model)
    assert prices == [{"source": "command", "usd": 3.0}]

    answer = service.get("/api/v1/cost", group_by="model", interval="day", service=unique)
    costs = {group["name"]: group["cost_usd"] for group in answer["groups"]}
    assert costs == {model: 3.0, "gpt-4o-mini": 0.15}
    assert answer["total"]["unknown_calls"] == 0

    done = service.cli("prices", "unset", model, "--provider", "openai")
    assert done.returncode == 0, done.stderr
    assert service.cli("prices", "unset", model).returncode == 1
    assert service.cli("prices", "recompute", "--model", model).returncode == 0
    assert service.one(query, service=unique)["source"] == "unknown"


def test_budgets_say_what_is_spent_of_them(service: RunningService, unique: str) -> None:
    def sent(input_tokens: int, **fields: str) -> Span:
        names = {"feature": "spanglass.feature", "user": "user.id", "model": "gen_ai.request.model"}
        return otlp.chat_span(input_tokens, 0, {names[k]: v for k, v in fields.items()})

    service.send(otlp.request(
        sent(4_000_000, feature=unique), sent(2_000_000, user=unique),
        sent(1_000_000, feature=unique, user=unique),
    ))  # fmt: skip
    service.settle()
    made = service.cli(
        "budgets", "create", f"feature {unique}", "--monthly", "3", "--feature", unique
    )
    assert made.returncode == 0, made.stderr
    plans = [
        {"name": "u", "amount_usd": 0.3, "period": "day", "user": unique},
        {
            "name": "both",
            "amount_usd": 10_000,
            "feature": unique,
            "user": unique,
            "project": "default",
        },
        {"name": "none", "amount_usd": 1, "feature": unique, "model": "gpt-4o"},
    ]
    posted = [service.api("POST", "/api/v1/budgets", json=plan).json() for plan in plans]
    listed = {each["id"]: each for each in service.get("/api/v1/budgets")}
    (of_feature,) = (each for each in listed.values() if each["name"] == f"feature {unique}")
    assert of_feature["spent_usd"] == pytest.approx(0.75)
    assert of_feature["share"] == pytest.approx(0.25)
    assert of_feature["forecast_usd"] > 0.75
    spent = [(listed[each["id"]]["spent_usd"], each["runs_out_at"] is None) for each in posted]
    assert spent == [
        (pytest.approx(0.45), False), (pytest.approx(0.15), True), (0, True),
    ]  # fmt: skip

    (line,) = (
        line
        for line in service.cli("budgets", "list").stdout.decode().splitlines()
        if unique in line and of_feature["id"] in line
    )
    assert "$3.00 a month" in line
    assert "25%" in line
    assert service.cli("budgets", "change", of_feature["id"], "--daily", "0.5").returncode == 0
    changed = service.get(f"/api/v1/budgets/{of_feature['id']}")
    assert (changed["period"], changed["feature"], changed["share"]) == (
        "day", unique, pytest.approx(1.5),
    )  # fmt: skip
    plan = plans[1] | {"amount_usd": 0.1}
    assert service.api("PUT", f"/api/v1/budgets/{posted[1]['id']}", json=plan).json()["share"] > 1
    for each in (*posted, of_feature):
        assert service.cli("budgets", "delete", each["id"]).returncode == 0
    gone = service.api("GET", f"/api/v1/budgets/{of_feature['id']}")
    assert gone.status_code == 404
    assert service.cli("budgets", "create", "x").returncode == 2
    # A share of it would be no number.
    least = {"name": "next to nothing", "amount_usd": 1e-300}
    assert service.api("POST", "/api/v1/budgets", json=least).status_code == 422


def test_prices_and_budgets_are_for_administrators(launch: Launch) -> None:
    service = launch()
    read = service.key("read", "shop")
    admin = service.key("admin")
    for project in ("", "shop", "other"):
        plan = {"name": f"of {project}", "amount_usd": 1, "project": project}
        assert service.api("POST", "/api/v1/budgets", read, json=plan).status_code == 403
        assert service.api("POST", "/api/v1/budgets", admin, json=plan).status_code == 201
    names = {each["name"]: each["id"] for each in service.get("/api/v1/budgets", admin)}
    assert [each["name"] for each in service.get("/api/v1/budgets", read)] == ["of shop"]
    hidden = service.api("GET", f"/api/v1/budgets/{names['of other']}", read)
    assert hidden.status_code == 404
    assert service.api("DELETE", f"/api/v1/budgets/{names['of shop']}", read).status_code == 403

    body = [{"model": "m", "token_kind": "input", "usd": 1}]
    assert service.api("PUT", "/api/v1/prices", read, json=body).status_code == 403
    assert service.api("POST", "/api/v1/prices/recompute", read, json={}).status_code == 403
    assert service.api("GET", "/api/v1/prices?model=gpt-4o", read).json()["items"]
    assert service.api("PUT", "/api/v1/prices", admin, json=body).status_code == 200
    wrong = [{"model": "m", "token_kind": "input", "usd": 1, "unit": "request"}]
    refused = service.api("PUT", "/api/v1/prices", admin, json=wrong)
    assert refused.status_code == 422
    assert "can't be priced by request" in refused.json()["detail"]
    assert service.api("DELETE", "/api/v1/prices?model=nothing", admin).status_code == 404


def test_a_file_of_prices_and_what_is_wrong_with_it(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "gpt-4o-mini"\ninput = 7\n')
    assert run_cli("prices", "check", path, cwd=tmp_path).returncode == 0
    service = launch("--prices", path)
    span = otlp.chat_span(1_000_000, 0)
    service.send(otlp.request(span))
    assert service.stored_span(span.span_id, "cost_usd") == {"cost_usd": 7.0}

    path.write_text('[[price]]\nmodel = "m"\ncurrency = "EUR"\ninput = 7\n')
    checked = run_cli("prices", "check", path, cwd=tmp_path)
    assert checked.returncode == 1
    assert b"line 1, entry 1: the currency 'EUR' is unknown" in checked.stderr
    service.stop()
    refused = run_cli("serve", "--data-dir", tmp_path / "new", "--prices", path, cwd=tmp_path)
    assert refused.returncode == 1
    assert b"the currency 'EUR' is unknown" in refused.stderr


def test_a_model_that_is_new_has_its_cost_within_seconds(
    service: RunningService, unique: str
) -> None:
    span = call(f"ft:gpt-4o-mini-2024-07-18:{unique}")
    service.send(otlp.request(span))

    def charged() -> bool:
        return bool(service.stored_span(span.span_id, "cost_usd")["cost_usd"])

    wait_until(charged, "the span is charged")
