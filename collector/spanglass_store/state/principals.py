"""Who a request comes from: a key, a person, or this machine."""

from dataclasses import dataclass, replace
from typing import Final

from spanglass_store.state.rights import (
    ALL_PROJECTS,
    KEY_RIGHTS,
    Right,
    Role,
    Scope,
    role_rights,
)

DEFAULT_PROJECT: Final = "default"


@dataclass(frozen=True)
class Principal:
    """Who a request comes from.

    Attributes:
        scope: what the key is for; of a person, `ADMIN` for who administers the installation and
            `READ` for everybody else.
        project: the one its data belongs to, and that is meant where a request names none.
        projects: the projects it may see; None is all of them.
        payload: whether it may read what people and models wrote.
        key_id: the key's id, or the person's account; empty for this machine.
        roles: a person's, by project (`*` is all); None for keys and this machine.
    """

    scope: Scope
    project: str
    projects: tuple[str, ...] | None
    payload: bool
    key_id: str = ""
    roles: tuple[tuple[str, Role], ...] | None = None

    @property
    def name(self) -> str:
        """Who it is, for the audit log."""
        return self.key_id or "this machine"

    @property
    def author(self) -> str:
        """Who it is, beside what they made."""
        return self.key_id or "local"

    @property
    def is_account(self) -> bool:
        """Whether it is a person that signed in."""
        return self.roles is not None

    def may(self, right: Right | Scope) -> bool:
        """Whether it may do something, in one project at least."""
        return self.narrowed(Right(right)) is not None

    def narrowed(self, right: Right) -> "Principal | None":
        """The same with those projects alone in which it may do something; None if in none."""
        if self.roles is None:
            return self if right in KEY_RIGHTS[self.scope] else None
        granting = {project for project, role in self.roles if right in role_rights(role, project)}
        if ALL_PROJECTS in granting:
            return replace(self, projects=None, project=DEFAULT_PROJECT)
        if not granting or right is Right.ADMIN:
            return None
        own = DEFAULT_PROJECT if DEFAULT_PROJECT in granting else min(granting)
        return replace(self, projects=tuple(sorted(granting)), project=own)


def person(name: str, roles: dict[str, Role], payload: bool) -> Principal:
    """A person with these roles, by project."""
    administers = roles.get(ALL_PROJECTS) is Role.ADMIN
    scope = Scope.ADMIN if administers else Scope.READ
    held = tuple(sorted(roles.items()))
    whole = Principal(scope, DEFAULT_PROJECT, (), payload, name, held)
    return whole.narrowed(Right.READ) or whole


#: Whoever asks over loopback while there are neither keys nor accounts, and this machine's own
#: commands.
LOCAL: Final = Principal(Scope.ADMIN, DEFAULT_PROJECT, None, payload=True)
