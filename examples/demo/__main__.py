"""`python examples/demo`: sends a week of history and goes on with live traffic."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# Run by its path, a folder is not a package yet.
if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "demo"

import httpx
from openai import OpenAI

import spanglass
from demo.node import send_node
from demo.review import make_queue
from demo.traffic import send_history, send_live
from sample_server.server import BackgroundServer
from sample_server.settings import Settings

#: Share of the failing model's calls that fail: enough for an alert, and most visits go on.
_OUTAGE: Final = 0.6


def main() -> int:
    """Runs until it is interrupted, or its input ends with `--wait`; the exit status."""
    given = _parser().parse_args()
    stop, begun = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        BackgroundServer(Settings(speed=0, error_rate=0.02)) as fast,
        BackgroundServer(Settings(speed=1, error_rate=0.02)) as real,
        BackgroundServer(Settings(speed=1, error_rate=_OUTAGE)) as failing,
    ):
        endpoint, web = given.endpoint, given.web
        if given.wait:
            endpoint, _, web = sys.stdin.readline().strip().partition(" ")
            if not endpoint:
                return 0
            threading.Thread(target=_end_with_input, args=(stop,), daemon=True).start()
        spanglass.init(
            endpoint,
            service="shop-assistant",
            environment="demo",
            release="2.3.0",
            sample_data=True,
        )
        live = threading.Thread(
            target=_after,
            args=(
                begun,
                send_live,
                _client(real),
                _client(failing),
                given.pause,
                random.Random(),
                stop.is_set,
            ),
            daemon=True,
        )
        live.start()
        node = threading.Thread(
            target=_after, args=(begun, send_node, endpoint, given.live, stop), daemon=True
        )
        node.start()
        asked = send_history(
            _client(fast), given.days, given.visits, random.Random(7), stop.is_set, begun.set
        )
        print(f"history sent: {asked} questions over {given.days} days", flush=True)
        if web and asked and not stop.is_set():
            _begin_review(web, asked)
        while not stop.wait(0.5) and given.live:
            pass
        if not given.live:
            node.join(60)
        stop.set()
        live.join(1)
        node.join(1)
    spanglass.shutdown()
    return 0


def _end_with_input(stop: threading.Event) -> None:
    """Whoever started us ends us by closing our input, and does so, too, when it dies."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()


def _after(event: threading.Event, task: Callable[..., None], *arguments: Any) -> None:
    event.wait()
    task(*arguments)


def _begin_review(web: str, asked: int) -> None:
    try:
        labels = make_queue(web, asked, random.Random(5))
    except httpx.HTTPError as error:
        print(f"no review queue: {error}", file=sys.stderr, flush=True)
    else:
        print(f"review begun: {labels} labels", flush=True)


def _client(server: BackgroundServer) -> OpenAI:
    return OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo", description="A shop's assistant that sends what it does to Spanglass."
    )
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="OTLP/HTTP address")
    parser.add_argument("--web", default="", help="address of the pages, for a review queue")
    parser.add_argument(
        "--wait",
        action="store_true",
        help="read both addresses from the first line of the input, once there is a service",
    )
    parser.add_argument("--days", type=int, default=7, help="days of history")
    parser.add_argument("--visits", type=int, default=80, help="visits a day, at most")
    parser.add_argument("--pause", type=float, default=8.0, help="seconds between live visits")
    parser.add_argument(
        "--live", action=argparse.BooleanOptionalAction, default=True,
        help="go on with live traffic",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
