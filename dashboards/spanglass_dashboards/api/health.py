"""Whether the service lives, whether it can serve, and its own metrics."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import problem
from spanglass_store.state.keys import Principal

router = APIRouter(tags=["service"])
#: A thread of its own: slow queries of readers may take all of the others.
_PROBES: Final = ThreadPoolExecutor(1, "readiness")


@router.get("/healthz", responses={200: {"content": {"text/plain": {}}}})
async def healthz() -> Response:
    """The process lives."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", responses={200: {"content": {"text/plain": {}}}})
async def readyz(context: Annotated[Context, Depends(context_of)]) -> Response:
    """The store answers, too."""
    missing = await asyncio.get_running_loop().run_in_executor(_PROBES, context.is_ready)
    if missing:
        return problem(503, "Not available right now", missing, **{"Retry-After": "1"})
    return Response("ready\n", media_type="text/plain")


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
async def metrics(
    context: Annotated[Context, Depends(context_of)],
    _: Annotated[Principal, Depends(reader)],
) -> Response:
    """The service's own metrics, as Prometheus reads them."""
    text = await asyncio.to_thread(context.metrics)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
