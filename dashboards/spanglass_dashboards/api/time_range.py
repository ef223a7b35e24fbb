"""The range of time of a request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator

from spanglass_store.errors import StoreError

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _written_out(value: Any) -> Any:
    # A bare number would be seconds or milliseconds since 1970, whichever is likelier.
    if isinstance(value, str) and not _DATE.match(value):
        raise ValueError("should look like 2026-01-02T03:04:05Z")
    return value


Start = Annotated[
    datetime | None,
    BeforeValidator(_written_out),
    Query(description="Earliest start; a day ago unless given."),
]
End = Annotated[
    datetime | None,
    BeforeValidator(_written_out),
    Query(description="Latest start; now unless given."),
]


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
