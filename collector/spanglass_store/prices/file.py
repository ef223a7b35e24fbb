"""Files of prices: TOML or YAML, one table `[[price]]` a model and period.

[[price]]
provider = "openai"          # leave it out for any provider
model = "gpt-4o"
start = 2026-01-01           # leave it out for "always"
end = 2026-07-01             # the day on which the next one starts
input = 2.50                 # US dollars a million tokens
cache_read = 1.25
output = 10.00

[[price]]
provider = "openai"
model = "gpt-4o"
start = 2026-07-01
input = 2.00
output = 8.00
tiers = [{ above = 200000, input = 4.00, output = 12.00 }]

[[price]]
model = "llama-3.3-70b"      # on GPUs of one's own
gpu_hour = 2.40              # US dollars an hour of one GPU
gpus = 4                     # that the model runs on
concurrency = 12             # calls that it answers at once, on average
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

from spanglass_store.prices.documents import PriceFileError, entries
from spanglass_store.prices.entry import (
    ALWAYS,
    Kind,
    Price,
    Source,
    Unit,
    fits,
    hourly,
    usual_unit,
)

__all__ = ["PriceFileError", "parse", "read"]

_TEXTS: Final = ("project", "provider", "model", "service_tier", "unit", "currency")
_KINDS: Final = tuple(str(kind) for kind in Kind)
#: What turns the price of a GPU's hour into that of a call's.
_SHARES: Final = ("gpus", "concurrency")
_FIELDS: Final = (*_TEXTS, "start", "end", "tiers", *_KINDS, *_SHARES)


@dataclass(frozen=True)
class _Entry:
    place: str
    start: date
    end: date | None
    rows: list[Price]


def read(path: Path) -> list[Price]:
    """The prices of a file.

    Raises:
        PriceFileError: if it can't be read, or says something that can't be.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PriceFileError(f"Can't read the price file {path}: {error}.") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> list[Price]:
    """The prices of a file's text.

    Args:
        text: TOML, or YAML.
        name: of the file, for messages; one that ends in `.yaml` or `.yml` is YAML.

    Raises:
        PriceFileError: as `read` does.
    """
    found = [_entry(table, place) for place, table in entries(text, name)]
    _check_periods(found)
    return [row for entry in found for row in entry.rows]


def _entry(table: dict[str, Any], place: str) -> _Entry:
    for field in table:
        if field not in _FIELDS:
            raise PriceFileError(f"{place}: there is no {field!r}; use {', '.join(_FIELDS)}.")
    texts = {field: table.get(field, "") for field in _TEXTS}
    for field, value in texts.items():
        if not isinstance(value, str):
            raise PriceFileError(f"{place}: {field} has to be a text in quotes.")
    if not texts["model"]:
        raise PriceFileError(f"{place}: say which model, as spans name it.")
    if texts["currency"] not in ("", "USD"):
        raise PriceFileError(
            f"{place}: the currency {texts['currency']!r} is unknown. Costs are in USD: convert it."
        )
    unit = _unit(texts["unit"], place)
    start, end = (_day(table.get(field), field, place) for field in ("start", "end"))
    if start and end and end <= start:
        raise PriceFileError(f"{place}: it ends on {end}, not after its start on {start}.")
    if "gpu_hour" not in table and (lone := [name for name in _SHARES if name in table]):
        raise PriceFileError(f"{place}: {lone[0]} needs `gpu_hour`, the price of an hour.")
    steps = table.get("tiers", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise PriceFileError(f"{place}: tiers look like [{{ above = 200000, input = 4.00 }}].")
    rows = [
        Price(
            texts["provider"], texts["model"], kind, usd, _of_kind(unit, kind), above,
            texts["service_tier"], start or ALWAYS, project=texts["project"], source=Source.FILE,
        )
        for above, fields in [(0, table), *_steps(steps, place)]
        for kind, usd in _amounts(fields, unit, place)
    ]  # fmt: skip
    if not rows:
        raise PriceFileError(f"{place}: it has no price. Give at least one of {', '.join(_KINDS)}.")
    for above in {row.above_tokens for row in rows}:
        for row in rows:
            base = any(r.token_kind is row.token_kind and not r.above_tokens for r in rows)
            if row.above_tokens == above and not base:
                raise PriceFileError(
                    f"{place}: {row.token_kind} has a price above {above} tokens and none below"
                    f" (a gap). Give {row.token_kind} outside of tiers, too."
                )
    return _Entry(place, start or ALWAYS, end, rows)


def _unit(text: str, place: str) -> Unit | None:
    if not text:
        return None
    try:
        return Unit(text)
    except ValueError:
        known = ", ".join(Unit)
        raise PriceFileError(f"{place}: the unit {text!r} is unknown; use {known}.") from None


def _of_kind(unit: Unit | None, kind: Kind) -> Unit:
    return unit if unit is not None and fits(kind, unit) else usual_unit(kind)


def _day(value: Any, field: str, place: str) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise PriceFileError(f"{place}: {field} has to be a day, like 2026-01-31, without quotes.")
    if not 1970 <= value.year <= 2100:
        raise PriceFileError(f"{place}: {field} has to lie between 1970 and 2100.")
    return value


def _steps(steps: list[dict[str, Any]], place: str) -> Iterator[tuple[int, dict[str, Any]]]:
    seen = set()
    for step in steps:
        above = step.get("above")
        if type(above) is not int or above < 1:
            raise PriceFileError(f"{place}: each of tiers needs `above`, a number of tokens.")
        if above in seen:
            raise PriceFileError(f"{place}: two tiers begin above {above} tokens (an overlap).")
        seen.add(above)
        for field in step:
            if field != "above" and (field not in _KINDS or field == Kind.GPU_HOUR):
                raise PriceFileError(f"{place}: there is no {field!r} in tiers.")
        yield above, step


def _amounts(fields: dict[str, Any], unit: Unit | None, place: str) -> Iterator[tuple[Kind, float]]:
    for kind in Kind:
        value = fields.get(str(kind))
        if value is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not isfinite(value) or value < 0:
            raise PriceFileError(f"{place}: {kind} = {value!r} is no price: US dollars, 0 or more.")
        whole = kind in (Kind.REQUEST, Kind.GPU_HOUR)
        if unit is not None and not whole and not fits(kind, unit):
            raise PriceFileError(f"{place}: {kind} can't be priced by the unit {unit}.")
        if kind is Kind.GPU_HOUR:
            value = hourly(value, *(_share(fields.get(name, 1), name, place) for name in _SHARES))
        yield kind, float(value)


def _share(value: Any, name: str, place: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or value <= 0:
        raise PriceFileError(f"{place}: {name} = {value!r} has to be a number above 0.")
    return float(value)


def _check_periods(entries: list[_Entry]) -> None:
    """One entry after the other for each model, with neither gap nor overlap."""
    groups: dict[tuple[str, ...], list[_Entry]] = defaultdict(list)
    for entry in entries:
        row = entry.rows[0]
        groups[row.project, row.provider, row.model, row.service_tier].append(entry)
    for group in groups.values():
        group.sort(key=lambda entry: entry.start)
        for entry, following in zip(group, [*group[1:], None], strict=True):
            if following is None:
                if entry.end is not None:
                    raise PriceFileError(
                        f"{entry.place}: nothing prices the model from {entry.end} on (a gap)."
                        " Leave `end` out, or add an entry that starts then."
                    )
            elif entry.start == following.start or (entry.end and entry.end > following.start):
                raise PriceFileError(
                    f"{following.place}: it starts on {following.start}, where"
                    f" {entry.place.rpartition(', ')[2]} still counts (an overlap)."
                )
            elif entry.end and entry.end < following.start:
                raise PriceFileError(
                    f"{following.place}: nothing prices the model from {entry.end} to"
                    f" {following.start} (a gap). Let one begin where the other ends."
                )
