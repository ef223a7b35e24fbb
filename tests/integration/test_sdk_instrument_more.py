"""`instrument()` with libraries that are large: LlamaIndex, LiteLLM, MCP, Amazon Bedrock."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import spanglass
from spanglass.testing import CapturedSpans, capture
from support.running import environment


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[CapturedSpans]:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    with capture() as captured:
        yield captured
    spanglass.uninstrument()


MCP_SERVER = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("orders")


@server.tool()
def get_order_status(order_id: str) -> str:
    return f"{order_id} is shipped"


server.run()
"""


#: In a process of its own: what the instrumentation has wrapped it does not unwrap.
MCP_CLIENT = """
import asyncio, json, sys

import spanglass
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from spanglass.testing import capture


async def ask():
    server = StdioServerParameters(command=sys.executable, args=[sys.argv[1]])
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        with spanglass.span("root"):
            answer = await session.call_tool("get_order_status", {"order_id": "HO-1"})
        assert "HO-1 is shipped" in str(answer.content)


with capture() as spans:
    for _ in range(2):
        turned_on = spanglass.instrument().on["mcp"]
        assert turned_on == "opentelemetry-instrumentation-mcp", turned_on
    asyncio.run(ask())
    call, root = spans.one("get_order_status.tool"), spans.one("root")
    assert (call.trace_id, call.parent_id) == (root.trace_id, root.span_id)
    assert "HO-1" in call.attributes["traceloop.entity.input"]
    assert "HO-1 is shipped" in call.attributes["traceloop.entity.output"]
print("once")
"""


def test_mcp(tmp_path: Path) -> None:
    server, client = tmp_path / "server.py", tmp_path / "client.py"
    server.write_text(MCP_SERVER)
    client.write_text(MCP_CLIENT)
    done = subprocess.run(
        [sys.executable, client, server], capture_output=True, text=True, check=False,
        env=environment(),
    )  # fmt: skip
    assert done.stdout == "once\n", done.stderr


def test_llama_index(spans: CapturedSpans) -> None:
    found = spanglass.instrument(only=["llama-index"])
    assert found.on == {"llama-index": "openinference-instrumentation-llama-index"}
    from llama_index.core.llms import MockLLM

    with spanglass.context(session_id="s"), spanglass.span("root"):
        MockLLM().complete("How much?")
    call = next(span for span in spans if span.name != "root")
    assert call.parent_id == spans.one("root").span_id
    assert call.attributes["openinference.span.kind"] == "LLM"
    assert "How much?" in str(call.attributes)
    assert {span.attributes["session.id"] for span in spans} == {"s"}


def test_litellm(spans: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # asks nobody for prices
    import litellm

    found = spanglass.instrument(only=["litellm"])
    assert found.on == {"litellm": "openinference-instrumentation-litellm"}
    with spanglass.span("root"):
        litellm.completion(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "How much?"}],
            mock_response="12.50 EUR",
        )
    assert spans.tree() == ["root", ["completion"]]
    call = spans.one("completion").attributes
    assert "How much?" in str(call)
    assert "12.50 EUR" in str(call)


class Bedrock(BaseHTTPRequestHandler):
    """Answers as Amazon Bedrock's Converse does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = (
            b'{"output": {"message": {"role": "assistant", "content": [{"text": "12.50 EUR"}]}},'
            b' "stopReason": "end_turn", "metrics": {"latencyMs": 5},'
            b' "usage": {"inputTokens": 4, "outputTokens": 3, "totalTokens": 7}}'
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nobody needs to know."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_bedrock(spans: CapturedSpans) -> None:
    from botocore.session import Session

    found = spanglass.instrument(only=["bedrock"])
    assert found.on == {"bedrock": "openinference-instrumentation-bedrock"}
    with serving(Bedrock) as url, spanglass.span("root"):
        client = Session().create_client(
            "bedrock-runtime", "eu-central-1", endpoint_url=url,
            aws_access_key_id="any", aws_secret_access_key="any",
        )  # fmt: skip
        answer = client.converse(
            modelId="anthropic.claude-3-haiku-20240307-v1:0",
            messages=[{"role": "user", "content": [{"text": "How much?"}]}],
        )
        client.close()
    assert answer["output"]["message"]["content"][0]["text"] == "12.50 EUR"
    assert len(spans) == 2
    call = next(span for span in spans if span.name != "root")
    assert call.parent_id == spans.one("root").span_id
    assert "How much?" in str(call.attributes)
    assert call.attributes["llm.token_count.prompt"] == 4
