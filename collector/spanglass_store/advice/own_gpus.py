"""Recorded traffic on GPUs of one's own: what it would cost, and how long requests would wait."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from spanglass_detectors.savings.autoscale import Outcome, Policy, simulate
from spanglass_detectors.savings.selfhost import Assumptions, Comparison, Hour, compare
from spanglass_store.advice.scope import MOST_ROWS, Scope, numbers
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.prices.costs import PRICED_MODEL

#: Requests that a policy is tried on at most: those of the last days.
_MOST_ARRIVALS: Final = 200_000


@dataclass(frozen=True)
class OwnGpus:
    """Both ways, and the policies of scaling.

    Attributes:
        comparison: with the assumptions as they were given.
        assumed: those.
        policies: by name, with what each would have done; of one day or a few.
        simulated_days: of those.
        calls: of the range.
        unpriced: of them, without a price: the API's side is too low by what they cost.
    """

    comparison: Comparison
    assumed: Assumptions
    policies: dict[str, Outcome]
    simulated_days: int
    calls: float
    unpriced: float


def own_gpus(
    store: Store, scope: Scope, model: str, assumed: Assumptions, places: int = 0
) -> OwnGpus:
    """What a model's calls would have cost on GPUs of one's own.

    Args:
        store: as a reader.
        scope: which calls.
        model: as spans name it; all where empty.
        assumed: what nobody measured.
        places: requests that a replica serves at once; without, no policy is tried.

    Raises:
        StoreError: if there are no calls with tokens.
    """
    of_model = f" AND {PRICED_MODEL} = {{model:String}}" if model else ""
    values: dict[str, Any] = {**scope.values(), "model": model}
    rows = store.query(
        "SELECT intDiv(toUnixTimestamp64Nano(start_time) - {first_ns:Int64}, 3600000000000)"
        " AS hour,"
        " sum(s.input_tokens * s.sample_weight) AS tokens_in,"
        " sum(s.output_tokens * s.sample_weight) AS tokens_out,"
        " sum(s.cost_usd * s.sample_weight) AS usd, sum(s.sample_weight) AS calls,"
        " sumIf(s.sample_weight, s.cost_usd IS NULL) AS unpriced"
        f" FROM {scope.calls(store.database)}{of_model} GROUP BY hour",
        values,
    ).dicts()
    hours = [Hour(0, 0, 0)] * (24 * scope.days)
    for row in rows:
        hours[int(row["hour"])] = Hour(
            *(float(row[name] or 0) for name in ("tokens_in", "tokens_out", "usd"))
        )
    try:
        comparison = compare(hours, assumed)
    except ValueError as error:
        raise StoreError(
            f"Can't say: {error}. Choose another range, or a model of `spanglass cost showback"
            " --by model`."
        ) from error
    policies, days = _policies(store, scope, of_model, values, places, assumed)
    return OwnGpus(
        comparison, assumed, policies, days, sum(float(row["calls"]) for row in rows),
        sum(float(row["unpriced"]) for row in rows),
    )  # fmt: skip


def _policies(
    store: Store, scope: Scope, of_model: str, values: dict[str, Any], places: int,
    assumed: Assumptions,
) -> tuple[dict[str, Outcome], int]:  # fmt: skip
    if places < 1:
        return {}, 0
    arrivals: list[tuple[float, float]] = []
    days = 0
    for day in reversed(list(scope.each_day())):
        found = numbers(
            store,
            {
                "start": ("f", "toUnixTimestamp64Nano(start_time) / 1e9"),
                "took": ("f", "duration_ns / 1e9"),
            },
            f"{day.calls(store.database)}{of_model} LIMIT {MOST_ROWS + 1}",
            {**values, **day.values()},
        )
        # A day of which a part is missing is no day.
        if found["start"].size > min(MOST_ROWS, _MOST_ARRIVALS - len(arrivals)):
            break
        arrivals += zip(found["start"].tolist(), found["took"].tolist(), strict=True)
        days += 1
    if not arrivals:
        return {}, 0
    start_s = 3_600 * assumed.start_hours
    tried = {
        "at least one": Policy(places, fewest=1, start_s=start_s),
        "down to none": Policy(places, fewest=0, start_s=start_s),
        "at least two": Policy(places, fewest=2, start_s=start_s),
    }
    return {name: simulate(arrivals, policy) for name, policy in tried.items()}, days


def assumptions(**given: Any) -> Assumptions:
    """Assumptions from what was given, with an error for people.

    Raises:
        StoreError: if one can't be.
    """
    known = {each.name for each in fields(Assumptions)}
    try:
        return Assumptions(**{name: value for name, value in given.items() if name in known})
    except ValueError as error:
        raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
