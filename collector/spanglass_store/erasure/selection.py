"""What is to be erased: whose, which and when."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.errors import StoreError
from spanglass_store.otlp.columns import TEXT

#: Conditions whose values are a person's, or lead to one.
PERSONAL: Final = ("user_id", "session_id", "trace_id")
#: Attributes that say whose a data point is, by condition.
ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    name: TEXT[name] for name in ("user_id", "session_id")
}


@dataclass(frozen=True)
class Selection:
    """Which telemetry; everything that is given has to hold for a span, log record or data point.

    Traces are erased whole: one span of a trace that fits takes the others along.

    Attributes:
        project: empty for all.
        start: earliest start, inclusive; None for all.
        end: latest start, exclusive; None for all.
    """

    project: str = ""
    user_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    service: str = ""
    environment: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it leaves nothing, of a project or of all."""
        return not any(getattr(self, each.name) for each in fields(self) if each.name != "project")

    @property
    def is_wide(self) -> bool:
        """Whether it is of no user, session or trace: then what belongs to none goes, too."""
        return not any(getattr(self, name) for name in PERSONAL)

    def document(self) -> dict[str, str]:
        """What is given, as JSON has it."""
        given = {name: value for name, value in asdict(self).items() if value}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
        }

    def plain_conditions(
        self, time: str, columns: Mapping[str, str] | None = None
    ) -> tuple[list[str], dict[str, Any]]:
        """SQL of what is no person's: project, service, environment and time.

        Args:
            time: the column that says when.
            columns: other names for columns, by condition; empty where a table has none.

        Returns:
            The conditions, with one that never holds for what the table can't say, and the values
            of their parameters.
        """
        where, values = [], {}
        for name in ("project", "service", "environment"):
            if value := getattr(self, name):
                column = (columns or {}).get(name, name)
                where.append(f"{column} = {{{name}:String}}" if column else "0")
                values[name] = value
        for name, sign in (("start", ">="), ("end", "<")):
            moment = getattr(self, name)
            if moment is not None:
                where.append(f"{time} {sign} {{{name}:DateTime64(6, 'UTC')}}")
                values[name] = moment.astimezone(UTC).replace(tzinfo=None)
        return where, values


def selection_of(document: Mapping[str, Any]) -> Selection:
    """A selection from its document.

    Raises:
        StoreError: if a time is none, the trace's id is none, or the range is empty.
    """
    given: dict[str, Any] = {each.name: document.get(each.name) or "" for each in fields(Selection)}
    for name in ("start", "end"):
        given[name] = _moment(name, given[name])
    trace_id = str(given["trace_id"]).lower()
    if trace_id and (len(trace_id) != 32 or set(trace_id) - set("0123456789abcdef")):
        raise StoreError(f"{trace_id!r} is no trace id: that is 32 hexadecimal digits.")
    given["trace_id"] = trace_id
    found = Selection(**given)
    if found.start is not None and found.end is not None and found.start >= found.end:
        raise StoreError("The range of time is empty: its start has to lie before its end.")
    return found


def _moment(name: str, given: Any) -> datetime | None:
    if not given:
        return None
    try:
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    except ValueError as error:
        raise StoreError(f"{name} {given!r} should look like 2026-01-02T03:04:05Z.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not 1970 <= moment.year <= 2200:
        raise StoreError("The range of time has to lie between 1970 and 2200.")
    return moment
