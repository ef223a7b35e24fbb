"""Engines as their metrics show them: the names of their sources, written by prometheus_client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event, Thread
from typing import Any, Final, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from support.quiet_server import QuietServer

BUCKETS: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
                  7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0)  # fmt: skip
VLLM_HISTOGRAMS: Final = (
    "time_to_first_token_seconds", "inter_token_latency_seconds",
    "request_time_per_output_token_seconds", "e2e_request_latency_seconds",
    "request_queue_time_seconds", "request_inference_time_seconds", "request_prefill_time_seconds",
    "request_decode_time_seconds", "request_prompt_tokens", "request_generation_tokens",
    "iteration_tokens_total", "request_max_num_generation_tokens", "request_params_n",
    "request_params_max_tokens", "request_num_preemptions", "request_prefill_kv_computed_tokens",
)  # fmt: skip
VLLM_COUNTERS: Final = (
    "prefix_cache_queries", "prefix_cache_hits", "num_preemptions", "prompt_tokens",
    "generation_tokens", "spec_decode_num_drafts", "spec_decode_num_draft_tokens",
    "spec_decode_num_accepted_tokens", "external_prefix_cache_queries", "mm_cache_queries",
)  # fmt: skip
VLLM_GAUGES: Final = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")


@dataclass
class Exposition:
    """Writes metrics with the labels of an engine."""

    prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _made: dict[str, Any] = field(default_factory=dict)

    def _child(self, kind: Any, name: str, labels: Mapping[str, str], **more: Any) -> Any:
        names = {**self.labels, **labels}
        if name not in self._made:
            self._made[name] = kind(
                self.prefix + name, "About it.", list(names), registry=self.registry, **more
            )
        return self._made[name].labels(**names) if names else self._made[name]

    def gauge(self, name: str, value: float, **labels: str) -> Self:
        self._child(Gauge, name, labels).set(value)
        return self

    def counter(self, name: str, more: float, **labels: str) -> Self:
        self._child(Counter, name, labels).inc(more)
        return self

    def histogram(
        self, name: str, values: Sequence[float], buckets: Sequence[float] = BUCKETS, **labels: str
    ) -> Self:
        child = self._child(Histogram, name, labels, buckets=buckets)
        for value in values:
            child.observe(value)
        return self

    def text(self) -> str:
        return generate_latest(self.registry).decode()


def vllm(requests: int = 10, prefix: str = "vllm:") -> Exposition:
    """vLLM with as many requests behind it: about 520 lines."""
    made = Exposition(prefix, {"model_name": "m/large", "engine": "0"})
    for name in VLLM_HISTOGRAMS:
        made.histogram(name, [0.02 * n for n in range(1, requests + 1)])
    for name in VLLM_COUNTERS:
        made.counter(name, 100.0 * requests)
    for name in VLLM_GAUGES:
        made.gauge(name, 0.5)
    for reason, count in (("stop", requests - 1), ("length", 1), ("abort", 0)):
        made.counter("request_success", count, finished_reason=reason)
    made.gauge("cache_config_info", 1, block_size="16", num_gpu_blocks="27000", cache_dtype="fp8")
    return made


class EngineServer:
    """An engine's server, which answers what it is told.

    Attributes:
        pages: text and content type by path.
        hold: while it is set, nothing is answered.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[bytes, str]] = {}
        self.hold = Event()
        self.asked: list[str] = []
        #: Says that as many bytes more come than do.
        self.cut = 0
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                engine.asked.append(self.path)
                while engine.hold.is_set():
                    Event().wait(0.05)
                body, kind = engine.pages.get(self.path, (b"", ""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(body) + engine.cut))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True
                if engine.cut:
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                return None

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def say(
        self, text: str, path: str = "/metrics", kind: str = "text/plain; version=0.0.4"
    ) -> None:
        self.pages[path] = (text.encode(), kind)

    def close(self) -> None:
        self.hold.clear()
        self._server.shutdown()
        self._server.server_close()
