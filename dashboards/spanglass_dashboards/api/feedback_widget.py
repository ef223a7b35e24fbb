"""The script by which any web page asks for feedback on an answer."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

router = APIRouter(tags=["scores"])

_FILE: Final = Path(__file__).parents[1] / "feedback_widget.js"
#: It is for pages of other origins, also for those that let nothing in without its consent.
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=3600",
}


@lru_cache(maxsize=1)
def _script() -> bytes:
    return _FILE.read_bytes()


@router.get(
    "/feedback/widget.js",
    response_class=Response,
    responses={200: {"description": "The script.", "content": {"text/javascript": {}}}},
)
async def script() -> Response:
    """A script that asks for feedback on a page, by the element `spanglass-feedback`."""
    return Response(_script(), headers=_HEADERS, media_type="text/javascript")
