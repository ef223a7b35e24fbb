"""The registry of prompts as commands reach it: through the service, else in the data directory."""

import contextlib
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from spanglass.prompts import Definition
from spanglass_collector.cli.remote import Service, find_service, opened_state
from spanglass_collector.settings import Settings
from spanglass_store.errors import StoreError
from spanglass_store.state.keys import DEFAULT_PROJECT
from spanglass_store.state.prompt_tables import Origin, Prompt, Version
from spanglass_store.state.prompts import PromptBook

PATH: Final = "/api/v1/prompts"
_PAGE: Final = 1000
_SESSION: Final = "/api/v1/session"
_Row = TypeVar("_Row", Prompt, Version)


class Registry(Protocol):
    """What commands do with prompts of one project."""

    def find(self, search: str) -> list[Prompt]: ...

    def get(self, name: str) -> Prompt: ...

    def versions(self, name: str) -> list[Version]: ...

    def version(self, name: str, version: int) -> Version: ...

    def resolve(self, name: str, label: str) -> Version: ...

    def save(
        self, name: str, definition: Definition, origin: Origin, base: int | None
    ) -> tuple[Version, bool]: ...

    def move(
        self, name: str, label: str, version: int, by: str, message: str, expected: int | None
    ) -> None: ...


class Here:
    """The registry in the data directory, or in the state database that the settings name."""

    def __init__(self, book: PromptBook, project: str) -> None:
        self._book = book
        self._project = project or DEFAULT_PROJECT

    def find(self, search: str) -> list[Prompt]:
        return self._book.find([self._project], search, limit=10_000)

    def get(self, name: str) -> Prompt:
        return self._book.get(self._project, name)

    def versions(self, name: str) -> list[Version]:
        return self._book.versions(self._project, name)

    def version(self, name: str, version: int) -> Version:
        return self._book.version(self._project, name, version)

    def resolve(self, name: str, label: str) -> Version:
        return self._book.resolve(self._project, name, label)

    def save(
        self, name: str, definition: Definition, origin: Origin, base: int | None
    ) -> tuple[Version, bool]:
        return self._book.save(self._project, name, definition, origin, base)

    def move(
        self, name: str, label: str, version: int, by: str, message: str, expected: int | None
    ) -> None:
        self._book.move(self._project, name, label, version, by, message, expected)


class There:
    """The registry of a running service."""

    def __init__(self, service: Service, project: str) -> None:
        self._service = service
        self._project = project

    def find(self, search: str) -> list[Prompt]:
        if not self._project:
            # Who may read several projects would be shown the prompts of all of them.
            self._project = self._service.request("GET", _SESSION).json()["project"]
        found: list[Prompt] = []
        cursor = ""
        while True:
            page = self._ask("GET", "", search=search, cursor=cursor, limit=_PAGE)
            found += [_made(Prompt, each) for each in page["items"]]
            cursor = page["next"]
            if not cursor:
                return found

    def get(self, name: str) -> Prompt:
        return _made(Prompt, self._ask("GET", f"/{_quoted(name)}"))

    def versions(self, name: str) -> list[Version]:
        said = self._ask("GET", f"/{_quoted(name)}")
        return [_made(Version, said | each) for each in said["versions"]]

    def version(self, name: str, version: int) -> Version:
        return _made(Version, self._ask("GET", f"/{_quoted(name)}/versions/{version}"))

    def resolve(self, name: str, label: str) -> Version:
        return _made(Version, self._ask("GET", f"/{_quoted(name)}/resolve", label=label))

    def save(
        self, name: str, definition: Definition, origin: Origin, base: int | None
    ) -> tuple[Version, bool]:
        body = {"definition": definition.document(), "base": base, **vars(origin)}
        said = self._ask("POST", f"/{_quoted(name)}/versions", body)
        return _made(Version, said), said["is_new"]

    def move(
        self, name: str, label: str, version: int, by: str, message: str, expected: int | None
    ) -> None:
        path = f"/{_quoted(name)}/labels/{_quoted(label)}"
        if version:
            body = {"version": version, "by": by, "message": message, "expected": expected}
            self._ask("PUT", path, body)
        else:
            self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        if self._project:
            params["project"] = self._project
        options = {} if body is None else {"json": body}
        answer = self._service.request(method, PATH + path, params=params, **options)
        return answer.json() if answer.content else None


def version_of(book: Registry, name: str, which: str) -> Version:
    """A version by its number, or by a label.

    Raises:
        StoreError: if there is none.
    """
    return book.version(name, int(which)) if which.isdigit() else book.resolve(name, which)


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _made(kind: type[_Row], said: dict[str, Any]) -> _Row:
    names = [each.name for each in fields(kind)]
    values = {name: said[name] for name in names if name in said}
    for name in ("created_at", "updated_at"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if kind is Version:
        values |= {"document": said.get("definition", {}), "labels": tuple(said["labels"])}
    return kind(**values)


@contextlib.contextmanager
def registry(
    data_dir: Path | None, url: str, key: str, project: str
) -> Iterator[tuple[Registry, Service | None, Settings]]:
    """The registry that is meant, the service if it runs, and the settings.

    Raises:
        StoreError: if there is neither a service nor a data directory.
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        yield There(service, project), service, settings
        return
    if not settings.state and not (settings.data_dir / "format.json").exists():
        raise StoreError(
            f"There is no data in {settings.data_dir}. Start a service with `spanglass serve`,"
            " or name its folder with --data-dir."
        )
    with opened_state(settings) as database:
        yield Here(PromptBook(database), project), None, settings
