"""An MCP client and its server, in one trace across two processes.

    pip install mcp opentelemetry-instrumentation-mcp
    spanglass serve &
    python examples/mcp_tools/client.py HO-10482

`instrument` records each call of a tool in the client. The trace travels in the protocol's `_meta`,
as the specification of MCP reserves it, so the tool's work in the server is in the same trace.
"""

import asyncio
import os
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import spanglass


async def ask(order: str) -> str:
    """Calls the tool once."""
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(Path(__file__).with_name("server.py"))],
        env=dict(os.environ),
    )
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        with spanglass.context(session_id="s-1"), spanglass.span("where is my order"):
            answer = await session.call_tool(
                "get_order_status", {"order_id": order}, meta=spanglass.inject({})
            )
    return str(getattr(answer.content[0], "text", ""))


if __name__ == "__main__":
    spanglass.init(service="mcp-client")
    spanglass.instrument(only=["mcp"])
    print(asyncio.run(ask(sys.argv[1] if len(sys.argv) > 1 else "HO-10482")))
    spanglass.flush()
