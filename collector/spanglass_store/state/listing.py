"""Lists of what has a name within a project, page by page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select


def by_name(
    rows: type[Any], projects: Sequence[str] | None, search: str, after: str, limit: int
) -> Select[Any]:
    """Asks for rows in the order of project and name.

    Args:
        rows: of which table; it has the columns `project` and `name`.
        projects: of these; None for all.
        search: part of the name.
        after: `project/name` behind which the list goes on.
        limit: most of them.
    """
    asked = select(rows).order_by(rows.project, rows.name).limit(limit)
    if projects is not None:
        asked = asked.where(rows.project.in_(projects))
    if search:
        asked = asked.where(rows.name.icontains(search, autoescape=True))
    if after:
        project, _, name = after.partition("/")
        asked = asked.where(
            (rows.project > project) | ((rows.project == project) & (rows.name > name))
        )
    return asked
