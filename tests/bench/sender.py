"""Sends requests over several connections, as fast as they are taken."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def send(
    port: int, path: str, body: Callable[[int], tuple[bytes, int]], sends: int, connections: int
) -> int:
    """Send requests; how many items were taken.

    Args:
        port: of the OTLP HTTP door on 127.0.0.1.
        path: of the signal.
        body: makes the n-th body, and says how many items are in it.
        sends: how many requests.
        connections: at once.

    Raises:
        RuntimeError: if a request is refused for another reason than that there is too much.
    """
    lock = threading.Lock()
    state = {"next": 0, "items": 0}

    def work(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                number = state["next"]
                state["next"] += 1
            if number >= sends:
                break
            content, items = body(number)
            while True:
                headers = {"Content-Type": "application/x-protobuf"}
                connection.request("POST", path, content, headers)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 503:
                    break
                time.sleep(float(answer.headers.get("retry-after", "1")))
            if answer.status != 200 or said:
                raise RuntimeError(f"{answer.status}: {said!r}")
            with lock:
                state["items"] += items
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    return state["items"]
