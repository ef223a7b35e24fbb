"""MCP: a client and a server in one process, with OpenLLMetry's instrumentation."""

import asyncio

import conversation as c
from mcp.server.fastmcp import FastMCP
from mcp.shared.memory import create_connected_server_and_client_session
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.mcp import McpInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "mcp-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
trace.set_tracer_provider(provider)
McpInstrumentor().instrument(tracer_provider=provider)
server = FastMCP("shop")


@server.tool()
def get_order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is, by its number."""
    return c.order_status(order_id)


async def main() -> None:
    async with create_connected_server_and_client_session(server._mcp_server) as session:
        await session.list_tools()
        await session.call_tool("get_order_status", {"order_id": "HO-10482"})


asyncio.run(main())
provider.shutdown()
