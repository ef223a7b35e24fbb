"""OpenLIT.

Source: the semantic conventions of openlit 1.30 and 1.45.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Dialect, Source


def first_token(value: Any, streams: Any, streamed: Any) -> float | None:
    """Seconds to the first token; of a call that was not streamed it is the whole time."""
    is_stream = convert.true(streams) or convert.true(streamed)
    found = convert.number(value) if is_stream else None
    return found if found and found > 0 else None


DIALECT: Final = Dialect(
    name="OpenLIT",
    scopes=("openlit",),
    attributes={
        names.REPORTED_COST: ("gen_ai.usage.cost", "gen_ai.token.cost.total"),
        names.INPUT_TOKENS: ("gen_ai.token.usage.input",),
        names.OUTPUT_TOKENS: ("gen_ai.token.usage.output",),
        names.CACHE_READ: ("gen_ai.usage.prompt_tokens_details.cache_read",),
        names.CACHE_WRITE: ("gen_ai.usage.prompt_tokens_details.cache_write",),
        names.REASONING: ("gen_ai.usage.completion_tokens_details.reasoning",),
        names.FIRST_CHUNK: (
            Source(
                "gen_ai.server.time_to_first_token",
                first_token,
                ("gen_ai.request.stream", "gen_ai.request.is_stream"),
            ),
        ),
        "gen_ai.request.stream": ("gen_ai.request.is_stream",),
        names.USER: ("gen_ai.request.user",),
        names.CONVERSATION: ("gen_ai.session.id",),
        names.QUERY: ("gen_ai.retrieval.query",),
    },
    input=("gen_ai.tool.args", "gen_ai.tool.input", "gen_ai.workflow.input"),
    output=("gen_ai.tool.output", "gen_ai.tool.result", "gen_ai.workflow.output"),
)
