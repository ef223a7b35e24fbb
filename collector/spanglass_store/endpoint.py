"""Where a ClickHouse is, and the users under whom Spanglass speaks to it."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from spanglass_store.errors import StoreError


class Role(StrEnum):
    """Who a query is run for.

    `OWNER` is the collector. `READER` is people's SQL without payload columns,
    `PAYLOAD_READER` with them; both are read-only and see only the projects they were given.
    """

    OWNER = "owner"
    READER = "reader"
    PAYLOAD_READER = "payload_reader"


@dataclass(frozen=True)
class Endpoint:
    """One ClickHouse server's HTTP interface.

    Attributes:
        users: name and password by role. A server of somebody else's has one user only: then
            readers are that user under `readonly`, with row filters sent along.
        isolated: whether the server itself keeps readers to their projects and columns.
    """

    host: str
    port: int
    users: dict[Role, tuple[str, str]] = field(repr=False)
    database: str = "spanglass"
    secure: bool = False
    isolated: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    def user(self, role: Role) -> tuple[str, str]:
        return self.users.get(role, self.users[Role.OWNER])


def parse_url(url: str) -> Endpoint:
    """An endpoint from `http(s)://user:password@host:port/database`.

    Raises:
        StoreError: if the address is not of that form.
    """
    form = "http(s)://user:password@host:port/database"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise StoreError(f"--clickhouse {url!r} is no address: {error}. Write {form}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StoreError(f"--clickhouse must look like {form}.")
    secure = parts.scheme == "https"
    user = unquote(parts.username or "default")
    database = parts.path.strip("/") or "spanglass"
    if not database.isidentifier():
        raise StoreError(f"{database!r} can't be a database's name: use letters, digits and _.")
    return Endpoint(
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        users={Role.OWNER: (user, unquote(parts.password or ""))},
        database=database,
        secure=secure,
        settings=dict(parse_qsl(parts.query)),
    )
