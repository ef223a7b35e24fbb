"""SDKs of other products, that know a host and a key of ours and nothing else."""

import importlib.util
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator

import pytest

from sample_server import BackgroundServer, Settings
from spanglass_store.senders import PRODUCTS
from support import otlp
from support.running import ALL_ROLES, ROOT, RunningService, environment
from support.waiting import wait_until


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, str]]:
    # With jobs, because those look up the prices of models that are new.
    env = {"SPANGLASS_ROLES": ALL_ROLES}
    with RunningService(tmp_path_factory.mktemp("products") / "data", env=env) as service:
        yield service, service.key("ingest", "shop")


# What the documentation (docs/senders.md) tells users to set.
SETTINGS = {
    "langfuse": {
        "LANGFUSE_BASE_URL": "{http}", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "{key}",
    },
    # Without a protocol it is gRPC, at the usual port.
    "phoenix": {
        "PHOENIX_COLLECTOR_ENDPOINT": "{http}", "PHOENIX_API_KEY": "{key}",
        "PHOENIX_GRPC_PORT": "{grpc}",
    },
    "phoenix over HTTP": {
        "PHOENIX_COLLECTOR_ENDPOINT": "{http}", "PHOENIX_API_KEY": "{key}",
        "PROTOCOL": "http/protobuf",
    },
    "langsmith": {
        "LANGSMITH_ENDPOINT": "{http}", "LANGSMITH_API_KEY": "{key}", "LANGSMITH_TRACING": "true",
        "LANGSMITH_TRACING_MODE": "otel",
    },
    "braintrust": {
        "BRAINTRUST_API_URL": "{http}", "BRAINTRUST_API_KEY": "{key}",
        "BRAINTRUST_PARENT": "project_name:shop",
    },
}  # fmt: skip


@pytest.mark.parametrize("product", SETTINGS)
def test_the_products_own_sdk(keyed: tuple[RunningService, str], product: str) -> None:
    service, key = keyed
    name = product.partition(" ")[0]
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"the SDK of {name} is not installed (extra dev has it)")
    places = {
        "http": service.otlp, "grpc": service.addresses["otlp_grpc"].rpartition(":")[2], "key": key,
    }  # fmt: skip
    variables = {k: v.format(**places) for k, v in SETTINGS[product].items()}
    before = service.settle().stored
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/product_senders.py"), name],
        env=environment(**variables), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    service.dirty = True
    assert service.settle().stored == before + 1, done.stderr.decode()
    row = service.one("SELECT name, project FROM spans ORDER BY ingested_at DESC LIMIT 1")
    assert row == {"name": "work", "project": "shop"}


#: SDKs that trace calls of a model by themselves: the same, and where they are installed.
INSTRUMENTED = {
    "langfuse": SETTINGS["langfuse"],
    "phoenix": SETTINGS["phoenix over HTTP"],
    "traceloop": {"TRACELOOP_BASE_URL": "{http}", "TRACELOOP_API_KEY": "{key}"},
    "logfire": {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "{http}",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer {key}",
    },
    "openlit": {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "{http}",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer {key}",
    },
}


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of the sample server."""
    with BackgroundServer(Settings(speed=0, seed=5)) as server:
        yield server.base_url


def interpreter(product: str) -> str:
    """The Python that has a product's SDK."""
    if not (ROOT / f"tests/support/sdks/{product}.txt").exists():
        return sys.executable
    place = ROOT / ".bench" / "sdks" / product
    if not (place / "installed").exists():
        pytest.skip(f"the SDK of {product} is not installed: `python3 develop.py sdks` does that")
    return str(place / "bin" / "python")


@pytest.mark.parametrize("product", INSTRUMENTED)
def test_a_conversation_that_the_products_sdk_traced(
    keyed: tuple[RunningService, str], model: str, product: str
) -> None:
    service, key = keyed
    places = {"http": service.otlp, "key": key}
    variables = {k: v.format(**places) for k, v in INSTRUMENTED[product].items()}
    variables |= {"SAMPLE_URL": model, "OTLP_URL": ""}
    own = environment(**variables)
    if interpreter(product) != sys.executable:
        # What is ours stays out of it.
        del own["PYTHONPATH"]
    began = service.one("SELECT now64(6) AS now")["now"]
    done = subprocess.run(
        [interpreter(product), str(ROOT / "tests/support/sdk_conversations.py"), product],
        env=own, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    service.dirty = True
    service.settle()
    # Logfire has another span for a streamed call, without tokens.
    made = f"operation = 'chat' AND input_tokens > 0 AND ingested_at >= parseDateTime64BestEffort('{began}', 6)"
    # A name of a model that is new is priced within seconds.
    wait_until(
        lambda: not service.sql(f"SELECT 1 FROM spans WHERE {made} AND ifNull(cost_usd, 0) = 0"),
        "every call has its cost",
    )
    calls = service.sql(
        "SELECT project, request_model, input_tokens, output_tokens, cost_usd, input_text, output"
        f" FROM spans WHERE {made} ORDER BY start_time"
    )
    # A question, the tool's answer, and another question with a streamed answer.
    assert len(calls) == 3, done.stderr.decode()
    asked, told, streamed = calls
    for call in calls:
        assert call["project"] == "shop"
        assert "gpt-4o-mini" in call["request_model"]
        assert call["input_tokens"] > 0
        assert call["output_tokens"] > 0
    assert "Where is my order HO-10482?" in asked["input_text"]
    assert "get_order_status" in asked["output"]
    assert "shipped" in told["input_text"] or "shipped" in told["output"]
    assert "And how long does it take?" in streamed["input_text"]
    assert streamed["output"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_where_and_how_each_product_sends(keyed: tuple[RunningService, str], product: str) -> None:
    service, key = keyed
    about = PRODUCTS[product]
    for prefix in about.prefixes:
        path = prefix.replace("[A-Za-z0-9_-]+", "my-space")
        for signal in ("traces", "logs", "metrics"):
            for secret, status in ((key, 200), ("sg_ingest_guess", 401)):
                value = b64encode(f"pk:{secret}".encode()).decode()
                value = value if about.scheme == "basic" else secret
                value = f"{about.scheme} {value}" if about.scheme else value
                body = otlp.request(otlp.span()) if signal == "traces" else b""
                answer = service.http.post(
                    f"{service.otlp}{path}/v1/{signal}",
                    content=body if isinstance(body, bytes) else body.SerializeToString(),
                    headers={about.header: value, "content-type": "application/x-protobuf"},
                )
                assert answer.status_code == status, (path, signal, answer.content)
    service.settle()


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/trace", "/v1/traces/x", "/s//v1/traces", "/s/a/b/v1/traces", "/otelx/v1/logs",
     "/x/v1/traces"],
)  # fmt: skip
def test_other_paths_are_none(keyed: tuple[RunningService, str], path: str) -> None:
    service, key = keyed
    answer = service.http.post(
        f"{service.otlp}{path}", content=b"", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 404
    assert b"docs/senders.md" in answer.content
