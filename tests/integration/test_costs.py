"""What calls cost: where they arrive, against genai-prices, and when prices change."""

import random
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector import dialects
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.prices.desk import PriceDesk, unknown
from spanglass_store.prices.entry import Kind, Price, Unit, hourly
from spanglass_store.prices.recompute import Progress, recompute
from spanglass_store.queries.cost import CostFilter, cost
from support import otlp
from support.costs import costs, insert, trace_costs
from support.embedded import EmbeddedStore

ALL = CostFilter(datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
MILLION = 1_000_000


@pytest.fixture(scope="module")
def desk(embedded_store: EmbeddedStore) -> PriceDesk:
    made = PriceDesk(embedded_store.owner)
    made.load()
    return made


@pytest.fixture
def owner(embedded_store: EmbeddedStore, desk: PriceDesk) -> Store:
    return embedded_store.owner


def call(model: str, tokens: tuple[int, int] = (MILLION, 0), **fields: Any) -> Span:
    attrs = {"gen_ai.request.model": model, "gen_ai.provider.name": "openai"}
    return otlp.chat_span(*tokens, attrs | fields.pop("attrs", {}), **fields)


def test_a_thousand_usages_cost_what_genai_prices_says(owner: Store, unique: str) -> None:
    rng = random.Random(5)
    snapshot = get_snapshot()
    models = [(p, m) for p in snapshot.providers for m in p.models]
    changing = [
        (p, m) for p, m in models if m.price_variants or not hasattr(m.prices, "calc_price")
    ]
    # A few days on which prices change, and those before.
    starts = sorted({
        each.constraint.start_date
        for _, m in changing
        if isinstance(m.prices, list)
        for each in m.prices
        if hasattr(each.constraint, "start_date")
    })  # fmt: skip
    days = [day - timedelta(days=n) for day in rng.sample(starts, 6) for n in (0, 1)]
    spans, expected = [], {}
    for _ in range(1200):
        provider, model = rng.choice(changing if rng.random() < 0.6 else models)
        moment = datetime.combine(rng.choice(days), datetime.min.time(), UTC)
        moment += timedelta(minutes=rng.randrange(24 * 60))
        given = rng.choice((20_000, 150_000, 199_999, 200_000, 200_001, 272_001, 900_000))
        read, written = rng.randrange(given // 2), rng.choice((0, rng.randrange(given // 2)))
        out = rng.randrange(50_000)
        reasoned = rng.choice((0, rng.randrange(out + 1)))
        tier = rng.choice(("", "", "batch", "priority", "flex", "default"))
        attrs = {
            "gen_ai.provider.name": provider.id,
            "gen_ai.request.model": model.id,
            "gen_ai.usage.cache_read.input_tokens": read,
            "gen_ai.usage.cache_creation.input_tokens": written,
            "gen_ai.usage.reasoning.output_tokens": reasoned,
        } | ({"openai.response.service_tier": tier} if tier else {})
        span = otlp.chat_span(given, out, attrs, start=int(moment.timestamp()) * 10**9)
        spans.append(span)
        usage = Usage(
            input_tokens=given, output_tokens=out, cache_read_tokens=read,
            cache_write_tokens=written, output_reasoning_tokens=reasoned,
        )  # fmt: skip
        context = {"service_tier": tier, "processing": tier} if tier else None
        expected[span.span_id.hex()] = model.calc_price(
            usage, provider, genai_request_timestamp=moment, price_context=context
        )
    insert(owner, unique, spans, unique)
    PriceDesk(owner).attend()  # service tiers that the catalogue does not know for a model
    found = costs(owner, unique)
    assert len(found) == len(expected)
    for span_id, wanted in expected.items():
        row = found[span_id]
        if row["source"] == "unknown":
            # Priced by what spans do not count: hours of audio, searches.
            assert wanted.total_price == 0, (wanted, row)
            continue
        assert row["source"] == "priced"
        said = (row["cost_usd"], row["input_cost_usd"], row["output_cost_usd"])
        exact = (wanted.total_price, wanted.input_price, wanted.output_price)
        assert said == pytest.approx([float(each) for each in exact], rel=1e-9, abs=1e-12), wanted
    assert sum(row["source"] == "priced" for row in found.values()) > 1000


def test_what_a_span_reports_goes_first(owner: Store, unique: str) -> None:
    reported = call("gpt-4o", attrs={"spanglass.reported_cost_usd": 0.25})
    other = call("gpt-4o", attrs={"gen_ai.usage.cost": 0.5})
    wrong = call("gpt-4o", attrs={"gen_ai.usage.cost": -1})
    # OpenLIT, where it could not fetch its prices; ours is meant as it is said.
    unpriced = call("gpt-4o", attrs={"gen_ai.usage.cost": 0})
    free = call("gpt-4o", attrs={"spanglass.reported_cost_usd": 0})
    guessed = call("gpt-4o", attrs={"spanglass.tokens_estimated": True})
    uncounted = otlp.span("chat", attrs={
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    })  # fmt: skip
    agent = call("gpt-4o", attrs={"gen_ai.operation.name": "invoke_agent"})
    plain = otlp.span("work")
    spans = (reported, other, wrong, unpriced, free, guessed, uncounted, agent, plain)
    insert(owner, unique, spans, unique)
    found = costs(owner, unique)
    said = [(found[s.span_id.hex()]["source"], found[s.span_id.hex()]["cost_usd"]) for s in spans]
    assert said == [
        ("reported", 0.25), ("reported", 0.5), ("priced", 2.5), ("priced", 2.5),
        ("reported", 0), ("estimated", 2.5),
        ("unknown", None), ("unknown", None), ("unknown", None),
    ]  # fmt: skip


def test_more_cached_tokens_than_there_are_cost_no_less_than_nothing(
    owner: Store, unique: str
) -> None:
    odd = call("gpt-4o", (10, 5), attrs={
        "gen_ai.usage.cache_read.input_tokens": (1 << 63) - 1,
        "gen_ai.usage.reasoning.output_tokens": 10**9,
    })  # fmt: skip
    insert(owner, unique, [odd], unique)
    row = costs(owner, unique)[odd.span_id.hex()]
    assert row["input_cost_usd"] == pytest.approx(10 * 1.25e-6)
    assert row["output_cost_usd"] == pytest.approx(5 * 10e-6)


def test_a_name_that_is_new_is_looked_up_and_its_spans_are_charged(
    owner: Store, unique: str
) -> None:
    # Dated by us: nobody has seen this name before, and the catalogue's rules know the model.
    dated = call(f"ft:gpt-4o-mini-2024-07-18:{unique}")
    own = call(f"mine-{unique}")
    insert(owner, unique, [dated, own], unique)
    assert {row["source"] for row in costs(owner, unique).values()} == {"unknown"}
    desk = PriceDesk(owner)
    assert desk.attend() >= 2
    found = costs(owner, unique)
    assert found[dated.span_id.hex()]["source"] == "priced"
    assert found[own.span_id.hex()]["source"] == "unknown"
    assert trace_costs(owner, unique)[dated.trace_id.hex()] > 0
    assert desk.attend() == 0
    since = datetime(2026, 1, 1, tzinfo=UTC)
    listed = [row for row in unknown(owner, since) if row["project"] == unique]
    assert [(row["model"], row["calls"], row["input_tokens"]) for row in listed] == [
        (f"mine-{unique}", 1, MILLION)
    ]


def test_spans_that_come_while_their_name_is_looked_up_are_charged(
    owner: Store, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = f"ft:gpt-4o-mini-2024-07-18:{unique}"
    day = 86_400 * 10**9
    early, late = call(model), call(model, start=time.time_ns() - 3 * day)
    insert(owner, unique, [early], unique)
    desk = PriceDesk(owner)
    look_up = desk._look_up

    def while_another_comes(fresh: Any) -> None:
        insert(owner, unique, [late], f"{unique}-late")
        look_up(fresh)

    monkeypatch.setattr(desk, "_look_up", while_another_comes)
    assert desk.attend() >= 1
    assert {row["source"] for row in costs(owner, unique).values()} == {"priced"}


def test_a_call_that_failed_before_any_token_has_no_price_to_miss(
    owner: Store, unique: str
) -> None:
    attrs = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    failed = otlp.span("chat", attrs=attrs, error="429")
    silent = otlp.span("chat", attrs=attrs)
    insert(owner, unique, [failed, silent], unique)
    total = cost(owner, replace(ALL, project=unique), "model")["total"]
    assert (total["calls"], total["unknown_calls"]) == (2, 1)


def test_charging_that_was_interrupted_is_made_up_for(owner: Store, unique: str) -> None:
    model = f"ft:gpt-4o-mini-2024-07-18:{unique}"
    span = call(model)
    insert(owner, unique, [span], unique)
    desk = PriceDesk(owner)
    desk._look_up({("openai", model, ""): (date(2026, 1, 1), date(2026, 1, 1))})
    assert costs(owner, unique)[span.span_id.hex()]["source"] == "unknown"
    PriceDesk(owner).attend()
    assert costs(owner, unique)[span.span_id.hex()]["source"] == "priced"


def test_prices_change_for_stored_spans_and_traces_once_and_again(
    owner: Store, desk: PriceDesk, unique: str
) -> None:
    span = call(f"m-{unique}")
    other = call(f"m-{unique}")
    trace = span.trace_id.hex()
    insert(owner, unique, [span], unique)
    insert(owner, f"{unique}-other", [other], f"{unique}-other")
    desk.attend()

    def state() -> tuple[Any, ...]:
        row = costs(owner, unique)[span.span_id.hex()]
        return row["source"], row["cost_usd"], trace_costs(owner, unique)[trace]

    for usd in (3.0, 1.0):
        desk.set([Price("", f"m-{unique}", Kind.INPUT, usd, project=unique)])
        steps: list[Progress] = []
        # A span that was sent twice is there twice until parts are merged.
        total = recompute(owner, models=[f"m-{unique}"], report=steps.append)
        assert [(step.done, step.total) for step in steps] == [(total, total)]
        assert state() == ("priced", usd, usd)
        assert recompute(owner, models=[f"m-{unique}"]) == 0
        # A sender that saw no answer sends it again.
        insert(owner, unique, [span], f"{unique}-{usd}")
        assert state() == ("priced", usd, usd)
    assert costs(owner, f"{unique}-other")[other.span_id.hex()]["source"] == "unknown"
    assert desk.unset(unique, "", f"m-{unique}") == 1
    recompute(owner, models=[f"m-{unique}"])
    assert state() == ("unknown", None, 0)
    assert desk.unset(unique, "", f"m-{unique}") == 0


def test_a_range_of_days_is_charged_anew_and_no_other(
    owner: Store, desk: PriceDesk, unique: str
) -> None:
    day = 86_400 * 10**9
    noon = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()) * 10**9
    spans = [call(f"m-{unique}", start=noon + n * day) for n in range(3)]
    insert(owner, unique, spans, unique)
    desk.attend()
    desk.set([Price("", f"m-{unique}", Kind.INPUT, 1.0)])
    assert desk.recompute(date(2026, 3, 11), date(2026, 3, 11)) == 1
    found = costs(owner, unique)
    assert [found[s.span_id.hex()]["source"] for s in spans] == ["unknown", "priced", "unknown"]
    # One at a time, as if there were more than memory holds.
    assert recompute(owner, models=[f"m-{unique}"], at_once=1) == 2
    assert {row["cost_usd"] for row in costs(owner, unique).values()} == {1.0}
    assert owner.query("SELECT total_rows FROM system.tables WHERE name = 'new_costs'").rows == [
        (0,)
    ]


def test_prices_have_dates_tiers_and_owners(owner: Store, desk: PriceDesk, unique: str) -> None:
    name = f"m-{unique}"
    desk.set([
        Price("", name, Kind.INPUT, 1.0),
        Price("", name, Kind.INPUT, 2.0, above_tokens=MILLION),
        Price("", name, Kind.INPUT, 8.0, start_date=date(2026, 6, 1)),
        Price("", name, Kind.INPUT, 0.5, service_tier="batch"),
        Price("", name, Kind.REQUEST, 0.01),
    ])  # fmt: skip

    def at(month: int) -> int:
        return int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) * 10**9

    tier = {"openai.response.service_tier": "batch"}
    spans = [
        call(name, start=at(5)), call(name, (MILLION + 1, 0), start=at(5)),
        call(name, start=at(6) - 1), call(name, start=at(6)),
        call(name, start=at(5), attrs=tier),
    ]  # fmt: skip
    insert(owner, unique, spans, unique)
    desk.attend()
    found = costs(owner, unique)
    said = [found[s.span_id.hex()]["cost_usd"] for s in spans]
    assert said == pytest.approx([1.01, 2.010002, 1.01, 8.01, 0.51])


def test_an_engines_span_joins_the_callers_trace_and_is_not_counted_again(
    owner: Store, unique: str
) -> None:
    client = call("gpt-4o", (MILLION, 20), duration=3 * otlp.SECOND)
    latencies = {"time_in_queue": 0.02, "time_to_first_token": 0.35, "e2e": 2.5}
    usage = {"prompt_tokens": MILLION, "completion_tokens": 20, "cached_tokens": 64}
    engine = otlp.span(
        "llm_request", trace=client.trace_id, parent=client.span_id, duration=2 * otlp.SECOND,
        kind=Span.SPAN_KIND_SERVER,
        attrs={
            "gen_ai.response.model": "gpt-4o", "gen_ai.request.id": "cmpl-1",
            **{f"gen_ai.latency.{name}": value for name, value in latencies.items()},
            **{f"gen_ai.usage.{name}": value for name, value in usage.items()},
        },
    )  # fmt: skip
    request = otlp.request(engine, scope=InstrumentationScope(name="vllm.llm_engine"))
    assert dialects.may_apply(request.SerializeToString())
    assert dialects.apply(request)
    insert(owner, unique, [client, *otlp.all_spans(request)], unique)
    (row,) = owner.query(
        "SELECT spans, input_tokens, output_tokens, cost_usd FROM spanglass.traces FINAL"
        " WHERE project = {p:String}",
        {"p": unique},
    ).rows
    assert row == (2, MILLION, 20, pytest.approx(2.5002))
    (total,) = cost(owner, CostFilter(ALL.start, ALL.end, project=unique), "model")["groups"]
    assert (total["calls"], total["input_tokens"]) == (1, MILLION)
    (of_engine,) = owner.query(
        "SELECT input_tokens, output_tokens, cache_read_tokens, time_to_first_token_s, operation"
        " FROM spanglass.spans WHERE project = {p:String} AND span_id = {s:String}",
        {"p": unique, "s": engine.span_id.hex()},
    ).rows
    assert of_engine == (MILLION, 20, 64, 0.35, "")


def test_a_model_on_ones_own_gpus_costs_the_time_it_takes(
    owner: Store, desk: PriceDesk, unique: str
) -> None:
    name = f"m-{unique}"
    desk.set([
        Price("", f"{name}*", Kind.GPU_HOUR, hourly(3.0, gpus=4, concurrency=8), Unit.HOUR),
        Price("", f"{name}-b*", Kind.INPUT, 2.0),
    ])  # fmt: skip
    minute = 60 * otlp.SECOND
    uncounted = otlp.span("chat", duration=6 * minute, attrs={
        "gen_ai.operation.name": "chat", "gen_ai.request.model": f"{name}-a",
    })  # fmt: skip
    counted = call(f"{name}-b", duration=12 * minute)
    insert(owner, unique, [uncounted, counted], unique)
    desk.attend()
    found = costs(owner, unique)
    row = found[uncounted.span_id.hex()]
    assert (row["source"], row["cost_usd"]) == ("estimated", pytest.approx(0.15))
    assert row["input_cost_usd"] == row["output_cost_usd"] == 0
    row = found[counted.span_id.hex()]
    assert (row["source"], row["cost_usd"]) == ("estimated", pytest.approx(2.3))


def test_agents_and_chains_repeat_what_their_calls_cost(owner: Store, unique: str) -> None:
    trace = otlp.trace_id()
    agent = call("gpt-4o", (2 * MILLION, 0), trace=trace, attrs={
        "gen_ai.operation.name": "invoke_agent",
    })  # fmt: skip
    chain = call("gpt-4o", (2 * MILLION, 0), trace=trace, parent=agent.span_id)
    calls = [
        call("gpt-4o", trace=trace, parent=chain.span_id, attrs={
            "user.id": f"user-{n}", "spanglass.feature": "search", "spanglass.tags": ["a", "b"],
            "session.id": "s", "gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "7",
        })
        for n in range(2)
    ]  # fmt: skip
    insert(owner, unique, [agent, chain, *calls], unique)
    assert trace_costs(owner, unique) == {trace.hex(): pytest.approx(5.0)}
    which = CostFilter(ALL.start, ALL.end, project=unique)
    by_user = cost(owner, which, "user", "day")
    assert by_user["total"]["cost_usd"] == pytest.approx(5.0)
    assert by_user["total"]["calls"] == 2
    assert [(g["name"], g["cost_usd"], len(g["series"])) for g in by_user["groups"]] == [
        ("user-0", 2.5, 1), ("user-1", 2.5, 1),
    ]  # fmt: skip
    assert [(g["name"], g["calls"]) for g in cost(owner, which, "tag")["groups"]] == [
        ("a", 2), ("b", 2),
    ]  # fmt: skip
    (first,) = cost(owner, which, "user", limit=1)["groups"]
    assert first["name"] == "user-0"
    assert cost(owner, which, "user", limit=1)["others"]["cost_usd"] == pytest.approx(2.5)
    for group, name in {
        "project": unique, "service": "tests", "model": "gpt-4o", "session": "s",
        "feature": "search", "prompt": "answer", "prompt_version": "answer:7",
    }.items():  # fmt: skip
        (only,) = cost(owner, which, group)["groups"]  # type: ignore[arg-type]
        assert (only["name"], only["cost_usd"]) == (name, pytest.approx(5.0))


def test_one_recompute_at_a_time(desk: PriceDesk) -> None:
    with desk._recomputes, pytest.raises(StoreError, match="already"):
        desk.start_recompute()
