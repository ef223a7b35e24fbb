"""Which price counts: by date, tier, project and source."""

from datetime import date

from spanglass_store.prices import catalog
from spanglass_store.prices.book import PriceBook, Schedule
from spanglass_store.prices.entry import Kind, Price, Source


def book(*prices: Price) -> PriceBook:
    return PriceBook(prices, lambda provider, model: ("openai", "gpt") if "gpt" in model else None)


def inputs(schedule: Schedule) -> list[tuple[str, float]]:
    return [(str(entry[0]), entry[5]) for entry in schedule.entries]


def test_a_price_counts_from_its_start_and_for_every_name_of_the_model() -> None:
    made = book(
        Price("openai", "gpt", Kind.INPUT, 2.0, source=Source.CATALOG),
        Price("openai", "gpt", Kind.INPUT, 1.0, start_date=date(2026, 5, 1), source=Source.CATALOG),
    )
    schedule = made.schedule(("", "azure", "gpt-2026", ""))
    assert inputs(schedule) == [("1970-01-01", 2.0), ("2026-05-01", 1.0)]
    assert (schedule.provider, schedule.model) == ("openai", "gpt")


def test_ones_own_price_goes_first_and_leaves_the_others() -> None:
    made = book(
        Price("openai", "gpt", Kind.INPUT, 2.0, source=Source.CATALOG),
        Price("openai", "gpt", Kind.OUTPUT, 8.0, source=Source.CATALOG),
        Price("openai", "gpt", Kind.INPUT, 1.0, service_tier="batch", source=Source.CATALOG),
        Price("openai", "gpt", Kind.INPUT, 1.5, source=Source.FILE),
        Price("", "gpt", Kind.INPUT, 1.2, source=Source.COMMAND),
        Price("openai", "gpt", Kind.INPUT, 0.5, project="shop", source=Source.FILE),
    )
    assert inputs(made.schedule(("", "openai", "gpt-x", ""))) == [("1970-01-01", 1.2)]
    assert inputs(made.schedule(("", "openai", "gpt-x", "batch"))) == [("1970-01-01", 1.2)]
    shop = made.schedule(("shop", "openai", "gpt-x", ""))
    assert inputs(shop) == [("1970-01-01", 0.5)]
    assert shop.entries[0][8] == 8.0
    assert made.projects("openai", "gpt-x") == {"shop"}


def test_a_beginning_prices_every_name_that_has_it() -> None:
    made = book(
        Price("openai", "gpt", Kind.INPUT, 2.0, source=Source.CATALOG),
        Price("", "ft:*", Kind.INPUT, 5.0),
        Price("openai", "ft:gpt-4.1-*", Kind.INPUT, 3.0),
        Price("openai", "ft:gpt-4.1-mini:shop::1", Kind.INPUT, 1.0),
    )
    for name, usd in (
        ("ft:gpt-4.1-mini:shop::1", 1.0), ("ft:gpt-4.1-nano:shop::2", 3.0), ("ft:gpt-4o:x", 5.0),
        ("gpt-4o", 2.0),
    ):  # fmt: skip
        assert inputs(made.schedule(("", "openai", name, ""))) == [("1970-01-01", usd)], name
    assert inputs(made.schedule(("", "azure", "ft:gpt-4.1-x", ""))) == [("1970-01-01", 5.0)]


def test_what_is_unknown_has_no_price() -> None:
    schedule = book().schedule(("", "vllm", "mine", ""))
    assert not schedule.is_priced
    assert schedule.entries[0][4] is False


def test_names_as_they_come_are_found_in_the_catalogue() -> None:
    for provider, model, found in (
        ("openai", "gpt-4o-2024-08-06", ("openai", "gpt-4o")),
        ("", "gpt-4o", ("openai", "gpt-4o")),
        ("", "openai/gpt-4o", ("openai", "gpt-4o")),
        ("litellm", "openai/gpt-4o", ("openai", "gpt-4o")),
        ("openrouter", "openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("openai", "openai/gpt-4o-mini", ("openai", "gpt-4o-mini")),
        ("gcp.vertex_ai", "vertex_ai/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("azure.ai.openai", "azure/gpt-4o", ("openai", "gpt-4o")),
        ("vllm", "openai/gpt-4o", None),
        ("azure.ai.openai", "gpt-4o", ("openai", "gpt-4o")),
        ("gcp.gen_ai", "gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", ("google", "claude-sonnet-4-5")),
        ("mistral_ai", "mistral-large-latest", ("mistral", "mistral-large")),
        ("vllm", "gpt-4o", None),
        ("openai", "no-such-model", None),
    ):
        assert catalog.find(provider, model) == found, (provider, model)
    _, bedrock = catalog.find("aws.bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0") or (
        "",
        "",
    )
    assert "claude-3-5-sonnet" in bedrock
