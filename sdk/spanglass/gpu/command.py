"""`spanglass agent`: the command. It needs nothing of the collector."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import signal
import sys
import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spanglass._settings import resolve as resolve_sdk
from spanglass.gpu._agent import Agent
from spanglass.gpu._options import PREFIX, AgentSettings, SettingError, flag_of, resolve

_HELP: Final = """Reads GPUs through NVML, the node, and inference engines, and sends it as OTLP.

  spanglass agent
  spanglass agent --endpoint http://collector:4318 --engine http://127.0.0.1:8000
  spanglass agent --once
"""
#: Seconds that `--once` watches for.
_ONCE_S: Final = 2.5


def main(arguments: Sequence[str]) -> int:
    """Runs the command; 0, 1 where it could not, 2 where it was used wrongly.

    Args:
        arguments: those behind `spanglass agent`.
    """
    given = vars(parser().parse_args(arguments))
    try:
        settings = resolve(given, _file(given["config"]))
    except SettingError as error:
        sys.stderr.write(f"spanglass agent: {error}. See `spanglass agent --help`.\n")
        return 2
    logging.basicConfig(
        level=given["log_level"].upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    sdk = resolve_sdk({name: given[name] for name in ("endpoint", "api_key", "environment")})
    if given["once"]:
        return _once(Agent(dataclasses.replace(settings, buffer_dir=""), sdk))
    agent = Agent(settings, sdk)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    agent.start()
    sys.stderr.write(f"Sends to {agent.sdk.metrics}\n")
    ended.wait()
    agent.stop()
    return 0


def _file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingError(f"--config {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"--config {path}: {error}") from error


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="spanglass agent",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Each setting is also a variable, {PREFIX}INTERVAL and so on.",
        allow_abbrev=False,
    )
    made.add_argument("--endpoint", help="where to send: http://HOST:4318 [SPANGLASS_ENDPOINT]")
    made.add_argument("--api-key", help="key that may ingest [SPANGLASS_API_KEY]")
    made.add_argument("--environment", help="production, … [SPANGLASS_ENVIRONMENT]")
    for field in dataclasses.fields(AgentSettings):
        about = field.metadata
        flag = f"--{flag_of(field.name)}"
        if field.type == "bool":
            made.add_argument(
                flag, dest=field.name, action=argparse.BooleanOptionalAction, help=about["about"]
            )
            continue
        default = field.default
        shown = f" [default: {default}]" if isinstance(default, int | float | str) else ""
        made.add_argument(
            flag,
            dest=field.name,
            action="append" if about["many"] else "store",
            metavar="URL" if about["many"] else field.name.upper(),
            help=about["about"] + shown,
        )
    made.add_argument("--config", metavar="FILE", help="settings file (TOML)")
    made.add_argument(
        "--once", action="store_true", help="read for a moment, print it, send nothing"
    )
    made.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    return made


def _once(agent: Agent) -> int:
    """Prints what would be sent, and what is wrong; 1 where anything is."""
    agent.read()
    threading.Event().wait(_ONCE_S)
    with contextlib.suppress(BrokenPipeError):
        for line in sorted(agent.shown()):
            sys.stdout.write(f"{line}\n")
    problems = {name: why for name, why in agent.states().items() if why}
    for name, why in problems.items():
        sys.stderr.write(f"{name}: {why}\n")
    return 1 if problems else 0
