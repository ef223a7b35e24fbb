"""Triton, also with the TensorRT-LLM backend: its metrics are on port 8002.

Source: core/src/metrics.cc; triton_backend/…/custom_metrics_reporter.cc of TensorRT-LLM.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu import _hardware as hw
from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Rule, Table

_GPU: Final = (("hw.type", "gpu"), ("hw.vendor", "NVIDIA"))


def _request(kind: str) -> tuple[tuple[str, str], ...]:
    return (("request_type", kind),)


def _blocks(kind: str) -> tuple[tuple[str, str], ...]:
    return (("kv_cache_block_type", kind),)


TRITON: Final = Table(
    name="triton",
    prefixes=("nv_",),
    rules=(
        Rule("inference_first_response_histogram_ms", s.TTFT, scale=1e-3),
        Rule("inference_request_duration_us", s.REQUEST_SECONDS, scale=1e-6),
        Rule("inference_queue_duration_us", s.QUEUE_SECONDS, scale=1e-6),
        Rule("inference_compute_infer_duration_us", s.COMPUTE_SECONDS, scale=1e-6),
        Rule("trt_llm_request_metrics", s.RUNNING, when=_request("active")),
        Rule("trt_llm_request_metrics", s.BATCH_LIMIT, when=_request("max")),
        Rule("trt_llm_request_metrics", s.BATCH_SIZE, when=_request("scheduled")),
        Rule("trt_llm_request_metrics", s.WAITING, when=_request("waiting")),
        Rule("inference_pending_request_count", s.WAITING),
        Rule("trt_llm_kv_cache_block_metrics", s.KV_USAGE, when=_blocks("fraction")),
        Rule(
            "trt_llm_inflight_batcher_metrics", s.PAUSED,
            when=(("inflight_batcher_specific_metric", "paused_requests"),),
        ),
        Rule("llm_input_token_len_sum", s.PROMPT_TOKENS),
        Rule("llm_output_token_len_sum", s.GENERATED_TOKENS),
        Rule("inference_request_success", s.FINISHED, more=(("engine.finish_reason", "success"),)),
        Rule("inference_request_failure", s.FINISHED, more=(("engine.finish_reason", "error"),)),
        Rule("inference_exec_count", s.STEPS),
        Rule("model_load_duration_secs", s.LOAD_SECONDS),
        Rule(
            "gpu_utilization", hw.UTILIZATION, more=(*_GPU, ("hw.gpu.task", "general")),
            of_board=True,
        ),
        Rule("gpu_memory_total_bytes", hw.MEMORY_LIMIT, more=_GPU, of_board=True),
        Rule("gpu_memory_used_bytes", hw.MEMORY_USAGE, more=_GPU, of_board=True),
        Rule("gpu_power_usage", hw.POWER, more=_GPU, of_board=True),
        Rule("gpu_power_limit", hw.POWER_LIMIT, more=_GPU, of_board=True),
        Rule("energy_consumption", hw.ENERGY, more=_GPU, of_board=True),
    ),
    labels={"gpu_uuid": "hw.id"},
)  # fmt: skip
