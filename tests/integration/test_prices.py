"""Prices in a running service: its API and its command."""

from pathlib import Path

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


def test_prices_are_for_administrators(launch: Launch) -> None:
    service = launch()
    body = [{"model": "m", "token_kind": "input", "usd": 1}]
    read = service.key("read")
    assert service.api("PUT", "/api/v1/prices", read, json=body).status_code == 403
    assert service.api("POST", "/api/v1/prices/recompute", read, json={}).status_code == 403
    assert service.api("GET", "/api/v1/prices?model=gpt-4o", read).json()["items"]
    admin = service.key("admin")
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
