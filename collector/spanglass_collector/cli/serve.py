"""`spanglass serve`: the whole service. Its flags are the table of settings."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spanglass_collector import garbage
from spanglass_collector.cli.output import errors
from spanglass_collector.settings import Settings, load
from spanglass_store.errors import StoreError

if TYPE_CHECKING:
    from spanglass_collector.ingest.pipeline import Hooks
    from spanglass_collector.service import Service

#: Seconds that the event loop has to close, at the very end.
_CLOSE_S: Final = 1.0

_HELP = """Runs the service: takes OTLP, stores it, answers the API.

    spanglass serve
    spanglass serve --data-dir ./data --web 127.0.0.1:9000
    spanglass serve --clickhouse https://user:password@host:8443/spanglass
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("serve", help=_HELP)(_with_settings(_serve))


def _with_settings(function: Any) -> Any:
    """Gives a command one flag for each setting."""
    parameters = []
    for name, field in Settings.model_fields.items():
        # A table is given as JSON.
        kind = str if field.annotation == dict[str, Any] else field.annotation
        default = field.get_default(call_default_factory=True)
        shown = f" [default: {default}]" if default not in ("", None, {}) else ""
        option = typer.Option(
            f"--{name.replace('_', '-')}",
            help=f"{field.description or _described(field)}{shown}",
            show_default=False,
        )
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],  # type: ignore[operator]
            )
        )
    config = typer.Option("--config", help="Settings file. [default: spanglass.toml, if there]")
    parameters.append(
        inspect.Parameter(
            "config",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[Path | None, config],
        )
    )
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {p.name: p.annotation for p in parameters}
    return function


def _described(field: Any) -> str:
    for extra in field.metadata:
        text = getattr(extra, "description", None)
        if text:
            return str(text)
    return ""


def _serve(**flags: Any) -> None:
    config = flags.pop("config", None)
    settings = load(flags, config)
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # What they say about a store that is away is said by us, once.
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    run(settings)


def announce(service: Service) -> None:
    """Says where the service listens."""
    for name, text in (
        ("otlp_grpc", "OTLP/gRPC  {}://{}"),
        ("otlp_http", "OTLP/HTTP  {}://{}"),
        ("web", "Web, API   {}://{}"),
    ):
        if name in service.addresses:
            errors.print(text.format(service.scheme, service.addresses[name]), highlight=False)
    errors.print(f"Data       {service.settings.data_dir}", highlight=False, soft_wrap=True)


def run(
    settings: Settings,
    ready: Callable[[Service], None] = announce,
    hooks: Hooks | None = None,
) -> None:
    """Serves until told to end.

    Args:
        settings: what it is to do.
        ready: called when everything listens.
        hooks: for tests.

    Raises:
        StoreError: if it can't start.
    """
    garbage.begin()
    # Loaded here: it takes a second, which the help need not wait for.
    from spanglass_collector.service import Service

    def settled(service: Service) -> None:
        ready(service)
        garbage.settle()

    # A connection each: the usual 1,024 are soon used up, and then the store can't be reached.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    service = Service(settings, hooks)
    runner = asyncio.Runner(loop_factory=_loop_factory())
    code = 1
    try:
        runner.run(service.run(settled))
        code = 0
    except OSError as error:
        raise StoreError(
            f"Can't go on: {error}. Check the disk and the rights of {settings.data_dir}."
        ) from error
    finally:
        # What is accepted is on disk by now. Closing waits for every thread, and one may wait for
        # an answer of a store that hangs.
        guard = threading.Timer(_CLOSE_S, os._exit, (code,))
        guard.daemon = True
        guard.start()
        runner.close()
        guard.cancel()


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
