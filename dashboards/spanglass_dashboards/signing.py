"""What the pages need of a provider of identities; `spanglass_collector.identity` is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spanglass_store.state.rights import Role


class NotSignedIn(Exception):
    """Somebody did not get in by the provider.

    Attributes:
        why: `denied`, `expired`, `disabled` or `provider`: what the page of signing in explains.
    """

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True)
class Sent:
    """Somebody on their way to the provider.

    Attributes:
        address: where they go.
        kept: what their browser keeps for when they come back.
        seconds: for how long.
    """

    address: str
    kept: str
    seconds: int


@dataclass(frozen=True)
class Arrived:
    """Somebody whom the provider knows.

    Attributes:
        subject: issuer and subject: who they are for ever.
        name: what they are called there, which may change.
        page: where they want to be.
        roles: what they are by project; None where the provider does not say.
    """

    subject: str
    name: str
    page: str
    roles: Mapping[str, Role] | None


class SignInProvider(Protocol):
    """A provider of identities."""

    @property
    def name(self) -> str: ...

    def send(self, back: str, page: str) -> Sent: ...

    def take_back(self, kept: str, back: str, said: Mapping[str, str]) -> Arrived: ...
