"""All methods over one range of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from spanglass_detectors.savings.findings import Advice, CantSay, Finding, ranked
from spanglass_detectors.savings.monthly import FEWEST_DAYS, per_month
from spanglass_store.advice import (
    batches,
    blocks,
    boards,
    duplicates,
    failures,
    loops,
    models,
    near_duplicates,
    provider_cache,
    unused,
)
from spanglass_store.advice.scope import DAY, Scope, scope_of
from spanglass_store.advice.traffic import Traffic, traffic
from spanglass_store.client import Store
from spanglass_store.endpoint import Role

Method = Callable[[Store, Scope, Traffic], list[Finding | CantSay]]
#: What reads prompts and answers, which takes a grant; by the kinds that it gives.
_OF_PAYLOAD: Final[tuple[tuple[tuple[str, ...], Method], ...]] = (
    ((duplicates.CACHE, duplicates.REPEATS), duplicates.duplicates),
    ((loops.KIND,), loops.loops),
    ((unused.KIND,), unused.unused_tools),
    ((blocks.KIND,), blocks.long_histories),
    ((provider_cache.PREFIX, provider_cache.ORDER), provider_cache.provider_caches),
)
_OF_NUMBERS: Final[tuple[tuple[tuple[str, ...], Method], ...]] = (
    ((failures.KIND,), failures.failures),
    ((models.KIND,), models.routes),
    ((batches.KIND,), batches.batches),
    ((provider_cache.WRITES,), provider_cache.wasted_writes),
)

_OVERLAP: Final = (
    "Savings overlap: a call that is not made can't be made cheaper. Do one, then ask again."
)

_PAYLOAD_KEY: Final = "Use one that may: `spanglass keys create --scope read --payload`."


def advise(
    store: Store,
    start: datetime,
    end: datetime,
    project: str = "",
    embed: near_duplicates.Embed | None = None,
) -> Advice:
    """What would cost less, and what can't be said.

    Args:
        store: as a reader; one without payload gets no advice that needs it.
        start: of the range; whole days that end where it ends are looked at, 31 at most.
        end: exclusive.
        project: whose; all that the reader sees unless given.
        embed: makes vectors of texts; without, nothing is said of what is nearly the same.

    Raises:
        StoreError: if the range is empty or too long.
    """
    scope = scope_of(start, end, project)
    about = traffic(store, scope)
    found: list[Finding | CantSay] = list(boards.idle_boards(store, scope))
    looked: list[tuple[str, ...]] = [(boards.KIND,)]
    if (reason := _no_month(scope, about)) is not None:
        # Boards are rented with or without calls.
        return _advice(found, looked, about, scope, CantSay("all", *reason))
    scope = replace(scope, start=scope.start + about.first * DAY)
    methods = list(_OF_NUMBERS)
    if store.role is Role.READER:
        found += [
            CantSay(kind, "this key may not read prompts and answers", _PAYLOAD_KEY)
            for kinds in (*(kinds for kinds, _ in _OF_PAYLOAD), (near_duplicates.KIND,))
            for kind in kinds
        ]
    else:
        methods += _OF_PAYLOAD
        methods.append(
            ((near_duplicates.KIND,), partial(near_duplicates.near_duplicates, embed=embed))
        )
    for kinds, method in methods:
        found += method(store, scope, about)
        looked.append(kinds)
    return _advice(found, looked, about, scope)


def _no_month(scope: Scope, about: Traffic) -> tuple[str, str] | None:
    """Why nothing can be said of calls, with what to do; None if it can."""
    if not about.calls:
        return (
            "no call of a model is recorded in this range",
            "Send traces (docs/senders.md), or look at another range.",
        )
    if about.active < FEWEST_DAYS:
        return (
            (
                f"there are calls of {about.active} days, and a month can't be told from fewer"
                f" than {FEWEST_DAYS}"
            ),
            "Wait, or look at a longer range (--from).",
        )
    if about.unpriced >= about.calls or not sum(about.days):
        return (
            "no call has a cost: no price of its models is known",
            (
                "`spanglass prices unknown` lists the models; `spanglass prices set` and"
                " `spanglass prices recompute` price them."
            ),
        )
    return None


def _advice(
    found: list[Finding | CantSay],
    looked: list[tuple[str, ...]],
    about: Traffic,
    scope: Scope,
    *more: CantSay,
) -> Advice:
    findings = ranked(each for each in found if isinstance(each, Finding))
    cant_say = tuple(each for each in (*found, *more) if isinstance(each, CantSay))
    named = {each.kind for each in findings} | {each.kind for each in cant_say}
    spend = per_month(about.days)
    notes = []
    if len(findings) > 1:
        notes.append(_OVERLAP)
    if 0 < about.unpriced < about.calls:
        notes.append(
            f"{about.unpriced:,.0f} of {about.calls:,.0f} calls have no price and count as free:"
            " `spanglass prices unknown`."
        )
    if about.with_input and about.redacted:
        notes.append(
            f"{about.redacted / about.with_input:.0%} of the prompts have something taken out and"
            " are not compared with others."
        )
    return Advice(
        findings,
        cant_say,
        tuple(kind for kinds in looked for kind in kinds if kind not in named),
        spend.usd_month if spend else None,
        len(about.days) if about.calls else scope.days,
        tuple(notes),
    )
