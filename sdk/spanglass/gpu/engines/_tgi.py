"""Text Generation Inference. It has no time to the first token, and nothing of its KV cache.

Source: router/src/server.rs and backends/v3/src of version 3.3.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Page, Rule, Table

TGI: Final = Table(
    name="tgi",
    prefixes=("tgi_",),
    rules=(
        # Prompt included.
        Rule("request_mean_time_per_token_duration", s.TPOT),
        Rule("request_duration", s.E2E),
        Rule("request_queue_duration", s.QUEUE_TIME),
        Rule("request_inference_duration", s.INFERENCE_TIME),
        # Of batches, not of requests.
        Rule("batch_inference_duration", s.PREFILL_TIME, when=(("method", "prefill"),)),
        Rule("batch_inference_duration", s.DECODE_TIME, when=(("method", "decode"),)),
        Rule("request_input_length", s.PROMPT_LENGTH),
        Rule("request_generated_tokens", s.ANSWER_LENGTH),
        Rule("batch_next_size", s.BATCH_SIZES),
        Rule("batch_current_size", s.RUNNING),
        Rule("batch_current_size", s.BATCH_SIZE),
        Rule("queue_size", s.WAITING),
        Rule("batch_current_max_tokens", s.KV_TOKENS),
        Rule("batch_max_total_tokens", s.KV_CAPACITY),
        Rule("request_input_length_sum", s.PROMPT_TOKENS),
        Rule("request_generated_tokens_sum", s.GENERATED_TOKENS),
        Rule("request_count", s.RECEIVED),
        Rule("request_success", s.FINISHED, more=(("engine.finish_reason", "success"),)),
        Rule("request_failure", s.FINISHED, more=(("engine.finish_reason", "error"),)),
        Rule("request_skipped_tokens_sum", s.SPEC_ACCEPTED),
        Rule("request_skipped_tokens_count", s.SPEC_STEPS),
    ),
    pages=(
        Page("/info", {
            "model_id": "gen_ai.request.model", "model_dtype": "engine.dtype",
            "quantize": "engine.quantization", "version": "engine.version",
            "max_concurrent_requests": "engine.max_sequences",
            "max_total_tokens": "engine.max_model_length",
        }),
    ),
)  # fmt: skip
