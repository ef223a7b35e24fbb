"""How commands reach the data: through the running service, else by opening the data directory."""

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer

from spanglass_collector.opening import open_store
from spanglass_collector.settings import Settings, load
from spanglass_collector.tls import own_context
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.endpoint import Role
from spanglass_store.errors import QueryRefused, StoreError, StoreUnavailable
from spanglass_store.migrate import migrate

if TYPE_CHECKING:
    from spanglass_store.state.database import Database

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the service's data.", show_default=False),
]
Url = Annotated[
    str,
    typer.Option(
        "--url", envvar="SPANGLASS_URL", help="Address of a service on another machine.",
        show_default=False,
    ),
]  # fmt: skip
ApiKey = Annotated[
    str,
    typer.Option(
        "--key", envvar="SPANGLASS_API_KEY", help="Key for that service.", show_default=False
    ),
]


@dataclass(frozen=True)
class Service:
    """A running service's API.

    Attributes:
        url: of the web door, without a path.
        token: a key, or this machine's token.
        trusted: whose certificates count, with https; everybody's that the machine trusts.
    """

    url: str
    token: str
    trusted: ssl.SSLContext | bool = True

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call of the API.

        Raises:
            QueryRefused: if the service says that the request is wrong.
            StoreUnavailable: if it can't be reached or is not ready.
        """
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            response = httpx.request(
                method, self.url + path, headers=headers, timeout=120.0, verify=self.trusted,
                **options,
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise StoreUnavailable(
                f"Can't reach the service at {self.url}: {error}. Is it running?"
            ) from error
        refuse(response)
        return response

    def stream(self, path: str, params: Mapping[str, Any]) -> Iterator[bytes]:
        """The answer to a `GET`, piece by piece.

        Raises:
            QueryRefused: if the service says that the request is wrong.
            StoreUnavailable: if it is not ready.
            httpx.HTTPError: if it can't be reached, or ends in the middle.
        """
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        with httpx.stream(
            "GET",
            self.url + path,
            params=dict(params),
            headers=headers,
            timeout=120.0,
            verify=self.trusted,
        ) as response:
            if not response.is_success:
                response.read()
                refuse(response)
            yield from response.iter_bytes()


def refuse(response: httpx.Response) -> None:
    """Raises what an answer says, if it is an error."""
    if response.is_success:
        return
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = response.text[:300]
    kind = StoreUnavailable if response.status_code >= 500 else QueryRefused
    raise kind(detail)


def running_service(directory: Path) -> Service | None:
    """The service that has this data directory open, if there is one."""
    if not DataDirectory(directory).is_open():
        # What a killed service left behind may be another one's address by now.
        return None
    try:
        document = json.loads((directory / "service.json").read_text())
        address = document["addresses"].get("web")
        token = str(document["token"])
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    if not address:
        return None
    if certificate := document.get("certificate"):
        service = Service(f"https://{address}", token, own_context(Path(certificate)))
    else:
        service = Service(f"http://{address}", token)
    try:
        service.request("GET", "/healthz")
    except StoreError:
        return None
    return service


def find_service(data_dir: Path | None, url: str, key: str) -> tuple[Service | None, Settings]:
    """The service that is meant, if it runs, and the settings.

    Args:
        data_dir: the folder, if one was named.
        url: a service's address, if one was named.
        key: its key.
    """
    settings = load({"data_dir": data_dir})
    if url:
        return Service(url.rstrip("/"), key), settings
    return running_service(settings.data_dir), settings


def find_running(data_dir: Path | None, url: str, key: str, kept: str) -> Service:
    """The service that is meant, of which a command asks what only a running one has.

    Args:
        data_dir, url, key: as of `find_service`.
        kept: what it keeps, for the message: `runs`.

    Raises:
        StoreError: if none runs.
    """
    service, settings = find_service(data_dir, url, key)
    if service is None:
        raise StoreError(
            f"No service runs in {settings.data_dir}, and {kept} are kept by one. Start it with"
            " `spanglass serve`, or name one with --url and --key."
        )
    return service


@contextlib.contextmanager
def opened_state(settings: Settings) -> "Iterator[Database]":
    """The state database of a data directory, or the one that the settings name."""
    from spanglass_store.state.database import Database

    with contextlib.closing(
        Database(settings.state or DataDirectory(settings.data_dir).state_url)
    ) as database:
        yield database


@contextlib.contextmanager
def opened_state_of(data_dir: Path | None, state: str) -> "Iterator[Database]":
    """The state database, also beside a running service or before the first one.

    Args:
        data_dir: the folder, if one was named.
        state: the database's address, if one was named.

    Raises:
        StoreError: if it can't be opened.
    """
    settings = load({"data_dir": data_dir, "state": state or None})
    if not settings.state:
        # SQLite is shared with a running service, so the folder's lock is not taken.
        folder = settings.data_dir
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"Can't use the data directory {folder}: {error.strerror}."
                " Choose another with --data-dir."
            ) from error
    with opened_state(settings) as database:
        yield database


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The store of a data directory whose service does not run.

    Raises:
        StoreError: if there is no such directory, or it is in use.
    """
    if not settings.clickhouse and not (settings.data_dir / "format.json").exists():
        raise StoreError(
            f"There is no data in {settings.data_dir}. Start a service with `spanglass serve`,"
            " or name its folder with --data-dir."
        )
    with (
        DataDirectory(settings.data_dir) as directory,
        open_store(settings, directory) as (
            endpoint,
            _,
        ),
    ):
        store = Store(endpoint)
        try:
            store.check()
            migrate(store)
            yield store
        finally:
            store.close()


#: Asks the store with parameters, as people's SQL does; the rows.
Ask = Callable[[str, dict[str, Any]], list[list[Any]]]


@contextlib.contextmanager
def asking(service: Service | None, settings: Settings) -> Iterator[Ask]:
    """Queries through the service, or of a data directory whose service does not run."""
    if service is not None:
        running = service

        def ask(query: str, params: dict[str, Any]) -> list[list[Any]]:
            body = {"query": query, "params": params}
            rows: list[list[Any]] = running.request("POST", "/api/v1/sql", json=body).json()["rows"]
            return rows

        yield ask
        return
    with opened_store(settings) as owner:
        reader = Store(owner.endpoint, Role.PAYLOAD_READER)
        try:
            yield lambda query, params: [list(row) for row in reader.query(query, params).rows]
        finally:
            reader.close()
