"""vLLM: version 1 of its engine, and the names of the one before.

Source: vllm/v1/metrics/loggers.py, vllm/v1/spec_decode/metrics.py.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Page, Rule, Table

VLLM: Final = Table(
    name="vllm",
    prefixes=("vllm:", "vllm_"),
    rules=(
        Rule("time_to_first_token_seconds", s.TTFT),
        Rule("inter_token_latency_seconds", s.ITL),
        Rule("time_per_output_token_seconds", s.ITL),
        Rule("request_time_per_output_token_seconds", s.TPOT),
        Rule("e2e_request_latency_seconds", s.E2E),
        Rule("request_queue_time_seconds", s.QUEUE_TIME),
        Rule("request_prefill_time_seconds", s.PREFILL_TIME),
        Rule("request_decode_time_seconds", s.DECODE_TIME),
        Rule("request_inference_time_seconds", s.INFERENCE_TIME),
        Rule("request_prompt_tokens", s.PROMPT_LENGTH),
        Rule("request_generation_tokens", s.ANSWER_LENGTH),
        # A histogram, despite its name.
        Rule("iteration_tokens_total", s.ITERATION_TOKENS),
        Rule("num_requests_running", s.RUNNING),
        Rule("num_requests_waiting", s.WAITING),
        Rule("num_requests_swapped", s.PAUSED),
        Rule("kv_cache_usage_perc", s.KV_USAGE),
        Rule("gpu_cache_usage_perc", s.KV_USAGE),
        Rule("prefix_cache_queries", s.PREFIX_QUERIES),
        Rule("gpu_prefix_cache_queries", s.PREFIX_QUERIES),
        Rule("prefix_cache_hits", s.PREFIX_HITS),
        Rule("gpu_prefix_cache_hits", s.PREFIX_HITS),
        Rule("num_preemptions", s.PREEMPTIONS),
        Rule("prompt_tokens", s.PROMPT_TOKENS),
        Rule("generation_tokens", s.GENERATED_TOKENS),
        Rule("request_success", s.FINISHED),
        Rule("admission_rejections", s.REJECTED),
        Rule("spec_decode_num_draft_tokens", s.SPEC_DRAFTED),
        Rule("spec_decode_num_accepted_tokens", s.SPEC_ACCEPTED),
        Rule("spec_decode_num_drafts", s.SPEC_STEPS),
        Rule("spec_decode_draft_acceptance_rate", s.SPEC_RATE),
    ),
    facts={
        "cache_config_info": {
            "block_size": "engine.kv_cache_block_size",
            "num_gpu_blocks": "engine.kv_cache_blocks",
            "cache_dtype": "engine.kv_cache_dtype",
            "gpu_memory_utilization": "engine.gpu_memory_utilization",
            "enable_prefix_caching": "engine.prefix_caching",
        },
    },
    pages=(
        Page("/v1/models", {
            "data.0.id": "gen_ai.request.model", "data.0.root": "engine.model",
            "data.0.max_model_len": "engine.max_model_length",
        }),
        Page("/version", {"version": "engine.version"}),
        Page("/server_info", {
            "vllm_config.model_config.dtype": "engine.dtype",
            "vllm_config.model_config.quantization": "engine.quantization",
            "vllm_config.parallel_config.tensor_parallel_size": "engine.tensor_parallel_size",
            "vllm_config.scheduler_config.max_num_seqs": "engine.max_sequences",
        }),
    ),
)  # fmt: skip
