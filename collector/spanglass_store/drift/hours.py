"""Hours, as drift counts them: whole ones since 1970, UTC."""

from datetime import UTC, datetime


def start_of(hour: int) -> datetime:
    """When an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)
