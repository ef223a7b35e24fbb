"""What requests to a self-hosted model have used: energy, and the price of the boards' time.

Method. The boards' energy counters are cut into slots of time. In each slot, requests share the
energy by the tokens that were worked on for them; what no request was there for is idle.

- Energy between two readings of a counter is spread evenly over the time between them.
- A request's input tokens, less those from a cache, are worked on evenly from its start to its
  first token, its output tokens evenly from there to its end; without a time of the first token
  all of them over its whole life. An input token weighs `INPUT_WEIGHT` of an output token.
- The busy share of a slot is the sum of its requests' times in it, at most all of it. In the rest
  the boards draw what they draw in slots without requests (the 10th percentile of those of the
  same ten minutes), and that is idle.
- Where the engines have generated more tokens in ten minutes than the requests that are known, the
  others were requests that nobody traced. They are taken to be like those that were: they share in
  a slot by the tokens that the engines say they generated then, less the known requests' part.
- Money is the price of the boards' hours, spread likewise; the share of the time that is not busy
  is idle.

So in every slot shares and idle are the slot's energy: the sums balance by construction, whatever
the assumptions do to a single request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.prices.costs import IS_INFERENCE
from spanglass_store.queries.deployments import Deployment

#: An input token's share of an output token's work: prompts are worked on many tokens at once.
INPUT_WEIGHT: Final = 0.1
#: Seconds of a slot, and up to which range of time (seconds) it is used.
_STEPS: Final = ((1, 6 * 3600), (10, 2 * 86_400), (60, 14 * 86_400))
#: Seconds of the longest request, and of the longest time between two readings of a counter.
LONGEST_REQUEST_S: Final = 3600
_LONGEST_GAP_S: Final = 600
#: Slots over which it is measured what boards draw when nothing runs: ten minutes of seconds.
CHUNK: Final = 600
#: By how much more the engines' tokens have to be than the requests': a request is counted when it
#: ends, and tokens of one that was broken off are known to the engine alone.
_UNTRACED: Final = 1.1
#: Hosts of models that run elsewhere, though one of the same name runs here.
_ELSEWHERE: Final = (
    "openai.com", "azure.com", "anthropic.com", "amazonaws.com", "googleapis.com", "mistral.ai",
    "groq.com", "together.xyz", "together.ai", "fireworks.ai", "openrouter.ai", "deepinfra.com",
    "cohere.com", "x.ai", "deepseek.com", "nebius.com", "cerebras.ai", "perplexity.ai",
)  # fmt: skip
#: SQL that is true for a span that calls one of `models` here.
IS_SERVED: Final = (
    "(request_model IN {models:Array(String)} OR response_model IN {models:Array(String)})"
    " AND NOT ("
    + " OR ".join(f"endsWith(lower(attributes['server.address']), '{host}')" for host in _ELSEWHERE)
    + ")"
)

#: A counter's reading, and the one before it, over a window `w`.
_COUNTED: Final = """toUnixTimestamp64Nano(time) AS b,
        toUnixTimestamp64Nano(start_time) AS began, value,
        lagInFrame(b) OVER w AS a, lagInFrame(value) OVER w AS before,
        lagInFrame(began) OVER w AS earlier"""
_HAS_BEFORE: Final = f"a > 0 AND b > a AND b - a <= {_LONGEST_GAP_S} * 1000000000"
#: What it has grown by, and the slots over which that is spread.
_SLICED: Final = """a, b,
        -- One that has begun anew counts from 0; an agent that has does not change the counter.
        if(value < before OR (began != earlier AND began >= a), value, value - before) AS grown,
        arrayJoin(range(toUInt64(intDiv(a, step)), toUInt64(intDiv(b - 1, step)) + 1)) AS slot,
        greatest(0, least(b, (slot + 1) * step) - greatest(a, slot * step)) AS part"""

GroupBy = Literal["service", "environment", "user", "session", "feature", "prompt", "trace", "span"]
_GROUPS: Final[Mapping[str, str]] = {
    "service": "service",
    "environment": "environment",
    "user": "user_id",
    "session": "session_id",
    "feature": "feature",
    "prompt": "prompt_name",
    "trace": "trace_id",
    "span": "concat(trace_id, '/', span_id)",
}


@dataclass(frozen=True)
class Budget:
    """What a deployment's boards have used in a range of time, and for what.

    Attributes:
        energy_j: by the counters, in joules.
        requests_j: shared among requests.
        others_j: shared among requests to other models on the same boards.
        untraced_j: of requests that are known from the engines' counters alone.
        idle_j: the rest.
        usd: price of the boards' time, in US dollars; None where none was given.
        requests_usd: shared among requests.
        others_usd: shared among requests to other models on the same boards.
        untraced_usd: of requests that are known from the engines' counters alone.
        idle_usd: the rest.
        requests: how many were worked on.
        output_tokens: of them.
        boards: whose counters were read.
        measured_s: seconds that the counters cover, of all boards.
    """

    energy_j: float
    requests_j: float
    others_j: float
    untraced_j: float
    idle_j: float
    usd: float | None
    requests_usd: float | None
    others_usd: float | None
    untraced_usd: float | None
    idle_usd: float | None
    requests: int
    output_tokens: int
    boards: int
    measured_s: float


def step_of(start: datetime, end: datetime) -> int:
    """Seconds of a slot.

    Raises:
        StoreError: the range of time is too long.
    """
    seconds = (end - start).total_seconds()
    for step, longest in _STEPS:
        if seconds <= longest:
            return step
    raise StoreError("Energy is shared out over 14 days at most: give a shorter range of time.")


def budget(
    store: Store,
    of: Deployment,
    start: datetime,
    end: datetime,
    input_weight: float = INPUT_WEIGHT,
) -> Budget:
    """Sums over a range of time.

    Args:
        store: as a reader.
        of: deployment.
        start: inclusive.
        end: exclusive.
        input_weight: what an input token weighs beside an output token.

    Raises:
        StoreError: the range of time is too long.
    """
    common, values = energy_queries(store, of, start, end, input_weight)
    row = store.named_row(
        f"WITH {common} SELECT sum(joules) AS energy_j,"
        " sum((joules - rest_j) * own) AS requests_j,"
        " sum((joules - rest_j) * beside) AS others_j,"
        " sum((joules - rest_j) * unknown) AS untraced_j,"
        " sum(rest_j) AS idle_j, sum(money) AS usd,"
        " sum((money - rest_usd) * own) AS requests_usd,"
        " sum((money - rest_usd) * beside) AS others_usd,"
        " sum((money - rest_usd) * unknown) AS untraced_usd,"
        " sum(rest_usd) AS idle_usd, max(boards) AS boards,"
        " sum(measured) AS measured_s,"
        " (SELECT (count(), sum(output)) FROM requests"
        " WHERE is_own AND b > first_slot * step AND a < last_slot * step) AS worked,"
        " worked.1 AS requests, worked.2 AS output_tokens"
        " FROM shared",
        values,
    )
    money = {
        name: float(row[name] or 0) if of.gpu_hour_usd else None
        for name in ("usd", "requests_usd", "others_usd", "untraced_usd", "idle_usd")
    }
    return Budget(
        energy_j=float(row["energy_j"] or 0),
        requests_j=float(row["requests_j"] or 0),
        others_j=float(row["others_j"] or 0),
        untraced_j=float(row["untraced_j"] or 0),
        idle_j=float(row["idle_j"] or 0),
        requests=int(row["requests"] or 0),
        output_tokens=int(row["output_tokens"] or 0),
        boards=int(row["boards"] or 0),
        measured_s=float(row["measured_s"] or 0),
        **money,
    )


def shares(
    store: Store,
    of: Deployment,
    start: datetime,
    end: datetime,
    group_by: GroupBy = "span",
    limit: int = 50,
    input_weight: float = INPUT_WEIGHT,
) -> list[dict[str, Any]]:
    """What each request, user, feature and so on has used, the most first.

    Args:
        store: as a reader.
        of: deployment.
        start: inclusive.
        end: exclusive.
        group_by: what a row is.
        limit: rows at most.
        input_weight: what an input token weighs beside an output token.

    Returns:
        `name`, `energy_j`, `usd` (None without a price), `requests` and `output_tokens`.

    Raises:
        StoreError: the range of time is too long.
    """
    common, values = energy_queries(store, of, start, end, input_weight)
    usd = "sum(paid)" if of.gpu_hour_usd else "NULL"
    return store.query(
        f"WITH {common} SELECT name, sum(j) AS energy_j, {usd} AS usd, count() AS requests,"
        " sum(o) AS output_tokens FROM ("
        f"SELECT key, any({_GROUPS[group_by]}) AS name, any(output) AS o,"
        " sum(weight / total * (joules - rest_j)) AS j,"
        " sum(weight / total * (money - rest_usd)) AS paid"
        " FROM work INNER JOIN shared USING (slot) WHERE total > 0 AND is_own"
        " GROUP BY key)"
        " GROUP BY name ORDER BY energy_j DESC, name LIMIT {limit:UInt32}",
        {**values, "limit": limit},
    ).dicts()


def energy_queries(
    store: Store, of: Deployment, start: datetime, end: datetime, input_weight: float
) -> tuple[str, dict[str, Any]]:
    """The named queries of both answers, `energy`, `work` and `shared`, and their values."""
    step = step_of(start, end)
    # Whole chunks, so that a share is the same whichever range it is asked for in.
    chunk_s = CHUNK * step
    opens = int(start.timestamp()) // chunk_s * chunk_s
    closes = -int(-end.timestamp() // chunk_s) * chunk_s
    database = store.database
    near = (
        f"time >= {{opens:DateTime64(6, 'UTC')}} - INTERVAL {_LONGEST_GAP_S} SECOND"
        f" AND time < {{closes:DateTime64(6, 'UTC')}} + INTERVAL {_LONGEST_GAP_S} SECOND"
    )
    spans = (
        f"{database}.spans FINAL WHERE project = {{project:String}}"
        " AND start_time < {closes:DateTime64(6, 'UTC')}"
        f" AND start_time >= {{opens:DateTime64(6, 'UTC')}} - INTERVAL {LONGEST_REQUEST_S} SECOND"
    )
    common = f"""
{step} * 1000000000 AS step,
intDiv(toUnixTimestamp64Nano(toDateTime64({{start:DateTime64(6, 'UTC')}}, 9)), step) AS first_slot,
intDiv(toUnixTimestamp64Nano(toDateTime64({{end:DateTime64(6, 'UTC')}}, 9)), step) AS last_slot,
readings AS (
    SELECT attributes['hw.id'] AS board, service, {_COUNTED},
        count() OVER (PARTITION BY board, service) AS readings_of_service
    FROM {database}.metrics FINAL
    WHERE project = {{project:String}} AND name = 'hw.energy'
        AND attributes['hw.id'] IN {{boards:Array(String)}} AND {near}
    WINDOW w AS (PARTITION BY board, service ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
),
of_service AS (
    SELECT board, argMax(service, readings_of_service) AS service FROM readings GROUP BY board
),
slices AS (
    -- One board can be read by an agent and by an exporter: whoever read it more often counts.
    SELECT board, {_SLICED} FROM readings
    WHERE (board, service) IN (SELECT board, service FROM of_service) AND {_HAS_BEFORE}
),
energy AS (
    SELECT toInt64(slot) AS slot, sum(grown * part / (b - a)) AS joules,
        sum(part) / 1e9 AS measured, uniqExact(board) AS boards,
        measured * {{price:Float64}} / 3600 AS money
    FROM slices WHERE slot * step >= {opens} * 1000000000 AND slot * step < {closes} * 1000000000
    GROUP BY slot
),
counted AS (
    SELECT {_COUNTED} FROM {database}.metrics FINAL
    WHERE project = {{project:String}} AND name = 'engine.generated_tokens'
        AND concat(resource['host.name'], '/', resource['service.instance.id'])
            IN {{counters:Array(String)}} AND {near}
    WINDOW w AS (PARTITION BY series ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
),
generated AS (
    SELECT toInt64(slot) AS slot, sum(grown * part / (b - a)) AS tokens
    FROM (SELECT {_SLICED} FROM counted WHERE {_HAS_BEFORE}) GROUP BY slot
),
requests AS (
    SELECT cityHash64(trace_id, span_id) AS key, trace_id, span_id, service, environment,
        user_id, session_id, feature, prompt_name, ifNull(output_tokens, 0) AS output,
        toUnixTimestamp64Nano(start_time) AS a,
        least(a + greatest(toInt64(duration_ns), 1), a + {LONGEST_REQUEST_S} * 1000000000) AS b,
        time_to_first_token_s IS NOT NULL AS knows_first,
        least(b, a + toInt64(ifNull(time_to_first_token_s, 0) * 1e9)) AS first,
        {{input_weight:Float64}} * greatest(0, toInt64(ifNull(input_tokens, 0))
            - toInt64(ifNull(cache_read_tokens, 0))) AS work_in,
        request_model = {{model:String}} OR response_model = {{model:String}} AS is_own,
        -- One whose tokens are not known counts as one of a single token.
        if(work_in + output = 0, 1., toFloat64(output)) AS work_out
    FROM {spans} AND {IS_INFERENCE}
        AND {IS_SERVED}
        AND cityHash64(trace_id, span_id) NOT IN (
            SELECT cityHash64(trace_id, parent_span_id) FROM {spans} AND {IS_INFERENCE}
                AND parent_span_id != '')
),
work AS (
    SELECT *, arrayJoin(range(toUInt64(intDiv(a, step)), toUInt64(intDiv(b - 1, step)) + 1)) AS at,
        toInt64(at) AS slot, slot * step AS opens, opens + step AS ends,
        greatest(0, least(b, ends) - greatest(a, opens)) AS inside,
        greatest(0, least(first, ends) - greatest(a, opens)) AS inside_in,
        greatest(0, least(b, ends) - greatest(first, opens)) AS inside_out,
        if(knows_first,
            work_in * if(first > a, inside_in / (first - a), opens <= a)
            + work_out * if(b > first, inside_out / (b - first), ends >= b AND opens < b),
            (work_in + work_out) * inside / (b - a)) AS weight,
        output * if(knows_first AND b > first, inside_out / (b - first), inside / (b - a)) AS made
    FROM requests
),
busy AS (
    SELECT slot, sum(weight) AS known, sumIf(weight, is_own) AS known_own,
        sum(made) AS known_tokens, least(1, sum(inside) / step) AS share
    FROM work GROUP BY slot
),
both AS (
    SELECT energy.slot AS slot, intDiv(slot, {CHUNK}) AS chunk, joules, measured, money, boards,
        busy.known AS known, busy.known_own AS known_own, busy.known_tokens AS known_tokens,
        busy.share AS known_share, generated.tokens AS tokens
    FROM energy LEFT JOIN busy ON energy.slot = busy.slot
        LEFT JOIN generated ON energy.slot = generated.slot
),
untraced AS (
    SELECT chunk, sum(tokens) AS of_engines, sum(known_tokens) AS of_requests,
        -- Work that went with each token that is not known of.
        if(of_engines > {_UNTRACED} * of_requests, 1 - of_requests / of_engines, 0)
            * if(of_requests > 0, sum(known) / of_requests, 1) AS work_of_token
    FROM both GROUP BY chunk
),
joined AS (
    SELECT slot, chunk, joules, measured, money, boards, tokens * work_of_token AS others,
        known + others AS total, if(total = 0, 0, known_own / total) AS own,
        if(total = 0, 0, (known - known_own) / total) AS beside,
        if(total = 0, 0, others / total) AS unknown, if(others > 0, 1, known_share) AS share
    FROM both INNER JOIN untraced USING (chunk)
),
idle AS (
    SELECT chunk,
        ifNotFinite(quantileIf(0.1)(joules / measured, total = 0 AND measured > 0), 0) AS power
    FROM joined GROUP BY chunk
),
shared AS (SELECT slot, joules, measured, money, boards, total, own, beside,
    unknown, if(total = 0, joules, least(joules, power * measured * (1 - share))) AS rest_j,
    if(total = 0, money, money * (1 - share)) AS rest_usd
    FROM joined INNER JOIN idle USING (chunk) WHERE slot >= first_slot AND slot < last_slot)"""
    return common, {
        "project": of.project,
        "model": of.model,
        "models": list(of.models),
        "boards": list(of.boards),
        "counters": list(of.counters),
        "price": of.gpu_hour_usd,
        "start": start,
        "end": end,
        "opens": datetime.fromtimestamp(opens, UTC),
        "closes": datetime.fromtimestamp(closes, UTC),
        "input_weight": input_weight,
    }
