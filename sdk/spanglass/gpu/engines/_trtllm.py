"""trtllm-serve, with `return_perf_metrics: true`: its text is at /prometheus/metrics.

Versions 1.0 and 1.1 had five metrics, without a prefix.

Source: tensorrt_llm/metrics/collector.py, tensorrt_llm/serve/openai_server.py.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Page, Rule, Table

TRTLLM: Final = Table(
    name="trtllm",
    prefixes=("trtllm_", "trtllm:"),
    rules=(
        Rule("time_to_first_token_seconds", s.TTFT),
        Rule("time_per_output_token_seconds", s.TPOT),
        Rule("e2e_request_latency_seconds", s.E2E),
        Rule("request_queue_time_seconds", s.QUEUE_TIME),
        Rule("request_prefill_time_seconds", s.PREFILL_TIME),
        Rule("request_decode_time_seconds", s.DECODE_TIME),
        Rule("request_inference_time_seconds", s.INFERENCE_TIME),
        Rule("num_requests_running", s.RUNNING),
        Rule("num_requests_waiting", s.WAITING),
        Rule("num_paused_requests", s.PAUSED),
        Rule("kv_cache_utilization", s.KV_USAGE),
        Rule("kv_cache_hit_rate", s.PREFIX_HIT_RATE),
        Rule("prompt_cached_tokens", s.PREFIX_HITS),
        Rule("prompt_tokens", s.PREFIX_QUERIES),
        Rule("prompt_tokens", s.PROMPT_TOKENS),
        Rule("generation_tokens", s.GENERATED_TOKENS),
        Rule("request_success", s.FINISHED),
        Rule("request_error", s.FINISHED, more=(("engine.finish_reason", "error"),)),
        Rule("spec_decode_num_draft_tokens", s.SPEC_DRAFTED),
        Rule("spec_decode_num_accepted_tokens", s.SPEC_ACCEPTED),
        Rule("spec_decode_acceptance_length", s.SPEC_LENGTH),
        Rule("scheduled_batch_size", s.BATCH_SIZE),
        Rule("num_scheduled_requests", s.BATCH_SIZE),
        Rule("max_num_active_requests", s.BATCH_LIMIT),
        Rule("prefill_batch_occupancy", s.BATCH_OCCUPANCY),
    ),
    pages=(
        Page("/v1/models", {"data.0.id": "gen_ai.request.model"}),
        Page("/version", {"version": "engine.version"}),
    ),
    bare=frozenset({
        "request_success_total", "e2e_request_latency_seconds_count",
        "time_to_first_token_seconds_count", "time_per_output_token_seconds_count",
        "request_queue_time_seconds_count",
    }),
)  # fmt: skip
