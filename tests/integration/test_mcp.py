"""The MCP server as an assistant uses it: the official client starts it and asks."""

import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from spanglass_store.state.keys import DEFAULT_PROJECT
from support import otlp
from support.running import Launch, RunningService, environment


class Assistant:
    """Asks one server; each question is a call of a tool."""

    def __init__(self, url: str, key: str) -> None:
        words = ["-m", "spanglass_collector.cli", "mcp", "--url", url, "--key", key]
        self._server = StdioServerParameters(command=sys.executable, args=words, env=environment())

    def ask(
        self, *questions: tuple[str, dict[str, Any]], log: Path = Path(os.devnull)
    ) -> tuple[list[Any], list[Any]]:
        """The tools, and the answers.

        Args:
            questions: names of tools with what they are given.
            log: where the server's standard error goes.
        """

        async def go() -> tuple[list[Any], list[Any]]:
            async with AsyncExitStack() as stack:
                errors = stack.enter_context(log.open("w"))
                read, write = await stack.enter_async_context(stdio_client(self._server, errors))
                session = await stack.enter_async_context(ClientSession(read, write))
                await session.initialize()
                tools = (await session.list_tools()).tools
                return tools, [await session.call_tool(name, given) for name, given in questions]

        return anyio.run(go)


def said(answer: Any) -> Any:
    assert not answer.isError, answer.content
    return json.loads(answer.content[0].text)


@pytest.fixture
def keyed(launch: Launch) -> RunningService:
    return launch()


def test_an_assistant_asks_with_the_rights_of_its_key(
    keyed: RunningService, tmp_path: Path
) -> None:
    span = otlp.chat_span(12, 6, {"gen_ai.input.messages": "a secret question"})
    keyed.send(otlp.request(span, service="shop"))
    keyed.settle()
    trace_id = span.trace_id.hex()
    scores = {"name": "user_feedback", "value": 0, "trace_id": trace_id}
    assert keyed.api("POST", "/api/v1/scores", json=scores).status_code == 201
    body = {"definition": {"template": "Hi {{name}}"}}
    assert keyed.api("POST", "/api/v1/prompts/hello/versions", json=body).status_code == 201
    whole = keyed.key("read", DEFAULT_PROJECT)
    blind = keyed.key("read", DEFAULT_PROJECT, payload=False)
    tools, answers = Assistant(keyed.web, whole).ask(
        ("search_traces", {"service": "shop"}),
        ("get_trace", {"trace_id": trace_id}),
        ("list_scores", {"name": "user_feedback"}),
        ("get_costs", {"by": "model"}),
        ("get_quality", {}),
        ("list_prompts", {}),
        ("get_prompt", {"name": "hello"}),
        ("query_sql", {"query": "SELECT count() AS n FROM spans"}),
        ("query_sql", {"query": "DROP TABLE spans"}),
        ("get_trace", {"trace_id": "ab" * 16}),
    )
    assert all(each.annotations.readOnlyHint for each in tools)
    assert len(tools) == 8
    *good, refused, absent = answers
    found = [said(each) for each in good]
    assert [each["trace_id"] for each in found[0]["items"]] == [trace_id]
    assert "a secret question" in json.dumps(found[1])
    assert found[2]["items"][0]["value"] == 0
    assert found[6]["definition"]["template"] == "Hi {{name}}"
    assert found[7]["rows"] == [[1]]
    assert refused.isError
    assert absent.isError
    assert "no such trace" in absent.content[0].text
    # The other key sees the trace, and nothing that was written.
    _, (trace,) = Assistant(keyed.web, blind).ask(("get_trace", {"trace_id": trace_id}))
    assert "a secret question" not in json.dumps(said(trace))
    # A prompt's name is part of an address, and what is searched for stays out of the log.
    log = tmp_path / "log"
    _, (away, long, none) = Assistant(keyed.web, whole).ask(
        ("get_prompt", {"name": ".."}), ("search_traces", {"text": "x" * 1001}),
        ("search_traces", {"text": "unheard-of words"}), log=log,
    )  # fmt: skip
    assert "should match pattern" in away.content[0].text
    assert "at most 1000 characters" in long.content[0].text
    assert said(none)["items"] == []
    assert "unheard" not in log.read_text()
    _, (denied,) = Assistant(keyed.web, "sg_read_wrong").ask(("list_prompts", {}))
    assert denied.isError
