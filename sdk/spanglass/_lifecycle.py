"""Start, flush, end, and what can be asked: `init`, `flush`, `shutdown`, `stats`, `trace_url`."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from opentelemetry import trace

from spanglass import _current, _state
from spanglass._guard import guarded, internal_errors, log, nothing

if TYPE_CHECKING:
    from spanglass._runtime import Runtime
    from spanglass._settings import Settings
    from spanglass._stats import Stats
    from spanglass._status import Status

_lock: Final = threading.Lock()
_at_exit_registered = False


@guarded(nothing)
def init(
    endpoint: str | None = None,
    api_key: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    *,
    capture_content: bool | Literal["redacted", "presidio"] | None = None,
    mask: Callable[[str], str] | None = None,
    sample_rate: float | None = None,
    sample_rates: Mapping[str, float] | None = None,
    sample_data: bool | None = None,
    resource_attributes: Mapping[str, Any] | None = None,
    use_global_provider: bool | None = None,
    headers: Mapping[str, str] | None = None,
    web_url: str | None = None,
    max_content_chars: int | None = None,
    max_queue_spans: int | None = None,
    max_queue_bytes: int | None = None,
    max_batch_spans: int | None = None,
    max_batch_bytes: int | None = None,
    export_delay_s: float | None = None,
    timeout_s: float | None = None,
    retry_s: float | None = None,
    exit_timeout_s: float | None = None,
    spill_dir: str | None = None,
    spill_bytes: int | None = None,
    spill_max_age_s: float | None = None,
    ledger: bool | None = None,
    logs_endpoint: str | None = None,
    project: str | None = None,
    feedback_secret: str | None = None,
    prompt_dir: str | None = None,
    prompt_refresh_s: float | None = None,
    compression: str | None = None,
    certificate: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
    disabled: bool | None = None,
) -> None:
    """Starts to record. Call it once, early; a second call with other settings replaces the first.

        spanglass.init("https://collector.example:4318", service="assistant")

    Everything can also come from the environment (`SPANGLASS_ENDPOINT`, `SPANGLASS_API_KEY`, …,
    and OpenTelemetry's variables); what is given here goes first. It does not raise: settings
    that cannot be used are named in a warning, and the next best hold. Inside
    `spanglass.testing.capture` it changes nothing, so that an application can be tested whole.

    Args:
        endpoint: where to send: the base URL of an OTLP/HTTP receiver. By default
            `http://127.0.0.1:4318`.
        api_key: key that may ingest; sent as `Authorization: Bearer`.
        service: name of the application. By default the program's.
        environment: where it runs: `production`, `staging`, …
        release: version of the application.
        capture_content: whether arguments, results and messages are recorded; a call's own
            `capture_input` and `capture_output` go before it. `"redacted"` takes personal data
            and secrets out of it by pattern (`spanglass.redaction`), `"presidio"` by presidio's
            recognisers, too, where it is installed. By default true.
        mask: is given every text that is recorded, and returns what may leave. Called on the
            exporter's thread; where it raises or returns no text, the text is left out.
        sample_rate: share of the traces that are kept, from 0 to 1; those with an error or a
            score are kept beside. By default 1.
        sample_rates: shares for traces whose first span has a name or an operation.
        sample_data: marks everything as made up, so that it can be told apart and removed.
        resource_attributes: more about what sends, by OpenTelemetry's names.
        use_global_provider: whether to share OpenTelemetry's global tracer provider: then
            everything that the application traces is sent, too. By default a provider of our
            own leaves other OpenTelemetry set-ups alone.
        headers: more headers for each request.
        web_url: where people read traces, for `trace_url`. By default port 8400 of the endpoint.
        max_content_chars: characters of one recorded value; longer ones are cut and marked.
        max_queue_spans: spans that wait to be sent, at most; further ones are dropped, counted.
        max_queue_bytes: the same in bytes, about.
        max_batch_spans: spans of one request.
        max_batch_bytes: bytes of one request, uncompressed.
        export_delay_s: seconds that a span waits for company.
        timeout_s: seconds that one request may take.
        retry_s: seconds after which a batch that is not taken is dropped.
        exit_timeout_s: seconds that the end of the process waits for what is not sent yet.
        spill_dir: folder for spans that cannot be sent; they are sent when it is possible again,
            also by a later process. None by default.
        spill_bytes: bytes of that folder at most.
        spill_max_age_s: seconds after which what waits there is dropped, counted. A week.
        ledger: whether the account of losses is sent. By default it is.
        logs_endpoint: where scores and the account are posted to. By default `/v1/logs` beside
            the endpoint.
        project: whose feedback links are signed here; for all else the key decides.
        feedback_secret: signs feedback links; the collector has the same.
        prompt_dir: folder for the last good copies of prompts, used while the registry is away;
            `off` for none. By default in `~/.cache/spanglass`.
        prompt_refresh_s: seconds after which a prompt is asked for again, in the background.
        compression: `auto` (gzip, but not to this machine), `gzip` or `none`.
        certificate: file with the authorities that may vouch for the endpoint.
        client_certificate: file with the certificate that this side shows.
        client_key: file with that certificate's key.
        disabled: switches everything off.
    """
    given = {key: value for key, value in locals().items() if value is not None}
    from spanglass._settings import resolve

    _install(resolve(given))


def _install(settings: Settings) -> None:
    global _at_exit_registered
    from spanglass._outlet import Outlet, close_all
    from spanglass._runtime import Runtime

    with _lock:
        if _state.captured is not None:
            # An application that sets itself up inside a test: what it traces stays in memory.
            _state.runtime = _state.captured
            return
        old = _state.runtime
        if old is not None and old.settings == settings:
            return
        if settings.disabled:
            _replace(old, None, "disabled")
            return
        if settings.endpoint.partition("://")[2].partition("/")[0].endswith(":4317"):
            log.warning(
                "spanglass: %s has OTLP's gRPC port, and this SDK sends HTTP: usually port 4318",
                settings.endpoint,
            )
        _replace(old, Runtime(settings, Outlet(settings)), "shutdown")
        if not _at_exit_registered:
            _at_exit_registered = True
            atexit.register(close_all)


def _replace(old: Runtime | None, new: Runtime | None, absence: str) -> None:
    _state.runtime, _state.absence = new, absence
    if old is not None:
        old.replaced()


@guarded(lambda: False)
def flush(timeout_s: float = 5.0) -> bool:
    """Sends what has ended so far, and waits for it.

    Args:
        timeout_s: seconds to wait at most.

    Returns:
        Whether everything since the last flush has arrived. What waits still is tried again.
    """
    runtime = _state.runtime
    return runtime is None or runtime.sink.flush(timeout_s)


@guarded(nothing)
def shutdown(timeout_s: float | None = None) -> None:
    """Sends what has ended so far and stops recording. `init` starts again.

    Args:
        timeout_s: seconds to wait at most; None for the setting `exit_timeout_s`.
    """
    with _lock:
        runtime, _state.runtime = _state.runtime, None
        if _state.absence != "disabled":
            _state.absence = "shutdown"
    if runtime is not None:
        runtime.close(runtime.settings.exit_timeout_s if timeout_s is None else timeout_s)


def _no_stats() -> Stats:
    from spanglass._stats import Stats

    return Stats()


@guarded(_no_stats)
def stats() -> Stats:
    """What became of the spans and scores since `init`: sent, waiting, dropped and why."""
    from dataclasses import replace

    from spanglass._stats import added

    runtime = _state.runtime
    found = _no_stats() if runtime is None else runtime.sink.stats()
    scores = replace(found.scores, dropped=added(found.scores.dropped, _state.missed_scores))
    dropped = added(found.dropped, _state.missed)
    return replace(found, dropped=dropped, scores=scores, internal_errors=internal_errors())


def _no_status() -> Status:
    from spanglass._status import Status

    return Status("unknown")


@guarded(_no_status)
def status() -> Status:
    """How the SDK itself is: whether it records, whether the endpoint answers, what is wrong."""
    from spanglass._status import status_of

    return status_of(_state.runtime, _state.absence, stats())


def _no_text() -> str | None:
    return None


@guarded(_no_text)
def current_trace_id() -> str | None:
    """Id of the trace that runs here, 32 hexadecimal digits; None outside of any."""
    about = _current.current_span().get_span_context()
    return trace.format_trace_id(about.trace_id) if about.is_valid else None


@guarded(_no_text)
def trace_url(trace_id: str | None = None) -> str | None:
    """Where people read a trace.

    Args:
        trace_id: which; None for the one that runs here.

    Returns:
        Its page's URL; None outside of any trace, or without `init`.
    """
    runtime = _state.runtime
    wanted = trace_id or current_trace_id()
    return f"{runtime.settings.web}/traces/{wanted}" if runtime and wanted else None
