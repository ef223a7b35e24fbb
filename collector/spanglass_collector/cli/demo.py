"""`spanglass demo`: the service with a sample application at work."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spanglass_collector.cli.output import errors
from spanglass_collector.cli.serve import run
from spanglass_collector.settings import load
from spanglass_store.errors import StoreError

if TYPE_CHECKING:
    from spanglass_collector.service import Service

#: Where a checkout has the sample application; an installation has it as a package.
_CHECKOUT: Final = Path(__file__).resolve().parents[3] / "examples" / "demo"
_PACKAGE: Final = "spanglass_examples"
#: Seconds that it has to end in.
_END_S: Final = 2.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where the sample data is kept. [default: a folder that is removed]"),
    ] = None,
    web: Annotated[str, typer.Option(help="Where the pages are.")] = "127.0.0.1:8400",
    otlp_http: Annotated[str, typer.Option(help="Where OTLP/HTTP is taken.")] = "127.0.0.1:4318",
    otlp_grpc: Annotated[str, typer.Option(help="Where OTLP/gRPC is taken.")] = "127.0.0.1:4317",
    days: Annotated[int, typer.Option(min=0, max=29, help="Days of history.")] = 7,
    live: Annotated[bool, typer.Option("--live/--no-live", help="Send live traffic, too.")] = True,
) -> None:
    """The service and a shop's assistant that sends it a week of history and live traffic.

    spanglass demo
    spanglass demo --data-dir ./demo --web 127.0.0.1:9000

    Everything it sends is marked as sample data and lies in a folder of its own, which is removed
    at the end; with --data-dir it stays until you delete that folder.
    """
    script = _application()
    with tempfile.TemporaryDirectory(prefix="spanglass-demo-") as scratch:
        settings = load(
            {
                "data_dir": data_dir or Path(scratch) / "data",
                "web": web,
                "otlp_http": otlp_http,
                "otlp_grpc": otlp_grpc,
                "log_level": "warning",
                "alerts": "shipped",
                # Its application sends to this machine.
                "tls_cert": "",
                "tls_key": "",
            }
        )
        # What it needs takes as long to load as the service, so it is loaded beside it.
        command = [sys.executable, str(script), "--wait", "--days", str(days)]
        command.append("--live" if live else "--no-live")
        # A group of its own: Ctrl-C in a terminal is for us, and it ends with its input.
        sample = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, process_group=0)

        def ready(service: "Service") -> None:
            address = f"http://{service.addresses['otlp_http']}"
            web = f"http://{service.addresses['web']}"
            if sample.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    sample.stdin.write(f"{address} {web}\n")
                    sample.stdin.flush()
            _end_first(sample, service)
            errors.print("\nThe demo is at", end=" ")
            errors.print(f"http://{service.addresses['web']}", style="bold", highlight=False)
            errors.print(
                "A shop's assistant sends its last week, then goes on live. Ctrl-C ends it"
                + (" and removes the data." if data_dir is None else "."),
                highlight=False,
            )

        try:
            run(settings, ready)
        finally:
            _end(sample)


def _end_first(sample: "subprocess.Popen[str]", service: "Service") -> None:
    """On a signal to end, ends the application before the service that takes what it sends."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        _end(sample)
        with contextlib.suppress(RuntimeError):  # The loop has ended for another reason.
            loop.call_soon_threadsafe(service.stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: threading.Thread(target=end, daemon=True).start())


def _end(sample: "subprocess.Popen[str]") -> None:
    if sample.stdin is not None:
        with contextlib.suppress(OSError):
            sample.stdin.close()
    try:
        sample.wait(_END_S)
    except subprocess.TimeoutExpired:
        sample.kill()
        sample.wait()


def _application() -> Path:
    """The sample application's folder.

    Raises:
        StoreError: if it is not here, or what it needs is not installed.
    """
    found = find_spec(_PACKAGE)
    script = _CHECKOUT
    # An editable installation has a copy, too, and that is as old as the installation.
    if not script.is_dir() and found is not None and found.submodule_search_locations:
        script = Path(found.submodule_search_locations[0]) / "demo"
    if not script.is_dir():
        raise StoreError(
            "The sample application is not part of this installation. Take it from a checkout of"
            " the repository: make demo."
        )
    if find_spec("openai") is None:
        raise StoreError("The sample application needs the openai client: pip install openai.")
    return script
