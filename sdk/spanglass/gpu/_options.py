"""The settings of the agent, as a table: flag, variable, key of the file, and how it is read.

`report_interval` is the flag `--report-interval`, the variable `SPANGLASS_AGENT_REPORT_INTERVAL`
and the key `report_interval` of the file that `--config` names. Flags win over the environment, the
environment over the file. Endpoint and key are the SDK's: `SPANGLASS_ENDPOINT` and
`SPANGLASS_API_KEY`, or OpenTelemetry's variables.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from spanglass._setting_values import exact_url, flag

PREFIX: Final = "SPANGLASS_AGENT_"


class SettingError(ValueError):
    """A setting is wrong; the message names it and says what it should be."""


def _seconds(least: float, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        found = float(value)
        if not least <= found <= most:
            raise ValueError(f"it should be from {least:g} to {most:g} seconds")
        return found

    return read


def _engines(value: Any) -> tuple[str, ...]:
    """URLs, as a list or separated by commas."""
    listed = value.split(",") if isinstance(value, str) else list(value)
    return tuple(_engine(str(each)) for each in listed if str(each).strip())


def _engine(text: str) -> str:
    url = exact_url(text)
    if "@" in urlsplit(url).netloc:
        raise ValueError("name and password can't stand in an engine's URL")
    return url


def _size(value: Any) -> int:
    found = int(value)
    if found < 1 << 20:
        raise ValueError("it should be 1048576 bytes or more")
    return found


def _price(value: Any) -> float:
    found = float(value)
    if not 0 <= found < 1e6:
        raise ValueError("it should be US dollars an hour, such as 2.49")
    return found


def _flag(value: Any) -> bool:
    return flag(str(value))


def _default_folder() -> str:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return str(Path(base).expanduser() / "spanglass-agent")


def _option(default: Any, about: str, read: Callable[[Any], Any], many: bool = False) -> Any:
    metadata = {"about": about, "read": read, "many": many}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Everything that can be set, beside what the SDK's settings say."""

    engines: tuple[str, ...] = _option(
        (), "URL of an inference engine's metrics; may be given several times", _engines, many=True
    )
    interval: float = _option(1.0, "seconds between two readings of a board", _seconds(0.1, 60.0))
    report_interval: float = _option(
        5.0, "seconds between two reports; readings between them are summed up", _seconds(1, 300)
    )
    engine_interval: float = _option(
        5.0, "seconds between two scrapes of an engine", _seconds(0.5, 300)
    )
    engine_timeout: float = _option(
        4.0, "seconds that an engine may take to answer", _seconds(0.1, 60)
    )
    gpu: bool = _option(True, "whether boards are read, through NVML", _flag)
    host: bool = _option(True, "whether processors, memory, disks and network are read", _flag)
    gpu_hour_usd: float = _option(
        0.0, "price of one board for an hour, in US dollars; for the cost of requests", _price
    )
    buffer_dir: str = _option(_default_folder, "folder for what can't be sent; empty for none", str)
    buffer_bytes: int = _option(512 << 20, "bytes of that folder at most", _size)
    proc: str = _option("/proc", "where the node's /proc is", str)


def resolve(
    given: Mapping[str, Any],
    file: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AgentSettings:
    """The settings that hold.

    Args:
        given: by flag; None counts as not given.
        file: the keys of the file.
        environ: the environment; None for the process's own.

    Raises:
        SettingError: a value can't be used, or the file has a key that is none.
    """
    environ = os.environ if environ is None else environ
    fields = {field.name: field for field in dataclasses.fields(AgentSettings)}
    for key in file or {}:
        if key not in fields:
            raise SettingError(f"there is no setting {key!r}; `spanglass agent --help` lists them")
    found: dict[str, Any] = {}
    for name, field in fields.items():
        variable = PREFIX + name.upper()
        for source, value in (
            (f"--{flag_of(name)}", given.get(name)),
            (variable, environ.get(variable) or None),
            (f"{name} in the file", (file or {}).get(name)),
        ):
            if value is None:
                continue
            try:
                found[name] = field.metadata["read"](value)
            except (ValueError, TypeError) as error:
                raise SettingError(f"{source} {value!r}: {error}") from error
            break
    return AgentSettings(**found)


def flag_of(name: str) -> str:
    """The flag of a setting, without its dashes: one engine is one flag."""
    return "engine" if name == "engines" else name.replace("_", "-")
