"""Spans that inference engines send of the requests they answer: vLLM and SGLang.

They have the trace and the parent that the caller's `traceparent` says. They get no operation: the
caller's span is the call that is counted and charged, with its user and feature, and theirs lies
below it and says where its time went.

Source: vllm/tracing (0.10) and sglang/srt/observability/trace.py.
"""

from typing import Final

from spanglass_collector.dialects import names
from spanglass_collector.dialects.model import Dialect

DIALECT: Final = Dialect(
    name="vLLM and SGLang",
    scopes=("vllm", "sglang"),
    marks=("gen_ai.latency.",),
    attributes={
        names.FIRST_CHUNK: ("gen_ai.latency.time_to_first_token",),
        names.CACHE_READ: ("gen_ai.usage.cached_tokens",),
    },
)
