"""Options that say which telemetry is meant."""

from spanglass_store.errors import StoreError


def conditions(**given: str | None) -> dict[str, str]:
    """The conditions that were given, by name.

    An empty one is refused: it is a variable of the shell that is not set, and without it the
    command would take everybody's.

    Args:
        given: by the name that the API has for them; None for what was not given.

    Raises:
        StoreError: if one is empty.
    """
    for name, value in given.items():
        if value is not None and not value.strip():
            option = name.removesuffix("_id")
            raise StoreError(f"--{option} is empty. Give it a value, or leave it out for all.")
    return {name: value for name, value in given.items() if value is not None}
