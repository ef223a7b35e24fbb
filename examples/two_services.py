"""One trace across two services and a pool of threads.

    python examples/two_services.py

A front end asks a back end over HTTP, twice at the same time. Trace, session and user go along in
the request's headers; the pool's threads keep the trace that the work was handed out in.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx

import spanglass
from spanglass.middleware import WSGIMiddleware


class Quiet(WSGIRequestHandler):
    """Says nothing about each request."""

    def log_message(self, *args: object) -> None:
        """Nobody needs to know."""


@spanglass.observe(kind="retriever")
def search(query: str) -> list[dict[str, str]]:
    """The back end's work."""
    return [{"text": f"All about {query}."}]


def back_end(environ, start_response):
    """A WSGI application."""
    found = search(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


@spanglass.observe
def ask(url: str, query: str) -> list[dict[str, str]]:
    """The front end's call, which runs in a thread of the pool."""
    return httpx.get(f"{url}/{query}", headers=spanglass.inject()).json()


@spanglass.observe
def compare(url: str, queries: list[str]) -> None:
    """Asks for all of them at once."""
    with spanglass.ContextExecutor(ThreadPoolExecutor(len(queries))) as pool:
        for found in pool.map(ask, [url] * len(queries), queries):
            print(found[0]["text"])
    print(spanglass.trace_url())


if __name__ == "__main__":
    spanglass.init(service="two-services")
    server = make_server("127.0.0.1", 0, WSGIMiddleware(back_end), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with spanglass.context(session_id="s-17", user_id="u-4", feature="comparison"):
        compare(f"http://127.0.0.1:{server.server_port}", ["tents", "jackets"])
    server.shutdown()
    thread.join()
    server.server_close()
