"""Files of prices: what they say, and what is wrong with them."""

from datetime import date

import pytest

from spanglass_store.prices.entry import ALWAYS, Kind, Unit
from spanglass_store.prices.file import PriceFileError, parse

HEAD = '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\n'


def test_every_field() -> None:
    prices = parse(
        HEAD + 'project = "shop"\nservice_tier = "batch"\nstart = 2026-01-01\nend = 2026-02-01\n'
        "input = 1\noutput = 2.5\nrequest = 0.01\ntiers = [{above = 200000, input = 2}]\n"
        + HEAD
        + 'project = "shop"\nservice_tier = "batch"\nstart = 2026-02-01\nunit = "thousand_tokens"\n'
        "input = 0.002\n",
        "prices.toml",
    )
    said = {
        (p.token_kind, p.usd, p.unit, p.above_tokens, p.start_date)
        for p in prices
        if (p.project, p.provider, p.model, p.service_tier) == ("shop", "openai", "gpt-4o", "batch")
    }
    first = date(2026, 1, 1)
    assert said == {
        (Kind.INPUT, 1.0, Unit.MILLION_TOKENS, 0, first),
        (Kind.OUTPUT, 2.5, Unit.MILLION_TOKENS, 0, first),
        (Kind.REQUEST, 0.01, Unit.REQUEST, 0, first),
        (Kind.INPUT, 2.0, Unit.MILLION_TOKENS, 200_000, first),
        (Kind.INPUT, 0.002, Unit.THOUSAND_TOKENS, 0, date(2026, 2, 1)),
    }
    assert parse('[[price]]\nmodel = "m"\ninput = 1\n', "f")[0].start_date == ALWAYS


def test_hours_of_gpus_are_shared_by_the_calls_that_run_at_once() -> None:
    (price,) = parse('[[price]]\nmodel = "m"\ngpu_hour = 3\ngpus = 4\nconcurrency = 8\n', "f")
    assert (price.token_kind, price.usd, price.unit) == (Kind.GPU_HOUR, 1.5, Unit.HOUR)


def test_yaml_says_the_same_as_toml() -> None:
    toml = HEAD + "start = 2026-01-01\ninput = 1\ntiers = [{above = 5, input = 2}]\n"
    yaml = (
        "price:\n  - provider: openai\n    model: gpt-4o\n    start: 2026-01-01\n    input: 1\n"
        "    tiers:\n      - {above: 5, input: 2}\n"
    )
    assert parse(yaml, "prices.yaml") == parse(toml, "prices.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("price: [", "f.yml: this is no YAML"),
        ("", "f.yml: there are no prices"),
        ("- 1", "f.yml: there are no prices"),
        ("a: &a {}\nprice: [*a]", "aliases are not read here"),
        ("price: [!!python/name:os.system {}]", "this is no YAML"),
        ("price:\n- model: m\n  input: 1\n  input: 2", "line 4: 'input' is there twice"),
        ("price:\n- model: m\n  input: 1\n- model: m\n  input: 2",
         "f.yml, line 4, entry 2: it starts on 1970-01-01, where entry 1 still counts"),
        ("price:\n- model: m\n  currency: EUR\n  input: 1", "the currency 'EUR' is unknown"),
        ("price:\n- model: 4\n  input: 1", "model has to be a text in quotes"),
        ("price:\n- 1: 2", "there is no 1"),
        ("price: " + "[" * 2000, "this is no YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_yaml_is_said_in_a_line(text: str, said: str) -> None:
    with pytest.raises(PriceFileError) as error:
        parse(text, "f.yml")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("price = [", "f: this is no TOML"),
        ("", "f: there are no prices"),
        ("[[prices]]\nmodel = 'm'", "there is no 'prices'"),
        (HEAD + "input = 1\ncolour = 2", "f, line 1, entry 1: there is no 'colour'"),
        ("\n\n[[price]]\ninput = 1", "f, line 3, entry 1: say which model"),
        (HEAD, "entry 1: it has no price"),
        (HEAD + 'unit = "barrel"\ninput = 1', "entry 1: the unit 'barrel' is unknown"),
        (HEAD + 'unit = "request"\ninput = 1', "input can't be priced by the unit request"),
        (HEAD + 'currency = "EUR"\ninput = 1', "the currency 'EUR' is unknown"),
        (HEAD + "input = -1", "input = -1 is no price"),
        (HEAD + "input = nan", "input = nan is no price"),
        (HEAD + 'input = "1"', "input = '1' is no price"),
        (HEAD + "input = true", "input = True is no price"),
        (HEAD + 'start = "2026-01-01"\ninput = 1', "start has to be a day"),
        (HEAD + "start = 1960-01-01\ninput = 1", "start has to lie between"),
        (HEAD + "start = 2026-02-01\nend = 2026-01-01\ninput = 1", "it ends on 2026-01-01"),
        (
            HEAD + "end = 2026-01-01\ninput = 1",
            "nothing prices the model from 2026-01-01 on (a gap)",
        ),
        (
            HEAD + "end = 2026-01-01\ninput = 1\n" + HEAD + "start = 2026-02-01\ninput = 1",
            "f, line 6, entry 2: nothing prices the model from 2026-01-01 to 2026-02-01 (a gap)",
        ),
        (
            HEAD + "end = 2026-03-01\ninput = 1\n" + HEAD + "start = 2026-02-01\ninput = 1",
            "line 6, entry 2: it starts on 2026-02-01, where entry 1 still counts (an overlap)",
        ),
        (HEAD + "input = 1\n" + HEAD + "input = 2", "where entry 1 still counts (an overlap)"),
        (HEAD + "gpu_hour = 1\ngpus = 0", "gpus = 0 has to be a number above 0"),
        (HEAD + "input = 1\nconcurrency = 2", "concurrency needs `gpu_hour`"),
        (HEAD + 'unit = "hour"\ninput = 1', "input can't be priced by the unit hour"),
        (HEAD + "gpu_hour = 1\ntiers = [{above = 1, gpu_hour = 2}]", "there is no 'gpu_hour' in"),
        (HEAD + "input = 1\ntiers = [{input = 2}]", "each of tiers needs `above`"),
        (
            HEAD + "input = 1\ntiers = [{above = 5, input = 2}, {above = 5, input = 3}]",
            "two tiers begin above 5 tokens (an overlap)",
        ),
        (
            HEAD + "input = 1\ntiers = [{above = 5, output = 2}]",
            "output has a price above 5 tokens",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(text: str, said: str) -> None:
    with pytest.raises(PriceFileError) as error:
        parse(text, "f")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
