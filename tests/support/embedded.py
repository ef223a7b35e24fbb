"""An embedded server inside the tests' process."""

from dataclasses import dataclass

from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.endpoint import Role


@dataclass(frozen=True)
class EmbeddedStore:
    """An embedded server inside the tests' process, with our schema.

    Attributes:
        owner: as the collector uses it.
        server: to start and stop it.
        directory: its data directory.
    """

    owner: Store
    server: EmbeddedServer
    directory: DataDirectory

    def reader(self, payload: bool = True, projects: tuple[str, ...] | None = None) -> Store:
        role = Role.PAYLOAD_READER if payload else Role.READER
        return Store(self.server.endpoint, role, projects)
