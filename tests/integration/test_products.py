"""SDKs of other products, that know a host and a key of ours and nothing else."""

import importlib.util
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator

import pytest

from spanglass_store.senders import PRODUCTS
from support import otlp
from support.running import ROOT, RunningService, environment


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, str]]:
    with RunningService(tmp_path_factory.mktemp("products") / "data") as service:
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
