"""One price, and the words that describe it."""

from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Final

#: When prices that have always held begin: the first day that a `Date` can say.
ALWAYS: Final = date(1970, 1, 1)
#: Minutes of a day.
DAY_MINUTES: Final = 24 * 60


class Kind(StrEnum):
    """What is charged. Cached and reasoning tokens are parts of input and output.

    `GPU_HOUR` charges the time that a call takes, where a model runs on GPUs of one's own.
    """

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    REASONING = "reasoning"
    REQUEST = "request"
    GPU_HOUR = "gpu_hour"


class Unit(StrEnum):
    """What a price is for."""

    MILLION_TOKENS = "million_tokens"
    THOUSAND_TOKENS = "thousand_tokens"
    REQUEST = "request"
    THOUSAND_REQUESTS = "thousand_requests"
    HOUR = "hour"


#: How much of a schedule's measure (a million tokens, a request, an hour) a unit is.
PER: Final[dict[Unit, float]] = {
    Unit.MILLION_TOKENS: 1.0,
    Unit.THOUSAND_TOKENS: 1e-3,
    Unit.REQUEST: 1.0,
    Unit.THOUSAND_REQUESTS: 1e3,
    Unit.HOUR: 1.0,
}
#: The units that kinds can be priced by, the usual one first. Other kinds are tokens.
_UNITS: Final = {
    Kind.REQUEST: (Unit.REQUEST, Unit.THOUSAND_REQUESTS),
    Kind.GPU_HOUR: (Unit.HOUR,),
}
_TOKEN_UNITS: Final = (Unit.MILLION_TOKENS, Unit.THOUSAND_TOKENS)


def fits(kind: Kind, unit: Unit) -> bool:
    """Whether a kind can be priced by a unit."""
    return unit in _UNITS.get(kind, _TOKEN_UNITS)


def usual_unit(kind: Kind) -> Unit:
    """The unit of a kind where none is said."""
    return _UNITS.get(kind, _TOKEN_UNITS)[0]


def hourly(gpu_hour_usd: float, gpus: float = 1.0, concurrency: float = 1.0) -> float:
    """What an hour of one call costs on GPUs of one's own, in US dollars.

    Args:
        gpu_hour_usd: an hour of one GPU.
        gpus: that the model runs on.
        concurrency: calls that it answers at once, on average while it answers any.
    """
    return gpu_hour_usd * gpus / concurrency


class Source(StrEnum):
    """Where a price comes from; a later one in this order goes first."""

    CATALOG = "genai-prices"
    FILE = "file"
    COMMAND = "command"


@dataclass(frozen=True)
class Price:
    """One row of the book.

    Attributes:
        project: whose; empty for everybody's.
        provider: empty for any.
        model: as spans name it, or as the catalogue does; where it ends with `*`, every name that
            begins so.
        usd: US dollars a unit; None ends what was priced apart before.
        above_tokens: counts for calls of more input tokens than this; all of their tokens.
        service_tier: `batch`, `priority`, `flex` and what else providers call them; empty for all.
        start_date: first day, UTC.
        minute_from: first minute of the day, UTC, for prices of some hours.
        minute_until: first minute of the day behind those.
    """

    provider: str
    model: str
    token_kind: Kind
    usd: float | None
    unit: Unit = Unit.MILLION_TOKENS
    above_tokens: int = 0
    service_tier: str = ""
    start_date: date = ALWAYS
    minute_from: int = 0
    minute_until: int = DAY_MINUTES
    project: str = ""
    source: Source = Source.COMMAND

    @property
    def is_all_day(self) -> bool:
        return self.minute_from == 0 and self.minute_until == DAY_MINUTES


COLUMNS: Final = tuple(each.name for each in fields(Price))
