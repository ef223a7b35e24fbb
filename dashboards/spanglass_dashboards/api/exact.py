"""Bodies in which every name counts."""

from pydantic import BaseModel, ConfigDict


class Exact(BaseModel):
    """A body without names that nobody knows.

    For what erases, discards or lets somebody in: a condition or a limit that is misspelt and
    passed over would do more than was meant.
    """

    model_config = ConfigDict(extra="forbid")
