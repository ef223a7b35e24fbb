"""OpenTelemetry GenAI's own older names (before v1.37), which several libraries still send.

Messages of that generation are events of the span; those are read whatever the dialect (`events`).

Source: OpenTelemetry semantic conventions v1.28 to v1.36, deprecated attributes.
"""

from typing import Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Dialect, Source

DIALECT: Final = Dialect(
    name="OpenTelemetry before 1.37",
    # With the first byte of what follows a name, since `gen_ai.system_instructions` is no sign.
    marks=("gen_ai.system\x12",),
    attributes={
        names.PROVIDER: ("gen_ai.system",),
        names.INPUT_TOKENS: ("gen_ai.usage.prompt_tokens",),
        names.OUTPUT_TOKENS: ("gen_ai.usage.completion_tokens",),
        "gen_ai.output.type": (
            Source(
                "gen_ai.openai.request.response_format",
                convert.one_of({"text": "text", "json_object": "json", "json_schema": "json"}),
            ),
        ),
        "gen_ai.request.seed": ("gen_ai.openai.request.seed",),
        "openai.request.service_tier": ("gen_ai.openai.request.service_tier",),
        "openai.response.service_tier": ("gen_ai.openai.response.service_tier",),
        "openai.response.system_fingerprint": ("gen_ai.openai.response.system_fingerprint",),
    },
    input=("gen_ai.prompt",),
    output=("gen_ai.completion",),
)
