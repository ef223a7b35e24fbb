"""The bundled examples against the running service."""

import random
import re
from pathlib import Path

import pytest
from openai import OpenAI

from demo.traffic import COMMONEST, send_live
from sample_server.server import BackgroundServer
from sample_server.settings import Settings
from spanglass.testing import capture
from support.examples import run_example
from support.running import RunningService
from support.waiting import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def spans_of(service: RunningService, name: str, at_least: int) -> list[dict[str, object]]:
    """A service's spans, once there are enough of them."""

    def found() -> list[dict[str, object]] | None:
        rows = service.sql(
            "SELECT name, operation, status, input_text, output_text, request_model, provider,"
            " input_tokens, output_tokens, finish_reasons, session_id, user_id, tool_name,"
            " error_type, parent_span_id, time_to_first_token_s, sample_data, input_key,"
            " environment"
            " FROM spans WHERE service = {name:String}",
            name=name,
        )
        return rows if len(rows) >= at_least else None

    service.dirty = True
    return wait_until(found, f"{at_least} spans of {name}")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_an_application_that_knows_only_opentelemetry(
    service: RunningService, unique: str, protocol: str
) -> None:
    """The OpenAI instrumentation with the real client: streaming, tools, errors."""
    endpoint = service.otlp if "http" in protocol else f"http://{service.addresses['otlp_grpc']}"
    output = run_example(
        "examples/otel_only_service.py",
        "--questions",
        "8",
        "--speed",
        "0",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_SERVICE_NAME=unique,
    )
    assert "8 questions asked, 2 failed" in output
    delivered = re.search(r"(\d+) spans delivered", output)
    assert delivered is not None
    rows = spans_of(service, unique, int(delivered[1]))
    assert len(rows) == int(delivered[1])
    traces = re.findall(r"^trace ([0-9a-f]{32})$", output, re.MULTILINE)
    service.settle()
    listed = service.get("/api/v1/traces", service=unique, limit=100)["items"]
    asked = {item["trace_id"]: item for item in listed if item["root_name"] == "POST /ask"}
    assert set(asked) == set(traces)
    assert all(item["complete"] and item["total_tokens"] for item in asked.values())
    by_operation: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        by_operation.setdefault(row["operation"], []).append(row)
    chats = [row for row in by_operation["chat"] if row["status"] != "error"]
    assert chats
    assert all(row["provider"] == "openai" for row in chats)
    assert all(row["input_tokens"] and row["output_tokens"] for row in chats)
    assert all("Halden Outdoor" in str(row["input_text"]) for row in chats)
    assert any(row["output_text"] for row in chats)
    assert any(row["tool_name"] == "get_order_status" for row in by_operation["execute_tool"])
    assert all(row["input_text"] for row in by_operation["retrieval"])
    assert any(row["status"] == "error" and row["error_type"] for row in rows)
    assert all(row["session_id"] and row["user_id"] for row in chats)


def test_the_quickstart(service: RunningService) -> None:
    run_example("examples/quickstart.py", SPANGLASS_ENDPOINT=service.otlp)
    rows = service.sql("SELECT DISTINCT service FROM spans")
    service.dirty = True
    assert rows


def test_a_traced_openai_client(service: RunningService) -> None:
    output = run_example("examples/wrap_openai.py", SPANGLASS_ENDPOINT=service.otlp)
    assert "2 vectors, http://" in output
    rows = {str(row["name"]): row for row in spans_of(service, "wrap-openai", 4)}
    assert set(rows) == {"invoke_workflow help_desk", "chat gpt-4o-mini",
                         "embeddings text-embedding-3-small"}  # fmt: skip
    chat = rows["chat gpt-4o-mini"]
    assert chat["input_tokens"]
    assert chat["output_tokens"]
    assert chat["finish_reasons"] == ["stop"]
    streamed = service.one(
        "SELECT time_to_first_token_s > 0 AS first, time_per_output_token_s > 0 AS each FROM spans"
        " WHERE service = 'wrap-openai' AND attributes['gen_ai.request.stream'] = 'true' LIMIT 1"
    )
    assert streamed == {"first": 1, "each": 1}


def test_a_traced_anthropic_client(service: RunningService) -> None:
    run_example("examples/wrap_anthropic.py", SPANGLASS_ENDPOINT=service.otlp)
    rows = spans_of(service, "wrap-anthropic", 4)
    chats = [row for row in rows if row["operation"] == "chat"]
    assert {tuple(row["finish_reasons"]) for row in chats} == {("tool_call",), ("stop",)}  # type: ignore[arg-type]
    assert {row["provider"] for row in chats} == {"anthropic"}
    cached = service.one(
        "SELECT max(cache_write_tokens) > 0 AS written, max(cache_read_tokens) > 0 AS read,"
        " max(reasoning_tokens) > 0 AS thought FROM spans WHERE service = 'wrap-anthropic'"
    )
    assert all(cached.values())
    assert any(row["tool_name"] == "get_order_status" for row in rows)


def test_an_agent_that_searches(service: RunningService) -> None:
    run_example("examples/rag_agent.py", SPANGLASS_ENDPOINT=service.otlp)
    rows = {str(row["operation"]): row for row in spans_of(service, "rag-agent", 8)}
    assert set(rows) == {
        "invoke_agent", "guardrail", "retrieval", "embeddings", "rerank", "chat", "evaluate",
    }  # fmt: skip
    for operation in ("retrieval", "rerank"):
        assert rows[operation]["input_text"] == "Can I rent snowshoes?"
        assert "Snowshoes" in str(rows[operation]["output_text"])


def test_one_trace_across_two_services(service: RunningService) -> None:
    output = run_example("examples/two_services.py", SPANGLASS_ENDPOINT=service.otlp)
    assert output.splitlines()[:2] == ["All about tents.", "All about jackets."]
    rows = spans_of(service, "two-services", 5)
    assert sorted(str(row["name"]) for row in rows) == [
        "ask", "ask", "compare", "retrieval search", "retrieval search",
    ]  # fmt: skip
    assert {(row["session_id"], row["user_id"]) for row in rows} == {("s-17", "u-4")}
    traces = service.sql("SELECT DISTINCT trace_id FROM spans WHERE service = 'two-services'")
    assert len(traces) == 1


def test_an_instrumented_chain(service: RunningService) -> None:
    output = run_example("examples/instrument_langchain.py", SPANGLASS_ENDPOINT=service.otlp)
    assert "Within 30 days." in output
    rows = spans_of(service, "instrument-langchain", 4)
    assert {"answer", "RunnableSequence"} <= {str(row["name"]) for row in rows}
    assert {row["session_id"] for row in rows} == {"s-17"}
    # Their instrumentation speaks OpenInference.
    (model,) = [row for row in rows if row["operation"] == "chat"]
    assert model["input_text"] == "How long can I return a jacket?"
    assert "Within 30 days." in str(model["output_text"])


def test_the_demo_sends_its_history(service: RunningService) -> None:
    # A queue that is there is left as it is, and a block of the documents makes one of this name.
    service.api("DELETE", "/api/v1/review/queues/grounded")
    run_example(
        "examples/demo", "--endpoint", service.otlp, "--days", "2", "--visits", "100", "--no-live",
        "--web", service.web,
    )  # fmt: skip
    assert service.get("/api/v1/review/queues/grounded")["progress"]["labels"] > 0
    # The lines of the README have the same service's name, and may have run before.
    sent = spans_of(service, "shop-assistant", 50)
    rows = [row for row in sent if row["environment"] == "demo"]
    assert all(row["sample_data"] for row in rows)
    chats = [row for row in rows if row["operation"] == "chat" and row["status"] != "error"]
    assert any(row["time_to_first_token_s"] for row in chats)
    assert all(row["finish_reasons"] for row in chats)
    roots = [row for row in rows if not row["parent_span_id"]]
    assert all(row["input_text"] and row["output_text"] for row in roots)
    first = service.one(
        "SELECT min(start_time) < now() - INTERVAL 12 HOUR AS past FROM spans"
        " WHERE service = 'shop-assistant' AND environment = 'demo'"
    )
    assert first["past"]
    # What the shop's own engine answered has its measured energy, and what that cost.
    own = (
        "SELECT request_model, energy_j, cost_usd, duration_ns / 1e9 AS seconds FROM spans"
        " WHERE cost_source = 'measured' AND service = 'shop-assistant' AND status != 'error'"
    )
    wait_until(lambda: len(service.sql(own)) > 2, "calls of the shop's own engine are measured")
    for row in service.sql(own):
        assert row["request_model"] == "sample/shop-8b"
        # Two boards of 700 W at 2.49 an hour are the most that a call can have had to itself.
        assert 1 < row["energy_j"] <= 2 * 700 * row["seconds"]
        assert 0 < row["cost_usd"] <= 2 * 2.49 / 3600 * row["seconds"]
    # Without any configuration.
    personal = {"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE"}
    wait_until(
        lambda: (
            personal
            <= {
                row["entity"]
                for row in service.sql(
                    "SELECT DISTINCT entity FROM pii_findings WHERE service = 'shop-assistant'"
                )
            }
        ),
        "the planted personal data is found",
    )


@pytest.mark.parametrize(("outage_s", "failing"), [(600, {f"chat {COMMONEST}"}), (0, set())])
def test_the_demo_begins_with_an_outage(outage_s: float, failing: set[str]) -> None:
    visits = iter(range(12))
    with (
        BackgroundServer(Settings(speed=0)) as well,
        BackgroundServer(Settings(speed=0, error_rate=0.9)) as ill,
        capture() as spans,
    ):
        one, other = (
            OpenAI(base_url=each.base_url, api_key="-", max_retries=0) for each in (well, ill)
        )
        send_live(one, other, 1e-6, random.Random(4), lambda: next(visits, None) is None, outage_s)
    calls = [each for each in spans if each.name.startswith("chat ")]
    assert {each.name for each in calls} > {f"chat {COMMONEST}"}
    assert {each.name for each in calls if each.status == "error"} == failing


def test_every_example_is_described_and_run() -> None:
    table = (EXAMPLES / "README.md").read_text().partition("\n## ")[0]
    described = set(re.findall(r"^\| `([\w.]+)/?` \|", table, re.MULTILINE))
    assert described == {
        path.name for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")
    }
    folders = (Path(__file__).parent, Path(__file__).parents[1] / "unit")
    tests = [path for folder in folders for path in sorted(folder.glob("test_*.py"))]
    text = "".join(path.read_text() for path in tests)
    for name in described:
        assert f"examples/{name}" in text or f"from {name}" in text, f"nothing runs {name}"
