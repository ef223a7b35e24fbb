"""MCP: a client and a server in one process, with the spans that its SDK makes itself."""

import asyncio

import conversation as c
from mcp import Client
from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "mcp-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
trace.set_tracer_provider(provider)
server = MCPServer("shop")


@server.tool()
def get_order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is, by its number."""
    return c.order_status(order_id)


@server.tool()
def refund(order_id: str) -> str:
    """Always fails."""
    raise ValueError("no refund")


@server.prompt()
def greeting(name: str) -> str:
    """A prompt."""
    return f"Greet {name}."


async def main() -> None:
    async with Client(server) as client:
        await client.list_tools()
        await client.call_tool("get_order_status", {"order_id": "HO-10482"})
        await client.call_tool("refund", {"order_id": "HO-10482"})
        await client.get_prompt("greeting", {"name": "you"})


asyncio.run(main())
provider.shutdown()
