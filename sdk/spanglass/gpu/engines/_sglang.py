"""SGLang, started with `--enable-metrics`.

Source: sglang/srt/observability/metrics_collector.py.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Page, Rule, Table

SGLANG: Final = Table(
    name="sglang",
    prefixes=("sglang:", "sglang_"),
    rules=(
        Rule("time_to_first_token_seconds", s.TTFT),
        Rule("inter_token_latency_seconds", s.ITL),
        Rule("time_per_output_token_seconds", s.ITL),
        Rule("request_time_per_output_token_seconds", s.TPOT),
        Rule("e2e_request_latency_seconds", s.E2E),
        Rule("queue_time_seconds", s.QUEUE_TIME),
        Rule("per_stage_req_latency_seconds", s.INFERENCE_TIME),
        Rule("prompt_tokens_histogram", s.PROMPT_LENGTH),
        Rule("generation_tokens_histogram", s.ANSWER_LENGTH),
        Rule("num_running_reqs", s.RUNNING),
        Rule("num_running_reqs", s.BATCH_SIZE),
        Rule("num_queue_reqs", s.WAITING),
        Rule("num_paused_reqs", s.PAUSED),
        Rule("token_usage", s.KV_USAGE),
        Rule("num_used_tokens", s.KV_TOKENS),
        Rule("max_total_num_tokens", s.KV_CAPACITY),
        Rule("cached_tokens", s.PREFIX_HITS),
        Rule("prompt_tokens", s.PREFIX_QUERIES),
        Rule("cache_hit_rate", s.PREFIX_HIT_RATE),
        Rule("prompt_tokens", s.PROMPT_TOKENS),
        Rule("generation_tokens", s.GENERATED_TOKENS),
        Rule("gen_throughput", s.THROUGHPUT),
        Rule("num_requests", s.FINISHED),
        Rule("num_aborted_requests", s.FINISHED, more=(("engine.finish_reason", "abort"),)),
        Rule("spec_verify_calls", s.SPEC_STEPS),
        Rule("spec_accept_rate", s.SPEC_RATE),
        Rule("spec_accept_length", s.SPEC_LENGTH),
        Rule("fwd_occupancy", s.BATCH_OCCUPANCY),
        Rule("weight_load_duration_seconds", s.LOAD_SECONDS),
    ),
    pages=(
        Page("/get_server_info", {
            "served_model_name": "gen_ai.request.model", "model_path": "engine.model",
            "tp_size": "engine.tensor_parallel_size", "dtype": "engine.dtype",
            "quantization": "engine.quantization", "max_running_requests": "engine.max_sequences",
            "context_length": "engine.max_model_length", "version": "engine.version",
            "kv_cache_dtype": "engine.kv_cache_dtype",
        }),
    ),
)  # fmt: skip
