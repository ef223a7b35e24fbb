"""Claude with thinking, a tool and a cached prompt, traced through the `anthropic` client.

    spanglass serve &
    python examples/wrap_anthropic.py

The model is the bundled sample server unless `ANTHROPIC_BASE_URL` names another.
"""

import asyncio
import os
from contextlib import nullcontext
from typing import Any

import anthropic

import spanglass
from sample_server import BackgroundServer, Settings

MODEL = os.environ.get("MODEL", "claude-haiku-4-5")
#: Long enough to be worth caching.
HOUSE_RULES = "You are the help desk of Halden Outdoor. Answer in one sentence. " * 20
TOOL: Any = {
    "name": "get_order_status",
    "description": "Look up where an order is, by its number.",
    "input_schema": {
        "type": "object",
        "properties": {"order_id": {"type": "string"}},
        "required": ["order_id"],
    },
}


@spanglass.observe(kind="tool")
def get_order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is, by its number."""
    return {"order_id": order_id, "status": "shipped"}


@spanglass.observe(kind="agent")
async def help_desk(client: anthropic.AsyncAnthropic, question: str) -> str:
    """Asks, runs the tools that the model wants, and asks again until it has an answer."""
    messages: list[Any] = [{"role": "user", "content": question}]
    cached = {"type": "text", "text": HOUSE_RULES, "cache_control": {"type": "ephemeral"}}
    request: Any = {"model": MODEL, "max_tokens": 4000, "system": [cached], "tools": [TOOL]}
    request["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    while True:
        async with client.messages.stream(messages=messages, **request) as stream:
            message = await stream.get_final_message()
        wanted = [block for block in message.content if block.type == "tool_use"]
        if not wanted:
            return "".join(block.text for block in message.content if block.type == "text")
        results = []
        for block in wanted:
            arguments: Any = block.input
            found = str(get_order_status(**arguments))
            results.append({"type": "tool_result", "tool_use_id": block.id, "content": found})
        messages += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": results},
        ]


if __name__ == "__main__":
    spanglass.init(service="wrap-anthropic")
    theirs = os.environ.get("ANTHROPIC_BASE_URL")
    with nullcontext() if theirs else BackgroundServer(Settings()) as bundled:
        url = bundled.base_url.removesuffix("/v1") if bundled else theirs
        key = os.environ.get("ANTHROPIC_API_KEY", "any")
        asked = spanglass.wrap(anthropic.AsyncAnthropic(base_url=url, api_key=key))
        print(asyncio.run(help_desk(asked, "Where is my order HO-10482?")))
