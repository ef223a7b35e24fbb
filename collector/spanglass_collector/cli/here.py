"""The service's API without a service: the same routes over an opened data directory.

So a command has one way to ask, whether the service runs or not.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from spanglass_collector.cli.remote import find_service, opened_state, opened_store, refuse
from spanglass_collector.settings import Settings

#: Seconds that one request may take; comparing texts for the first time takes the longest.
_PATIENCE_S: Final = 600.0


class Asked(Protocol):
    """What answers requests of the API."""

    def request(self, method: str, path: str, **options: Any) -> httpx.Response: ...


@contextlib.contextmanager
def api_of(data_dir: Path | None, url: str, key: str) -> Iterator[Asked]:
    """The service that is meant, or its API over the data directory where it does not run.

    Raises:
        StoreError: if there is neither.
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        yield service
        return
    with _opened(settings) as here:
        yield here


class _Here:
    """The API in this process."""

    def __init__(self, app: Any, token: str) -> None:
        self._transport = httpx.ASGITransport(app)
        self._headers = {"authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call of the API.

        Raises:
            QueryRefused: if it says that the request is wrong.
            StoreUnavailable: if the store is not ready.
        """

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://127.0.0.1", headers=self._headers,
                timeout=_PATIENCE_S,
            ) as client:  # fmt: skip
                return await client.request(method, path, **options)

        response = asyncio.run(ask())
        refuse(response)
        return response


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[_Here]:
    from spanglass_collector.embedding import embed_apart
    from spanglass_dashboards.app import create_app
    from spanglass_dashboards.context import Context
    from spanglass_store.access import Gate
    from spanglass_store.data_directory import DataDirectory
    from spanglass_store.state.datasets import DatasetBook
    from spanglass_store.state.keys import Keys
    from spanglass_store.state.reviews import ReviewBook

    with opened_store(settings) as owner, opened_state(settings) as database:
        token = secrets.token_urlsafe(24)
        context = Context(
            endpoint=owner.endpoint,
            gate=Gate(Keys(database), token),
            metrics=lambda: b"",
            is_ready=lambda: "",
            datasets=DatasetBook(database),
            reviews=ReviewBook(database),
            embed=embed_apart(DataDirectory(settings.data_dir).models),
        )
        try:
            yield _Here(create_app(context), token)
        finally:
            context.close()
