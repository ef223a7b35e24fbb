"""What members of a provider's groups are: the table `[oidc_roles.GROUP]`."""

from collections.abc import Mapping
from typing import Any

from spanglass_store.errors import StoreError
from spanglass_store.state.keys import named_project
from spanglass_store.state.rights import ALL_PROJECTS, Role


def read_groups(given: Mapping[str, Any]) -> dict[str, dict[str, Role]]:
    """Roles by project, by group.

    Raises:
        ValueError: if a project's name or a role can't be one; the message names the group.
    """
    found: dict[str, dict[str, Role]] = {}
    for group, own in given.items():
        if not isinstance(own, dict):
            raise ValueError(f'oidc_roles.{group} should be a table, like {{shop = "viewer"}}')
        found[group] = {}
        for project, role in own.items():
            try:
                name = project if project == ALL_PROJECTS else named_project(project)
            except StoreError as error:
                raise ValueError(f"oidc_roles.{group}: {error}") from error
            if role not in list(Role):
                raise ValueError(
                    f"oidc_roles.{group}.{project}: {role!r} is no role: choose from"
                    f" {', '.join(Role)}"
                )
            found[group][name] = Role(role)
    return found
