"""The range of time of a request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator

from spanglass_store.errors import StoreError

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200
_OUTSIDE: Final = f"The range of time has to lie between {_FIRST_YEAR} and {_LAST_YEAR}."
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def written_out(value: Any) -> Any:
    # A bare number would be seconds or milliseconds since 1970, whichever is likelier.
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError("should look like 2026-01-02T03:04:05Z")
    return value


def storable(moment: datetime | None) -> datetime | None:
    if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise StoreError(_OUTSIDE)
    return _aware(moment) if moment else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


#: A time in an answer. ClickHouse's come without a zone, and a page would take them for its own.
Moment = Annotated[datetime, AfterValidator(_aware)]

Start = Annotated[
    datetime | None,
    BeforeValidator(written_out),
    Query(description="Earliest start; a day ago unless given."),
]
End = Annotated[
    datetime | None,
    BeforeValidator(written_out),
    Query(description="Latest start; now unless given."),
]

#: Bounds of a list that is not cut to the last day where none are given.
OpenStart = Annotated[
    datetime | None, BeforeValidator(written_out), AfterValidator(storable),
    Query(description="Earliest time."),
]  # fmt: skip
OpenEnd = Annotated[
    datetime | None, BeforeValidator(written_out), AfterValidator(storable),
    Query(description="Latest time."),
]  # fmt: skip


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
    if any(not _FIRST_YEAR <= each.year <= _LAST_YEAR for each in (since, until)):
        raise StoreError(_OUTSIDE)
    return since, until


def recent(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """Start and end, by default the last hour.

    Raises:
        StoreError: if the range lies outside what can be stored.
    """
    since, until = time_range(start, end)
    return (since if start else until - timedelta(hours=1)), until
