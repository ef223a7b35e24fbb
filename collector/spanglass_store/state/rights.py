"""What may be done, and by whom: the one table of keys and roles.

The gate decides by it, the documentation shows it, and the test of every route derives from it
what each must answer.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Right(StrEnum):
    """What a request asks for. All but `ADMIN` are held project by project."""

    #: Send telemetry and scores.
    INGEST = "ingest"
    #: Look at everything of a project. Prompts and answers take a grant beside it.
    READ = "read"
    #: Save views, take alerts and incidents, label answers.
    WORK = "work"
    #: Make and change prompts, datasets, review queues and runs of experiments.
    EDIT = "edit"
    #: Move a prompt's labels, delete what a project has, set its budgets and its members' roles.
    MANAGE = "manage"
    #: Turn pseudonyms back into what they stand for.
    REVEAL = "reveal"
    #: Everything else, for all projects: keys, accounts, rules, prices, jobs, imports, erasing.
    ADMIN = "admin"


class Scope(StrEnum):
    """What a key is for. `ADMIN` may do everything, in all projects."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is in a project."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


#: Stands for every project, also those to come. Its administrators administer the installation.
ALL_PROJECTS: Final = "*"

#: What a key may do, in its project; an admin key in all of them.
KEY_RIGHTS: Final[Mapping[Scope, frozenset[Right]]] = MappingProxyType(
    {
        Scope.INGEST: frozenset({Right.INGEST}),
        Scope.READ: frozenset({Right.READ, Right.WORK}),
        Scope.ADMIN: frozenset(Right),
    }
)

#: What a person may do, in the project of the role. `ADMIN` comes with the role of an
#: administrator in all projects, see `role_rights`.
ROLE_RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({Right.READ}),
        Role.MEMBER: frozenset({Right.READ, Right.WORK, Right.INGEST, Right.EDIT}),
        Role.ADMIN: frozenset(Right) - {Right.ADMIN},
    }
)


def role_rights(role: Role, project: str) -> frozenset[Right]:
    """What a role gives in a project, or in all of them."""
    if role is Role.ADMIN and project == ALL_PROJECTS:
        return frozenset(Right)
    return ROLE_RIGHTS[role]
