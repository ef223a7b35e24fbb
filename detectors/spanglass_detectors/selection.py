"""Which of a detector's scores are wanted."""

from collections.abc import Sequence


def chosen(names: Sequence[str], wanted: Sequence[str] | None) -> frozenset[str]:
    """The names that are wanted; all unless given.

    Args:
        names: what the detector can give.
        wanted: what its options ask for.

    Raises:
        ValueError: if it does not give one of them.
    """
    if wanted is None:
        return frozenset(names)
    unknown = set(wanted) - set(names)
    if unknown:
        raise ValueError(f"no scores: {sorted(unknown)}; there are {', '.join(names)}")
    return frozenset(wanted)
