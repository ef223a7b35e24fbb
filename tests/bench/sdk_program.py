"""One SDK at work, in a process of its own: run by `bench.sdk` with the interpreter it is in.

It imports nothing of the benchmarks, because peers live in environments of their own. It prints
one line of JSON: microseconds a call, by round.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

PROMPT = "Where is my order, please? It has not come. " * 17 + "Ok"
ANSWER = (
    "It is on its way and will be with you soon. " * 15 + "Goodbye for now, and write again."[:40]
)

#: Calls before the first round.
WARM_UP = 50

Work = tuple[Callable[[str], str], Callable[[], Any]]


def answer(question: str) -> str:
    return ANSWER


def bare(url: str) -> Work:
    return answer, lambda: None


def spanglass(url: str, **settings: Any) -> Work:
    import spanglass

    spanglass.init(url, service="bench", **settings)
    return spanglass.observe(answer), spanglass.flush


def spanglass_redacted(url: str) -> Work:
    return spanglass(url, capture_content="redacted")


def spanglass_dead(url: str) -> Work:
    """Not flushed: nobody takes anything, and the queue is full before long."""
    return spanglass(url)[0], lambda: None


def opentelemetry(url: str) -> Work:
    """The plain SDK, with the same attributes written by hand."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return _by_hand(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))


def _by_hand(processor: Any) -> Work:
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("bench")

    def call(question: str) -> str:
        with tracer.start_as_current_span("answer") as span:
            span.set_attribute("input.value", json.dumps({"question": question}))
            result = answer(question)
            span.set_attribute("output.value", result)
            return result

    return call, provider.force_flush


def langfuse(url: str) -> Work:
    os.environ |= {
        "LANGFUSE_PUBLIC_KEY": "pk-bench", "LANGFUSE_SECRET_KEY": "sk-bench",
        "LANGFUSE_HOST": url, "LANGFUSE_BASE_URL": url,
    }  # fmt: skip
    from langfuse import get_client, observe

    client = get_client()
    return observe(answer), client.flush


def logfire(url: str) -> Work:
    import logfire
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire.configure(
        send_to_logfire=False, console=False, inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces"))],
    )  # fmt: skip
    call = logfire.instrument("answer", extract_args=True, record_return=True)(answer)
    return call, logfire.force_flush


def traceloop(url: str) -> Work:
    os.environ |= {"TRACELOOP_TELEMETRY": "false", "TRACELOOP_METRICS_ENABLED": "false"}
    from opentelemetry import trace
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import workflow

    Traceloop.init(app_name="bench", api_endpoint=url, api_key="bench", instruments=set())
    provider: Any = trace.get_tracer_provider()
    return workflow(name="answer")(answer), provider.force_flush


def opik(url: str) -> Work:
    os.environ |= {
        "OPIK_URL_OVERRIDE": url, "OPIK_WORKSPACE": "default", "OPIK_SENTRY_ENABLE": "false",
        "OPIK_CHECK_TLS_CERTIFICATE": "false",
    }  # fmt: skip
    import opik

    return opik.track(answer), opik.flush_tracker


def openlit(url: str) -> Work:
    os.environ["OPENLIT_TELEMETRY_ENABLED"] = "false"
    import openlit
    from opentelemetry import trace

    openlit.init(otlp_endpoint=url, disable_metrics=True, disable_events=True)
    provider: Any = trace.get_tracer_provider()
    return openlit.trace(answer), provider.force_flush


def fastotel(url: str) -> Work:
    """The plain SDK, exporting from a thread of Rust."""
    from fastotel import OTLPSpanProcessor

    return _by_hand(OTLPSpanProcessor(endpoint=f"{url}/v1/traces"))


PROGRAMS: dict[str, Callable[[str], Work]] = {
    "bare": bare, "spanglass": spanglass, "spanglass redacted": spanglass_redacted, "spanglass dead": spanglass_dead,
    "opentelemetry": opentelemetry, "langfuse": langfuse, "logfire": logfire,
    "traceloop-sdk": traceloop, "opik": opik, "openlit": openlit, "fastotel": fastotel,
}  # fmt: skip


def measure(name: str, url: str, rounds: int, calls: int) -> dict[str, Any]:
    """Rounds of calls, each flushed before the next one; what a call took in microseconds."""
    call, flush = PROGRAMS[name](url)
    for _ in range(WARM_UP):
        call(PROMPT)
    flush()
    wall, own, all_threads = [], [], []
    for _ in range(rounds):
        process, thread, began = time.process_time(), time.thread_time(), time.perf_counter()
        for _ in range(calls):
            call(PROMPT)
        wall.append((time.perf_counter() - began) / calls * 1e6)
        own.append((time.thread_time() - thread) / calls * 1e6)
        flush()
        all_threads.append((time.process_time() - process) / calls * 1e6)
    return {"wall": wall, "own": own, "cpu": all_threads}


def memory(url: str, spans: int, steps: int) -> dict[str, Any]:
    """Resident megabytes while many spans are made."""
    call, flush = spanglass(url)
    found = []
    for _ in range(steps):
        for done in range(spans // steps):
            call(PROMPT)
            if done % 5_000 == 0:
                flush()
        found.append(_resident_mib())
    flush()
    # `getrusage` would say the peak of the process that has started this one, where it is higher.
    return {"resident": found, "peak": _resident_mib("VmHWM")}


def _resident_mib(which: str = "VmRSS") -> float:
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123
            return next(int(line.split()[1]) for line in file if line.startswith(which)) / 1024
    except OSError:
        return float("nan")


if __name__ == "__main__":
    _, what, where, first, second = sys.argv
    if what == "memory":
        print(json.dumps(memory(where, int(first), int(second))))
    else:
        print(json.dumps(measure(what, where, int(first), int(second))))
    sys.stdout.flush()
    os._exit(0)  # a peer without its service would wait
