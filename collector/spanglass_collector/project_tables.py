"""Settings by project: a table `[NAME.PROJECT]` for each."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def read_tables(name: str, given: Mapping[str, Any], model: type[Model]) -> dict[str, Model]:
    """What is said of each project.

    Args:
        name: of the table that holds them.
        given: that table.
        model: of what is said of one project.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    found = {}
    for project, own in given.items():
        if not isinstance(own, dict):
            raise ValueError(f"{name}.{project} should be a table, like [{name}.{project}]")
        try:
            found[project] = model(**own)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, (name, project, *first["loc"])))
            said = (
                "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
            )
            raise ValueError(f"{place}: {said}") from error
    return found
