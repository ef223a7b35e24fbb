"""An MCP server with one tool, traced: see client.py, which starts it."""

from mcp.server.fastmcp import Context, FastMCP

import spanglass

server = FastMCP("orders", log_level="WARNING")


@spanglass.observe(kind="tool")
def look_up(order_id: str) -> str:
    """What the tool does."""
    return f"{order_id} is shipped and arrives tomorrow."


@server.tool()
def get_order_status(order_id: str, context: Context) -> str:
    """Says where an order is."""
    sent = context.request_context.meta
    headers = {name: str(value) for name, value in (sent.model_extra or {}).items()} if sent else {}
    with spanglass.continue_trace(headers):
        return look_up(order_id)


if __name__ == "__main__":
    spanglass.init(service="mcp-server")
    server.run()
