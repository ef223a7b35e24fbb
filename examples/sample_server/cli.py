"""The command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from .server import base_url, listen, make_server
from .settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it is interrupted.

    Args:
        arguments: Command line without the program's name; by default this process's own.

    Returns:
        The exit status: 0, or 2 where a setting or the address is not usable.
    """
    given = _parser().parse_args(arguments)
    try:
        settings = Settings(
            seed=given.seed,
            speed=given.speed,
            error_rate=given.error_rate,
            api_key=given.api_key,
            hang_s=given.hang_seconds,
        )
        listener = listen(given.host, given.port)
    except (ValueError, OSError) as error:
        print(f"sample_server: {error}", file=sys.stderr)
        return 2
    # Programs that start this one read the address from here.
    print(f"sample server listening on {base_url(listener)}", flush=True)
    # uvicorn has shut down by then, and repeats the signal.
    with contextlib.suppress(KeyboardInterrupt):
        make_server(settings, given.log_level).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sample_server",
        description="An OpenAI-compatible server that answers from a few bundled documents.",
        epilog="Example: python -m sample_server --port 8410 --seed 7 --error-rate 0.02",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8410, help="port; 0 picks a free one")
    parser.add_argument("--seed", type=int, default=7, help="decides every answer")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="factor on every delay: 1 is realistic, 0 never sleeps",
    )
    parser.add_argument(
        "--error-rate", type=float, default=0.0, help="share of requests that fail, 0 to 1"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get("SAMPLE_SERVER_API_KEY") or None,
        help="bearer key to demand (default: SAMPLE_SERVER_API_KEY, else any key is accepted)",
    )
    parser.add_argument(
        "--hang-seconds",
        type=float,
        default=300.0,
        help="seconds after which a request that hangs on purpose is given up",
    )
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=["critical", "error", "warning", "info", "debug"],
        help="what the server logs",
    )
    return parser
