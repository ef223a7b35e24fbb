"""The prices that the package genai-prices carries, and its rules for names of models.

What it prices by other measures than tokens and requests (hours of audio, searches, images) is not
taken over, since spans do not count it.

Source: https://github.com/pydantic/genai-prices; it works without a network.
"""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from spanglass_store.prices.entry import ALWAYS, DAY_MINUTES, Kind, Price, Source, Unit

#: Our word for each of its prices that spans have a count for.
_KINDS: Final = {
    "input_mtok": (Kind.INPUT, Unit.MILLION_TOKENS),
    "cache_read_mtok": (Kind.CACHE_READ, Unit.MILLION_TOKENS),
    "cache_write_mtok": (Kind.CACHE_WRITE, Unit.MILLION_TOKENS),
    "output_mtok": (Kind.OUTPUT, Unit.MILLION_TOKENS),
    "output_reasoning_mtok": (Kind.REASONING, Unit.MILLION_TOKENS),
    "requests_kcount": (Kind.REQUEST, Unit.THOUSAND_REQUESTS),
}
#: What a variant of its prices can ask for that we call a service tier.
_TIERS: Final = ("service_tier", "processing", "speed")
#: OpenTelemetry's names of providers where its rules for them find another or none.
_PROVIDERS: Final = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "gcp.gen_ai": "google",
    "gemini": "google",
    "x_ai": "x-ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}


def digest() -> str:
    """What tells one edition of the catalogue from another, found without loading it."""
    return version("genai-prices")


def find(provider: str, model: str) -> tuple[str, str] | None:
    """The provider and model of the catalogue that are meant, or None.

    Args:
        provider: as a span has it; empty if it has none.
        model: as a span has it: dated, prefixed, of a region.
    """
    snapshot = _snapshot()
    wanted = provider.lower()
    wanted = _PROVIDERS.get(wanted, wanted)
    if not wanted and "/" in model:
        # LiteLLM's way: the provider stands before the model.
        wanted = "litellm"
    # LiteLLM's names have it there also where the provider is known.
    behind = model.partition("/")[2] if wanted else ""
    for name in (model, behind) if behind else (model,):
        try:
            found, info = snapshot.find_provider_model(name, None, wanted or None, None)
        except LookupError:
            continue
        break
    else:
        return None
    # A provider can offer another's models at the other's prices.
    owner = found if any(info is each for each in found.models) else _owner(info)
    return owner.id, info.id


def prices() -> Iterator[Price]:
    """Every price of the catalogue, by the ids that it has for providers and models."""
    for provider in _snapshot().providers:
        for model in provider.models:
            yield from _of_model(provider.id, model)


@cache
def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


def _owner(info: Any) -> Any:
    return next(p for p in _snapshot().providers if any(info is each for each in p.models))


def _of_model(provider: str, model: Any) -> Iterator[Price]:
    from genai_prices.types import ModelPrice

    conditional = model.prices
    if isinstance(conditional, ModelPrice):
        yield from _rows(provider, model.id, conditional, None, "", frozenset())
    else:
        before: frozenset[Kind] = frozenset()
        for each in conditional:
            yield from _rows(provider, model.id, each.prices, each.constraint, "", before)
            if _minutes(each.constraint) == [(0, DAY_MINUTES)]:
                before |= {kind for kind, *_ in _values(each.prices)}
    # Of several variants for one tier the first that counts does, so they are given in reverse.
    seen = set()
    for variant in model.price_variants or ():
        if len(variant.when) != 1 or next(iter(variant.when)) not in _TIERS:
            continue
        tier = next(iter(variant.when.values()))
        rows = _rows(provider, model.id, variant.prices, variant.constraint, tier, frozenset())
        for row in rows:
            key = (tier, row.start_date, row.minute_from, row.token_kind, row.above_tokens)
            if key not in seen:
                seen.add(key)
                yield row


def _rows(
    provider: str, model: str, prices: Any, constraint: Any, tier: str, before: frozenset[Kind]
) -> Iterator[Price]:
    start = getattr(constraint, "start_date", ALWAYS)
    given = list(_values(prices))
    ended = before - {kind for kind, *_ in given}
    for since, until in _minutes(constraint):
        for kind, unit, above, usd in (
            *given,
            *((kind, Unit.MILLION_TOKENS, 0, None) for kind in sorted(ended)),
        ):
            yield Price(
                provider, model, kind,
                usd,
                Unit.THOUSAND_REQUESTS if kind is Kind.REQUEST else unit,
                above, tier, start, since, until, source=Source.CATALOG,
            )  # fmt: skip


def _values(prices: Any) -> Iterator[tuple[Kind, Unit, int, float]]:
    """Kind, unit, threshold and US dollars of what we take over."""
    from genai_prices.types import TieredPrices

    for key, (kind, unit) in _KINDS.items():
        value = getattr(prices, key)
        if isinstance(value, TieredPrices):
            yield kind, unit, 0, float(value.base)
            for tier in value.tiers:
                yield kind, unit, tier.start, float(tier.price)
        elif value is not None:
            yield kind, unit, 0, float(value)


def _minutes(constraint: Any) -> list[tuple[int, int]]:
    """The minutes of the day of a constraint on hours; two ranges where it crosses midnight."""
    begin, end = (getattr(constraint, name, None) for name in ("start_time", "end_time"))
    if begin is None or end is None:
        return [(0, DAY_MINUTES)]
    since, until = begin.hour * 60 + begin.minute, end.hour * 60 + end.minute
    if until < since:
        return [(0, until), (since, DAY_MINUTES)]
    return [(since, until)]
