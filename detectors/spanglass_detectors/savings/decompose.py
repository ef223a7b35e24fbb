"""A change of spend as volume, mix, length and price, whose parts add up to the cent.

Spend is the sum over groups g (a model, a feature's model, …) of

    N * s_g * (i_g * p_g + o_g * q_g + w_g)

with N calls, s_g the group's share of them, i_g and o_g its tokens of input and output a call, p_g
and q_g what one of them cost, and w_g what a call cost beside its tokens (by the request, by the
hour). Volume is N, mix all s_g, length all i_g and o_g, price all p_g, q_g and w_g. Each factor's
part is its Shapley value: how much the spend changes when it moves from before to after, averaged
over all 24 orders in which the four can move. So the parts add up to the change exactly, none of it
is left over, and no factor is favoured by coming first. A group that is new or gone has the lengths
and prices of the time in which it was there: its coming and going is mix.

In cents, the largest remainders are rounded up, so that rounded parts add up to the rounded change.

Sources: L. S. Shapley, "A value for n-person games" (1953); A. F. Shorrocks, "Decomposition
procedures for distributional analysis" (2013), for its use on sums of products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Final

#: What can change, in the order in which parts are given.
FACTORS: Final = ("volume", "mix", "length", "price")


@dataclass(frozen=True)
class Sums:
    """Calls of a group: how many, their tokens, and what they cost in US dollars."""

    calls: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    usd: float = 0.0
    input_usd: float = 0.0
    output_usd: float = 0.0


@dataclass(frozen=True)
class Part:
    """What the factors did to a group's spend, or to all of it; US dollars."""

    before: float
    after: float
    volume: float
    mix: float
    length: float
    price: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Decomposition:
    """A change of spend.

    Attributes:
        total: of everything.
        groups: of each group; its parts add up to its own change, and groups to the total.
    """

    total: Part
    groups: dict[str, Part]

    def cents(self) -> dict[str, int]:
        """The total's factors in cents, which add up to the rounded change."""
        exact = [100 * float(getattr(self.total, name)) for name in FACTORS]
        wanted = round(100 * self.total.change)
        rounded = [math.floor(each) for each in exact]
        order = sorted(range(len(exact)), key=lambda n: rounded[n] - exact[n])
        for n in order[: max(0, wanted - sum(rounded))]:
            rounded[n] += 1
        # Doubles may put the sum of the floors above what is wanted.
        for n in reversed(order[len(order) - max(0, sum(rounded) - wanted) :]):
            rounded[n] -= 1
        return dict(zip(FACTORS, rounded, strict=True))


@dataclass(frozen=True)
class _State:
    """A group in one of the two times: share of calls, lengths and prices."""

    share: float
    lengths: tuple[float, float]
    prices: tuple[float, float, float]


def decompose(before: Mapping[str, Sums], after: Mapping[str, Sums]) -> Decomposition:
    """What changed the spend.

    Args:
        before: by group.
        after: by group.

    Returns:
        Parts of the total and of each group.
    """
    calls = [sum(each.calls for each in time.values()) for time in (before, after)]
    groups: dict[str, Part] = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name, Sums()), after.get(name, Sums())
        states = _state(old, new, calls[0]), _state(new, old, calls[1])
        groups[name] = _shapley(calls, states, old.usd, new.usd)
    total = Part(
        math.fsum(each.before for each in groups.values()),
        math.fsum(each.after for each in groups.values()),
        *(math.fsum(getattr(each, name) for each in groups.values()) for name in FACTORS),
    )
    return Decomposition(total, groups)


def _state(own: Sums, other: Sums, calls: float) -> _State:
    share = own.calls / calls if calls else 0.0
    there = own if own.calls else other
    n = there.calls or 1.0
    lengths = there.input_tokens / n, there.output_tokens / n
    # What has a price without tokens is priced by the call.
    input_usd = there.input_usd if there.input_tokens else 0.0
    output_usd = there.output_usd if there.output_tokens else 0.0
    rest = (there.usd - input_usd - output_usd) / n
    return _State(
        share,
        lengths,
        (
            input_usd / there.input_tokens if there.input_tokens else _price(other, "input"),
            output_usd / there.output_tokens if there.output_tokens else _price(other, "output"),
            rest,
        ),
    )


def _price(sums: Sums, side: str) -> float:
    """A token's price in the other time, where this one has no tokens."""
    tokens = float(getattr(sums, f"{side}_tokens"))
    return float(getattr(sums, f"{side}_usd")) / tokens if tokens else 0.0


def _shapley(
    calls: list[float], states: tuple[_State, _State], before: float, after: float
) -> Part:
    def spend(moved: frozenset[str]) -> float:
        share = states["mix" in moved].share
        i, o = states["length" in moved].lengths
        p, q, w = states["price" in moved].prices
        return calls["volume" in moved] * share * (i * p + o * q + w)

    parts = dict.fromkeys(FACTORS, 0.0)
    orders = list(permutations(FACTORS))
    for order in orders:
        moved: frozenset[str] = frozenset()
        value = spend(moved)
        for factor in order:
            moved |= {factor}
            now = spend(moved)
            parts[factor] += (now - value) / len(orders)
            value = now
    return Part(before, after, **parts)
