"""Every setting of the service: one table, read from flags, environment and `spanglass.toml`.

A field `otlp_http` is the flag `--otlp-http`, the variable `SPANGLASS_OTLP_HTTP` and the key
`otlp_http` in the file. Flags win over the environment, the environment over the file.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from opentelemetry.util.re import parse_env_headers
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from spanglass.feedback_token import MIN_SECRET_CHARS
from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_collector.drift.config import DriftSettings, read_drift
from spanglass_collector.groups import read_groups
from spanglass_collector.ingest.quotas import read_quotas
from spanglass_collector.jobs.config import JobSettings, read_jobs
from spanglass_collector.retention.config import read_retention
from spanglass_collector.stages.redact import RedactSettings, read_redact
from spanglass_store.errors import StoreError
from spanglass_store.retention.policy import Retention

if TYPE_CHECKING:
    from spanglass_collector.identity import Provider
    from spanglass_collector.ingest.forward import Forwarder
    from spanglass_store.state.database import Database
    from spanglass_store.state.retention import RetentionBook

PREFIX: Final = "SPANGLASS_"
DEFAULT_FILE: Final = "spanglass.toml"
#: Settings that things are signed with.
_SECRET: Final = ("feedback_secret", "feedback_secret_before")
#: Settings whose value no message repeats.
_UNSHOWN: Final = (*_SECRET, "forward_headers", "oidc_client_secret")
#: Settings that are tables: a message names the place in it.
_TABLES: Final = ("detect", "drift", "oidc_roles", "quotas", "redact", "retention")
ROLES: Final = ("ingest", "jobs", "web")

_MIB: Final = 1 << 20


class SettingsError(StoreError):
    """A setting is wrong; the message names it and says what it should be."""


def default_data_dir() -> Path:
    """The folder of the service's data where none is given."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "spanglass"


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` (`[::1]:4318` for IPv6).

    Raises:
        ValueError: if it is not of that form.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("should look like 127.0.0.1:4318")
    return host.strip("[]"), int(port)


def join_address(host: str, port: int) -> str:
    """`HOST:PORT`, as it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Settings(BaseSettings):
    """The settings of `spanglass serve`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Annotated[
        Path, Field(description="Folder that holds everything the service keeps.")
    ] = Field(default_factory=default_data_dir)
    clickhouse: Annotated[
        str,
        Field(
            description="A ClickHouse to use instead of the embedded one: http(s)://user:password@host:port/database."
        ),
    ] = ""
    state: Annotated[
        str,
        Field(
            description="Database for keys and projects: an SQLAlchemy URL;"
            " SQLite in the data directory unless given."
        ),
    ] = ""
    otlp_grpc: Annotated[str, Field(description="Where OTLP/gRPC is taken.")] = "127.0.0.1:4317"
    otlp_http: Annotated[str, Field(description="Where OTLP/HTTP is taken.")] = "127.0.0.1:4318"
    web: Annotated[str, Field(description="Where the API and the pages are.")] = "127.0.0.1:8400"
    tls_cert: Annotated[
        str,
        Field(description="Certificate with its chain (PEM): then every door speaks TLS alone."),
    ] = ""
    tls_key: Annotated[str, Field(description="Its private key (PEM), without a passphrase.")] = ""
    roles: Annotated[
        str, Field(description="What this process does: a list of ingest, jobs and web.")
    ] = "ingest,jobs,web"
    retention_days: Annotated[
        int, Field(ge=0, le=36500, description="Days that spans are kept; 0 is for ever.")
    ] = 30
    payload_retention_days: Annotated[
        int,
        Field(
            ge=0,
            le=36500,
            description="Days that prompts and answers are kept; 0 is as long as the span.",
        ),
    ] = 0
    metrics_retention_days: Annotated[
        int,
        Field(ge=0, le=36500, description="Days that metrics are kept; 0 is as long as spans."),
    ] = 0
    retention: Annotated[
        dict[str, Any],
        Field(
            description="How long single projects' telemetry is kept: a table [retention.PROJECT]"
            " with spans_days, payload_days, metrics_days; as a flag or variable, JSON."
        ),
    ] = Field(default_factory=dict)
    quotas: Annotated[
        dict[str, Any],
        Field(
            description="How much is taken of single projects: a table [quotas.PROJECT] with"
            ' items_per_s, bytes_per_s, bytes_per_day, or [quotas."*"] for all others; as a flag'
            " or variable, JSON."
        ),
    ] = Field(default_factory=dict)
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="Largest OTLP request, decompressed, in bytes.")
    ] = 64 * _MIB
    writers: Annotated[
        int, Field(ge=1, le=32, description="Inserts into ClickHouse at a time.")
    ] = 2
    spool_bytes: Annotated[
        int,
        Field(
            ge=_MIB,
            description="Bytes that may wait on disk for the store; beyond, senders get 503.",
        ),
    ] = 4096 * _MIB
    dead_letters_bytes: Annotated[
        int,
        Field(
            ge=_MIB,
            description="Bytes that dead letters may take up; a project that fills them gets 503.",
        ),
    ] = 1024 * _MIB
    insert_bytes: Annotated[
        int, Field(ge=4096, description="Largest batch that is inserted at once, in bytes.")
    ] = 32 * _MIB
    segment_age_ms: Annotated[
        int,
        Field(ge=10, le=60_000, description="Longest wait for a batch to fill, in milliseconds."),
    ] = 400
    min_free_bytes: Annotated[
        int,
        Field(
            ge=0, description="Free bytes on the data directory's disk below which senders get 503."
        ),
    ] = 256 * _MIB
    store_memory_bytes: Annotated[
        int, Field(ge=256 * _MIB, description="Memory cap of the embedded ClickHouse, in bytes.")
    ] = 1024 * _MIB
    query_memory_bytes: Annotated[
        int, Field(ge=16 * _MIB, description="Memory cap of one query of a reader, in bytes.")
    ] = 512 * _MIB
    query_seconds: Annotated[
        int, Field(ge=1, le=3600, description="Time cap of one query of a reader, in seconds.")
    ] = 30
    backup_dir: Annotated[
        str,
        Field(
            description="Folder that backups lie in, better on another disk; `backups` in the data"
            " directory unless given."
        ),
    ] = ""
    backup_keep_days: Annotated[
        int, Field(ge=0, le=36500, description="Days that a backup is kept; 0 is for ever.")
    ] = 30
    backup_every_hours: Annotated[
        int,
        Field(
            ge=0, le=8760, description="Hours from one backup to the next; 0 takes none by itself."
        ),
    ] = 0
    feedback_secret: Annotated[
        str,
        Field(
            description="What feedback links are signed with, 16 characters or more."
            " Better in the environment than as a flag."
        ),
    ] = ""
    feedback_secret_before: Annotated[
        str, Field(description="The secret before that: links signed with it still count.")
    ] = ""
    prices: Annotated[
        str, Field(description="File of prices of your own (TOML), before those of the catalogue.")
    ] = ""
    detect: Annotated[
        dict[str, Any],
        Field(
            description="Jobs that judge spans: a table [detect.NAME] for each, see docs/jobs.md;"
            " as a flag or variable, JSON."
        ),
    ] = Field(default_factory=dict)
    drift: Annotated[
        dict[str, Any],
        Field(
            description="What is watched for drift: the table [drift], see docs/drift.md; as a flag"
            " or variable, JSON."
        ),
    ] = Field(default_factory=dict)
    alerts: Annotated[
        str,
        Field(
            description="Rules of alerts: YAML files and folders, with commas; `shipped` is the set"
            " that ships."
        ),
    ] = ""
    alerts_interval_s: Annotated[
        int, Field(ge=1, le=3600, description="Seconds between evaluations of rules.")
    ] = 10
    alerts_private_networks: Annotated[
        str,
        Field(
            description="Networks that are not public and that messages may go to all the same,"
            " with commas: 10.0.0.0/8,127.0.0.1/32."
        ),
    ] = ""
    public_url: Annotated[
        str,
        Field(
            description="Address of the pages as people open it, for links in messages and for"
            " signing in behind a proxy."
        ),
    ] = ""
    session_hours: Annotated[
        int,
        Field(ge=1, le=168, description="Hours without use after which people are signed out."),
    ] = 12
    oidc_issuer: Annotated[
        str,
        Field(
            description="Provider of identities that people may sign in with (OpenID Connect):"
            " https://login.example.org/realms/main, as it calls itself."
        ),
    ] = ""
    oidc_client_id: Annotated[
        str, Field(description="What this installation is called at that provider.")
    ] = ""
    oidc_client_secret: Annotated[
        str,
        Field(
            description="What it proves that with; empty for a public client."
            " Better in the environment than as a flag."
        ),
    ] = ""
    oidc_name: Annotated[
        str, Field(max_length=60, description="What people call the provider, on its button.")
    ] = "single sign-on"
    oidc_scopes: Annotated[
        str, Field(description="Scopes that the provider is asked for, with blanks.")
    ] = "openid profile email"
    oidc_roles_claim: Annotated[
        str, Field(description="Claim that says which groups somebody is in.")
    ] = "groups"
    oidc_roles: Annotated[
        dict[str, Any],
        Field(
            description="What members of a group are: a table [oidc_roles.GROUP] with PROJECT ="
            ' "viewer", "member" or "admin" (`*` is all projects); as a flag or variable, JSON.'
            " Then the provider decides at each sign-in; without it, Members in Settings does."
        ),
    ] = Field(default_factory=dict)
    oidc_private_networks: Annotated[
        str,
        Field(
            description="Networks that are not public and that the provider may be in, with commas:"
            " 10.0.0.0/8."
        ),
    ] = ""
    redact: Annotated[
        dict[str, Any],
        Field(
            description="What is taken out of requests before they are stored: the table [redact],"
            " see docs/privacy.md; as a flag or variable, JSON."
        ),
    ] = Field(default_factory=dict)
    forward_to: Annotated[
        str,
        Field(
            description="Another OTLP/HTTP endpoint that gets a copy of what is accepted:"
            " https://otlp.example.org:4318."
        ),
    ] = ""
    forward_headers: Annotated[
        str,
        Field(
            description="Headers of those requests, as in OTEL_EXPORTER_OTLP_HEADERS: name=value,…"
            " Better in the environment than as a flag."
        ),
    ] = ""
    forward_private_networks: Annotated[
        str,
        Field(
            description="Networks that are not public and that the copy may go to all the same,"
            " with commas: 10.0.0.0/8."
        ),
    ] = ""
    forward_bytes: Annotated[
        int,
        Field(ge=_MIB, description="Bytes of the copy that may wait in memory; more is left out."),
    ] = 64 * _MIB
    log_level: Annotated[
        str,
        Field(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error."),
    ] = "info"

    @field_validator("otlp_grpc", "otlp_http", "web")
    @classmethod
    def _is_address(cls, value: str) -> str:
        split_address(value)
        return value

    @field_validator("forward_headers")
    @classmethod
    def _are_headers(cls, value: str) -> str:
        if len(parse_env_headers(value, liberal=True)) != len([e for e in value.split(",") if e]):
            raise ValueError("should look like name=value,other=value")
        return value

    @field_validator("alerts_private_networks", "forward_private_networks", "oidc_private_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks(value)
        return value

    @field_validator("public_url", "forward_to", "oidc_issuer")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("should look like https://spanglass.example.org")
        return value

    @field_validator("roles")
    @classmethod
    def _are_roles(cls, value: str) -> str:
        unknown = [role for role in value.split(",") if role.strip() not in ROLES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no role: choose from {', '.join(ROLES)}")
        return value

    @field_validator(*_TABLES, mode="before")
    @classmethod
    def _is_table(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError as error:
                raise ValueError('should be JSON, like {"pii": {"enabled": false}}') from error
        return value

    @field_validator("detect")
    @classmethod
    def _are_jobs(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_jobs(value)
        return value

    @field_validator("quotas")
    @classmethod
    def _are_quotas(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_quotas(value)
        return value

    @field_validator("retention")
    @classmethod
    def _is_retention(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_retention(value)
        return value

    @field_validator("drift")
    @classmethod
    def _is_drift(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_drift(value)
        return value

    @field_validator("redact")
    @classmethod
    def _is_redaction(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        read_redact(value, info.data.get("data_dir"))
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _are_groups(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_groups(value)
        return value

    @field_validator(*_SECRET)
    @classmethod
    def _is_secret(cls, value: str) -> str:
        if value and len(value) < MIN_SECRET_CHARS:
            raise ValueError(f"a secret needs {MIN_SECRET_CHARS} characters or more")
        return value

    @property
    def feedback_secrets(self) -> tuple[str, ...]:
        """Those that may have signed a feedback link."""
        return tuple(filter(None, (self.feedback_secret, self.feedback_secret_before)))

    @property
    def jobs(self) -> dict[str, JobSettings]:
        """Every job, by name."""
        return read_jobs(self.detect)

    @property
    def backups(self) -> Path:
        """The folder that backups lie in."""
        return Path(self.backup_dir or self.data_dir / "backups").expanduser().absolute()

    def forwarder(self) -> "Forwarder | None":
        """What sends a copy of the stream; None where none is sent."""
        if not self.forward_to:
            return None
        from spanglass_collector.ingest.forward import Forwarder

        allowed = networks(self.forward_private_networks)
        return Forwarder(
            self.forward_to,
            parse_env_headers(self.forward_headers, liberal=True),
            Outgoing(allowed, "--forward-private-networks").post,
            self.forward_bytes,
        )

    def provider(self, key: Callable[[], bytes]) -> "Provider | None":
        """Who vouches for people; None where nobody does.

        Args:
            key: gives what browsers' cookies are signed with, 32 bytes.

        Raises:
            SettingsError: if it is not said what it calls us.
            StoreError: if what it needs is not installed.
        """
        if not self.oidc_issuer:
            return None
        if not self.oidc_client_id:
            raise SettingsError("--oidc-issuer needs --oidc-client-id: what the provider calls us.")
        from spanglass_collector.identity import Provider, ProviderSettings

        return Provider(
            ProviderSettings(
                self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret, self.oidc_name,
                self.oidc_scopes, self.oidc_roles_claim, read_groups(self.oidc_roles),
                networks(self.oidc_private_networks),
            ),
            key(),
        )  # fmt: skip

    def retention_book(self, database: "Database") -> "RetentionBook":
        """How long what is kept, with what was said in the state database."""
        # Commands load no more than they use.
        from spanglass_store.state.retention import RetentionBook

        return RetentionBook(
            database,
            Retention(
                self.retention_days, self.payload_retention_days, self.metrics_retention_days
            ),
            read_retention(self.retention),
        )

    @property
    def redaction(self) -> RedactSettings:
        """What is taken out of requests before they are stored."""
        return read_redact(self.redact, self.data_dir)

    @property
    def drift_settings(self) -> DriftSettings:
        """What is watched for drift."""
        return read_drift(self.drift)

    @property
    def role_set(self) -> frozenset[str]:
        return frozenset(role.strip() for role in self.roles.split(","))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(init_settings, InitSettingsSource)
        path = init_settings.init_kwargs.pop("config_file_", None)
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if path is not None:
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=path),)
        return sources


def load(flags: dict[str, Any], config: Path | None = None) -> Settings:
    """The settings from flags (those that were given), environment and file.

    Args:
        flags: by field name; None where a flag was not given.
        config: the file; `spanglass.toml` in the current folder, if there, where None.

    Raises:
        SettingsError: if a value is wrong or a name unknown.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if config is not None and not config.is_file():
        raise SettingsError(f"There is no file {config}. Check the path given with --config.")
    file = config or (Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None)
    try:
        return Settings(**given, **({"config_file_": file} if file else {}))  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_explained(error, given, file)) from error
    except ValueError as error:
        raise SettingsError(f"{file} can't be read: {error}.") from error


def _explained(error: ValidationError, flags: dict[str, Any], file: Path | None) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    if first["type"] == "extra_forbidden":
        return f"{file}: there is no setting {name!r}. `spanglass serve --help` lists them."
    if name in flags:
        place = "--" + name.replace("_", "-")
    elif PREFIX + name.upper() in os.environ:
        place = PREFIX + name.upper()
    else:
        place = f"{name} in {file}"
    said = str(first["msg"]).removeprefix("Value error, ")
    given = "" if name in (*_UNSHOWN, *_TABLES) else f" {first['input']!r}"
    return f"{place}{given}: {said[:1].lower()}{said[1:]}."
