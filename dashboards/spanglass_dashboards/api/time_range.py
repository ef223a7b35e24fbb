"""The range of time of a request."""

from datetime import UTC, datetime, timedelta

from spanglass_store.errors import StoreError


def time_range(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """Start and end, by default the last day; the end a minute ahead for clocks that differ.

    Raises:
        StoreError: if the range lies outside what can be stored.
    """
    until = _aware(end) if end else datetime.now(UTC) + timedelta(minutes=1)
    try:
        since = _aware(start) if start else until - timedelta(days=1)
    except OverflowError as error:
        raise StoreError("The range of time begins before the calendar does.") from error
    if not 1970 <= since.year <= 2200 or not 1970 <= until.year <= 2200:
        raise StoreError("The range of time has to lie between 1970 and 2200.")
    return since, until


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
