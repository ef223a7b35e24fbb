"""The settings of the SDK, as a table: name, default, environment, how the text is read.

What `init` is given goes first, then the environment in the order of the table, then the
default. A value that cannot be used is named in a warning and the next in that order holds:
telemetry that is set up wrongly must not stop an application.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from spanglass import _setting_values as values
from spanglass._guard import log

#: Names of the environment where the credentials and certificates of OpenTelemetry's exporters
#: are. They belong to the endpoint that is named beside them, and are sent to no other.
_OTEL_ONLY: Final = frozenset({"headers", "certificate", "client_certificate", "client_key"})

#: What decides about content: where one of them cannot be used, none leaves.
_PRIVACY: Final = frozenset({"capture_content", "mask"})

#: How much of the time that an ending process has goes to asking the endpoint. The rest goes to
#: the disk, where there is a place for what is not sent.
ASKING: Final = 0.6

_LOGS_PATH: Final = "/v1/logs"
_METRICS_PATH: Final = "/v1/metrics"
_WEB_PORT: Final = 8400


class Variable(NamedTuple):
    """One variable of the environment.

    Attributes:
        name: its name.
        read: makes the setting's value from its text; raises ValueError for what it can't read.
    """

    name: str
    read: Callable[[str], Any]


def _setting(
    default: Any,
    about: str,
    read: Callable[[Any], Any] = str,
    env: str = "",
    otel: tuple[Variable | str, ...] = (),
    secret: bool = False,
) -> Any:
    """One row of the table.

    Args:
        default: the value without any other.
        about: what it means, and its unit.
        read: makes the value from what is given; raises ValueError or TypeError.
        env: our own variable.
        otel: OpenTelemetry's variables, most special first.
        secret: whether no log may show it.
    """
    names = ([env] if env else []) + list(otel)
    variables = tuple(v if isinstance(v, Variable) else Variable(v, read) for v in names)
    metadata = {"about": about, "read": read, "variables": variables}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata, repr=not secret)
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Each field says where its value may come from."""

    endpoint: str = _setting(
        "http://127.0.0.1:4318/v1/traces",
        "where traces are posted to; /v1/traces is added where it is missing",
        values.url,
        "SPANGLASS_ENDPOINT",
        (
            Variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", values.exact_url),
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    )
    logs_endpoint: str = _setting(
        "",
        "where scores and the account of losses are posted to; /v1/logs beside the endpoint",
        values.exact_url,
        "SPANGLASS_LOGS_ENDPOINT",
    )
    api_key: str = _setting(
        "", "key that may ingest", values.text, "SPANGLASS_API_KEY", secret=True
    )
    headers: dict[str, str] = _setting(  # noqa: RUF009 - it makes a field
        {},
        "more headers for each request",
        values.headers,
        otel=("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        secret=True,
    )
    service: str = _setting(
        "", "name of the application", str, "SPANGLASS_SERVICE", ("OTEL_SERVICE_NAME",)
    )
    environment: str = _setting("", "where it runs: production, …", str, "SPANGLASS_ENVIRONMENT")
    release: str = _setting("", "version of the application", str, "SPANGLASS_RELEASE")
    resource_attributes: dict[str, Any] = _setting(  # noqa: RUF009 - it makes a field
        {}, "more about what sends, beside OTEL_RESOURCE_ATTRIBUTES", values.attributes
    )
    sample_data: bool = _setting(
        False, "marks everything as made up", values.flag, "SPANGLASS_SAMPLE_DATA"
    )
    capture_content: bool | str = _setting(
        True,
        "whether arguments, results and messages are recorded: true, false, redacted"
        " (by patterns) or presidio (by its recognisers, too)",
        values.capture,
        "SPANGLASS_CAPTURE_CONTENT",
        (Variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", values.content_mode),),
    )
    mask: Callable[[str], str] | None = _setting(  # noqa: RUF009 - it makes a field
        None,
        "function that is given every recorded text and returns what may leave",
        values.function,
    )
    sample_rate: float = _setting(
        1.0,
        "share of the traces that are kept, beside those with an error or a score",
        values.share,
        "SPANGLASS_SAMPLE_RATE",
    )
    sample_rates: dict[str, float] = _setting(  # noqa: RUF009 - it makes a field
        {},
        "shares for traces that begin with a name or an operation: chat=0.5,healthz=0",
        values.shares,
        "SPANGLASS_SAMPLE_RATES",
    )
    spill_dir: str = _setting(
        "",
        "folder for spans that cannot be sent, sent later; none by default",
        values.text,
        "SPANGLASS_SPILL_DIR",
    )
    spill_bytes: int = _setting(
        256 << 20, "bytes of that folder at most", values.count, "SPANGLASS_SPILL_BYTES"
    )
    spill_max_age_s: float = _setting(
        7 * 86_400.0,
        "seconds after which what waits in that folder is dropped, and counted",
        values.number,
        "SPANGLASS_SPILL_MAX_AGE_S",
    )
    ledger: bool = _setting(
        True, "whether the account of losses is sent", values.flag, "SPANGLASS_LEDGER"
    )
    max_content_chars: int = _setting(
        200_000,
        "characters of one recorded value; longer ones are cut in the middle and marked",
        values.count,
        "SPANGLASS_MAX_CONTENT_CHARS",
    )
    max_queue_spans: int = _setting(
        10_000,
        "spans that wait at most; further ones are dropped and counted",
        values.count,
        "SPANGLASS_MAX_QUEUE_SPANS",
        ("OTEL_BSP_MAX_QUEUE_SIZE",),
    )
    max_queue_bytes: int = _setting(
        64 << 20,
        "about how many bytes wait at most; further spans are dropped and counted",
        values.count,
        "SPANGLASS_MAX_QUEUE_BYTES",
    )
    max_batch_spans: int = _setting(
        512,
        "spans of one request",
        values.count,
        "SPANGLASS_MAX_BATCH_SPANS",
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",),
    )
    max_batch_bytes: int = _setting(
        4 << 20, "bytes of one request, uncompressed", values.count, "SPANGLASS_MAX_BATCH_BYTES"
    )
    export_delay_s: float = _setting(
        0.5,
        "seconds that a span waits for company",
        values.number,
        "SPANGLASS_EXPORT_DELAY_S",
        (Variable("OTEL_BSP_SCHEDULE_DELAY", values.from_milliseconds),),
    )
    timeout_s: float = _setting(
        10.0,
        "seconds that one request may take",
        values.number,
        "SPANGLASS_TIMEOUT_S",
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
    )
    retry_s: float = _setting(
        300.0,
        "seconds after which a batch that is not taken is dropped",
        values.number,
        "SPANGLASS_RETRY_S",
    )
    exit_timeout_s: float = _setting(
        5.0,
        "seconds that the end of the process waits for what is not sent yet",
        values.number,
        "SPANGLASS_EXIT_TIMEOUT_S",
    )
    compression: str = _setting(
        "auto",
        "auto (gzip, but not to this machine), gzip or none",
        values.compression,
        "SPANGLASS_COMPRESSION",
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"),
    )
    certificate: str = _setting(
        "",
        "file with the authorities that may vouch for the endpoint",
        str,
        otel=("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    )
    client_certificate: str = _setting(
        "",
        "file with the certificate that this side shows",
        str,
        otel=(
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        ),
    )
    client_key: str = _setting(
        "",
        "file with that certificate's key",
        str,
        otel=("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    )
    web_url: str = _setting(
        "", "where people read traces; for trace_url", values.text, "SPANGLASS_WEB_URL"
    )
    project: str = _setting(
        "default", "whose feedback links are signed here", values.text, "SPANGLASS_PROJECT"
    )
    feedback_secret: str = _setting(
        "",
        "signs feedback links; the collector has the same, of 16 characters or more",
        values.secret,
        "SPANGLASS_FEEDBACK_SECRET",
        secret=True,
    )
    prompt_dir: str = _setting(
        "",
        "folder for the last good copies of prompts; off for none, ~/.cache/spanglass by default",
        values.text,
        "SPANGLASS_PROMPT_DIR",
    )
    prompt_refresh_s: float = _setting(
        60.0,
        "seconds after which a prompt is asked for again, in the background",
        values.number,
        "SPANGLASS_PROMPT_REFRESH_S",
    )
    use_global_provider: bool = _setting(
        False, "whether to share OpenTelemetry's global tracer provider", values.flag
    )
    disabled: bool = _setting(
        False, "switches everything off", values.flag, "SPANGLASS_DISABLED", ("OTEL_SDK_DISABLED",)
    )

    @property
    def samples(self) -> bool:
        """Whether any trace may be left out."""
        return self.sample_rate < 1 or any(rate < 1 for rate in self.sample_rates.values())

    @property
    def logs(self) -> str:
        """Where log records are posted to: as set, else beside the traces."""
        return self.logs_endpoint or self._beside(_LOGS_PATH)

    @property
    def metrics(self) -> str:
        """Where metrics are posted to: beside the traces."""
        return self._beside(_METRICS_PATH)

    def _beside(self, path: str) -> str:
        """Another path of the endpoint's server, below the same base."""
        address, query = self.endpoint.partition("?")[::2]
        base = address.removesuffix(values.TRACES_PATH)
        if base == address:
            parts = urlsplit(address)
            base = f"{parts.scheme}://{parts.netloc}"
        return base + path + (f"?{query}" if query else "")

    @property
    def web(self) -> str:
        """Base URL of the web application: as set, else beside the endpoint."""
        if self.web_url:
            return self.web_url.rstrip("/")
        parts = urlsplit(self.endpoint)
        host = parts.hostname or "127.0.0.1"
        return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{_WEB_PORT}"


def resolve(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold.

    Args:
        given: what `init` was called with; None counts as not given.
        environ: the environment; None for the process's own.
    """
    environ = os.environ if environ is None else environ
    ours = given.get("endpoint") is not None or bool(environ.get("SPANGLASS_ENDPOINT", "").strip())
    found: dict[str, Any] = {}
    unusable: set[str] = set()
    for field in dataclasses.fields(Settings):
        read, variables = field.metadata["read"], field.metadata["variables"]
        sources = [(f"{field.name}=", given.get(field.name), read)]
        # Credentials for another endpoint are not shown to this one.
        if not (ours and field.name in _OTEL_ONLY):
            for name, reader in variables:
                sources.append((name, environ.get(name, "").strip() or None, reader))
        for source, value, reader in sources:
            if value is None:
                continue
            try:
                found[field.name] = reader(value)
                break
            except (ValueError, TypeError, AttributeError) as error:
                log.warning("spanglass: %s cannot be used and is ignored: %s", source, error)
                unusable.add(field.name)
    if unclear := sorted(_PRIVACY & (unusable - found.keys())):
        # Whoever says something of content does not want all of it to leave.
        found["capture_content"] = False
        log.warning("spanglass: content is left out until %s can be used", " and ".join(unclear))
    return Settings(**found)
