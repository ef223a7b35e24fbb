"""The common metrics of engines: OpenTelemetry's names where it has them, `engine.*` otherwise."""

from __future__ import annotations

from typing import Final

from spanglass.gpu._points import Kind, Metric


def _histogram(name: str, about: str, unit: str = "s") -> Metric:
    return Metric(name, unit, Kind.HISTOGRAM, about)


def _gauge(name: str, about: str, unit: str = "1") -> Metric:
    return Metric(f"engine.{name}", unit, Kind.GAUGE, about)


def _counter(name: str, about: str, unit: str) -> Metric:
    return Metric(f"engine.{name}", unit, Kind.COUNTER, about)


TTFT: Final = _histogram("gen_ai.server.time_to_first_token", "Time until the first token.")
TPOT: Final = _histogram(
    "gen_ai.server.time_per_output_token", "Mean time of a request's tokens after the first."
)
E2E: Final = _histogram("gen_ai.server.request.duration", "Time of a whole request.")
ITL: Final = _histogram("engine.inter_token_latency", "Time between two tokens.")
QUEUE_TIME: Final = _histogram("engine.queue_time", "Time that a request waited to be scheduled.")
PREFILL_TIME: Final = _histogram("engine.prefill_time", "Time that a request's prompt took.")
DECODE_TIME: Final = _histogram("engine.decode_time", "Time that a request's answer took.")
INFERENCE_TIME: Final = _histogram("engine.inference_time", "Time that a request was at work.")
PROMPT_LENGTH: Final = _histogram("engine.request.prompt_tokens", "Tokens of a prompt.", "{token}")
ANSWER_LENGTH: Final = _histogram(
    "engine.request.generated_tokens", "Tokens of an answer.", "{token}"
)
ITERATION_TOKENS: Final = _histogram(
    "engine.iteration_tokens", "Tokens of one step of the engine.", "{token}"
)
BATCH_SIZES: Final = _histogram("engine.batch_sizes", "Requests of a batch.", "{request}")

# Where an engine has sums of times and no histograms: divide by what was finished.
REQUEST_SECONDS: Final = _counter("request_seconds", "Time of all requests.", "s")
QUEUE_SECONDS: Final = _counter("queue_seconds", "Time that requests waited.", "s")
PREFILL_SECONDS: Final = _counter("prefill_seconds", "Time of all prompts.", "s")
DECODE_SECONDS: Final = _counter("decode_seconds", "Time of all answers.", "s")
COMPUTE_SECONDS: Final = _counter("compute_seconds", "Time that requests were at work.", "s")

RUNNING: Final = _gauge("requests_running", "Requests that are being worked on.", "{request}")
WAITING: Final = _gauge("requests_waiting", "Requests that wait.", "{request}")
PAUSED: Final = _gauge("requests_paused", "Requests that were put off.", "{request}")
KV_USAGE: Final = _gauge("kv_cache_usage", "Share of the KV cache in use.")
KV_TOKENS: Final = _gauge("kv_cache_tokens", "Tokens in the KV cache.", "{token}")
KV_CAPACITY: Final = _gauge(
    "kv_cache_capacity", "Tokens that the KV cache has room for.", "{token}"
)
BATCH_SIZE: Final = _gauge("batch_size", "Requests of the current batch.", "{request}")
BATCH_LIMIT: Final = _gauge("batch_limit", "Requests that a batch may have.", "{request}")
BATCH_OCCUPANCY: Final = _gauge("batch_occupancy", "Share of the batch in use.")
THROUGHPUT: Final = _gauge("generated_tokens_per_second", "As the engine says.", "{token}/s")
PREFIX_HIT_RATE: Final = _gauge("prefix_cache_hit_rate", "As the engine says.")
SPEC_RATE: Final = _gauge("spec_acceptance_rate", "Accepted over drafted, as the engine says.")
SPEC_LENGTH: Final = _gauge("spec_acceptance_length", "Tokens of a step, as it says.", "{token}")
LOAD_SECONDS: Final = _gauge("load_seconds", "Time that loading the model took.", "s")

PREFIX_QUERIES: Final = _counter(
    "prefix_cache_queries", "Prompt tokens that were looked up in the cache.", "{token}"
)
PREFIX_HITS: Final = _counter("prefix_cache_hits", "Prompt tokens found there.", "{token}")
PREEMPTIONS: Final = _counter("preemptions", "Requests that lost their place.", "{request}")
PROMPT_TOKENS: Final = _counter("prompt_tokens", "Tokens of prompts.", "{token}")
GENERATED_TOKENS: Final = _counter("generated_tokens", "Tokens of answers.", "{token}")
FINISHED: Final = _counter("requests_finished", "Requests that ended.", "{request}")
RECEIVED: Final = _counter("requests_received", "Requests that came.", "{request}")
REJECTED: Final = _counter("requests_rejected", "Requests that were turned away.", "{request}")
SPEC_DRAFTED: Final = _counter("spec_drafted", "Tokens that were drafted.", "{token}")
SPEC_ACCEPTED: Final = _counter("spec_accepted", "Drafted tokens that were accepted.", "{token}")
SPEC_STEPS: Final = _counter("spec_steps", "Steps that verified a draft.", "{step}")
STEPS: Final = _counter("steps", "Steps of the engine.", "{step}")

UP: Final = Metric("engine.up", "1", Kind.UP_DOWN, "Whether the engine's metrics can be read.")
SCRAPE_SECONDS: Final = _gauge("scrape_duration", "Time that a scrape took.", "s")
BAD_LINES: Final = _counter("scrape_bad_lines", "Lines that could not be read.", "{line}")
