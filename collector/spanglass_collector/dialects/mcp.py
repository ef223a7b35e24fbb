"""Model Context Protocol: OpenTelemetry's own names, and OpenLLMetry's for what it adds.

Source: OpenTelemetry's MCP conventions; opentelemetry-instrumentation-mcp 0.62.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Dialect, Source


def arguments(value: Any) -> str | None:
    """A tool's arguments, also inside of the request that brings them."""
    request = convert.json_object(value)
    params = request.get("params", request)
    found = params.get("arguments") if isinstance(params, dict) else None
    return convert.json_text(value if found is None else found)


def tool(value: Any) -> str | None:
    """The tool's name in a request."""
    request = convert.json_object(value)
    params = request.get("params", request)
    return convert.text(params.get("name")) if isinstance(params, dict) else None


DIALECT: Final = Dialect(
    name="MCP",
    scopes=("opentelemetry.instrumentation.mcp", "mcp", "fastmcp"),
    attributes={
        names.OPERATION: (
            Source("mcp.method.name", convert.one_of({"tools/call": "execute_tool"})),
        ),
        names.TOOL_NAME: (Source("mcp.request.argument", tool),),
        names.TOOL_ARGUMENTS: (Source("mcp.request.argument", arguments),),
        names.TOOL_RESULT: ("mcp.response.value",),
        "jsonrpc.request.id": ("mcp.request.id",),
    },
)
