"""Datasets as commands reach them: through the service, else in the data directory."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from spanglass_collector.cli.remote import Service, find_service, opened_state, opened_store
from spanglass_collector.settings import Settings
from spanglass_store.errors import StoreError
from spanglass_store.state.dataset_tables import Changed, Item
from spanglass_store.state.datasets import MOST_ITEMS, DatasetBook
from spanglass_store.state.keys import DEFAULT_PROJECT

PATH: Final = "/api/v1/datasets"
_PAGE: Final = 1000
#: Items and characters that one request carries.
_PIECE: Final = 1_000
_PIECE_CHARS: Final = 2_000_000


class Desk(Protocol):
    """What commands do with datasets of one project."""

    def find(self, search: str) -> list[dict[str, Any]]: ...

    def whole(self, name: str) -> dict[str, Any]: ...

    def items(self, name: str, version: int = 0, split: str = "") -> Iterator[Item]: ...

    def put(self, name: str, items: Iterable[Item], author: str, message: str) -> Changed: ...

    def remove(self, name: str, ids: list[str], author: str, message: str) -> Changed: ...

    def add_traces(self, name: str, asked: dict[str, Any]) -> tuple[Changed, int]: ...

    def delete(self, name: str) -> None: ...


class Here:
    """Datasets in the state database."""

    def __init__(self, book: DatasetBook, settings: Settings, project: str) -> None:
        self._book = book
        self._settings = settings
        self._project = project or DEFAULT_PROJECT

    def find(self, search: str) -> list[dict[str, Any]]:
        return [vars(each) for each in self._book.find([self._project], search, limit=1_000)]

    def whole(self, name: str) -> dict[str, Any]:
        return {
            **vars(self._book.get(self._project, name)),
            "splits": self._book.splits(self._project, name),
            "versions": [vars(each) for each in self._book.versions(self._project, name)],
        }

    def items(self, name: str, version: int = 0, split: str = "") -> Iterator[Item]:
        yield from self._book.items(self._project, name, version, split or None, limit=MOST_ITEMS)

    def put(self, name: str, items: Iterable[Item], author: str, message: str) -> Changed:
        change = uuid.uuid4().hex
        found = [
            self._book.change(self._project, name, some, (), author, message, None, change)
            for some in _pieces(items)
        ]
        return _sum(found)

    def remove(self, name: str, ids: list[str], author: str, message: str) -> Changed:
        self._book.get(self._project, name)
        return self._book.change(self._project, name, (), ids, author, message)

    def add_traces(self, name: str, asked: dict[str, Any]) -> tuple[Changed, int]:
        from spanglass_dashboards.api.datasets import item_of_exchange
        from spanglass_store.client import Store
        from spanglass_store.endpoint import Role
        from spanglass_store.queries.exchanges import Target, chosen, exchanges

        with opened_store(self._settings) as owner:
            store = Store(owner.endpoint, Role.PAYLOAD_READER, [self._project])
            with contextlib.closing(store):
                targets = (
                    chosen(store, asked["sql"])
                    if asked.get("sql")
                    else [Target(**each) for each in asked["traces"]]
                )
                found = exchanges(store, targets)
        made = [item_of_exchange(each, asked["expected"], asked["split"]) for each in found]
        done = self.put(name, made, asked["author"], asked["message"]) if made else Changed(0)
        return done, len(dict.fromkeys(targets)) - len(made)

    def delete(self, name: str) -> None:
        self._book.delete(self._project, name)


class There:
    """Datasets of a running service."""

    def __init__(self, service: Service, project: str) -> None:
        self._service = service
        self._params = {"project": project} if project else {}

    def find(self, search: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self._ask("GET", "", search=search, cursor=cursor, limit=_PAGE)
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return found

    def whole(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", f"/{quote(name, safe='')}")
        return found

    def items(self, name: str, version: int = 0, split: str = "") -> Iterator[Item]:
        cursor = ""
        while True:
            page = self._ask(
                "GET", f"/{quote(name, safe='')}/items", version=version, split=split,
                cursor=cursor, limit=200,
            )  # fmt: skip
            for each in page["items"]:
                each["item_id"] = each.pop("id")
                yield Item(**each)
            # The pages after the first are of the same version.
            cursor, version = page["next"], page["version"]
            if not cursor:
                return

    def put(self, name: str, items: Iterable[Item], author: str, message: str) -> Changed:
        change = uuid.uuid4().hex
        found = []
        for some in _pieces(items):
            sent = [
                {
                    "input": each.input, "expected": each.expected, "metadata": each.metadata,
                    "split": each.split, "trace_id": each.trace_id, "span_id": each.span_id,
                    "id": each.item_id,
                }
                for each in some
            ]  # fmt: skip
            body = {"items": sent, "author": author, "message": message, "change": change}
            found.append(_changed(self._ask("POST", f"/{quote(name, safe='')}/items", body)))
        return _sum(found)

    def remove(self, name: str, ids: list[str], author: str, message: str) -> Changed:
        body = {"ids": ids, "author": author, "message": message}
        return _changed(self._ask("POST", f"/{quote(name, safe='')}/items/remove", body))

    def add_traces(self, name: str, asked: dict[str, Any]) -> tuple[Changed, int]:
        said = self._ask("POST", f"/{quote(name, safe='')}/items/from-traces", asked)
        return _changed(said), said["not_found"]

    def delete(self, name: str) -> None:
        self._ask("DELETE", f"/{quote(name, safe='')}")

    def _ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        options = {} if body is None else {"json": body}
        params |= self._params
        answer = self._service.request(method, PATH + path, params=params, **options)
        return answer.json() if answer.content else None


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    some: list[Item] = []
    size = 0
    for each in items:
        length = sum(map(len, each.texts()))
        if some and (len(some) >= _PIECE or size + length > _PIECE_CHARS):
            yield some
            some, size = [], 0
        some.append(each)
        size += length
    if some:
        yield some


def _sum(found: list[Changed]) -> Changed:
    if not found:
        raise StoreError("There are no items to add.")
    return Changed(
        found[-1].version,
        *(sum(getattr(each, name) for each in found) for name in (
            "added", "changed", "removed", "unchanged",
        )),
    )  # fmt: skip


def _changed(said: dict[str, Any]) -> Changed:
    return Changed(
        said["version"], said["added"], said["changed"], said["removed"], said["unchanged"]
    )


@contextlib.contextmanager
def datasets(data_dir: Path | None, url: str, key: str, project: str) -> Iterator[Desk]:
    """The datasets that are meant.

    Raises:
        StoreError: if there is neither a service nor a data directory.
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        yield There(service, project)
        return
    if not settings.state and not (settings.data_dir / "format.json").exists():
        raise StoreError(
            f"There is no data in {settings.data_dir}. Start a service with `spanglass serve`,"
            " or name its folder with --data-dir."
        )
    with opened_state(settings) as database:
        yield Here(DatasetBook(database), settings, project)
