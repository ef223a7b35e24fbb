"""Answers about providers, engines and their boards as views, for people's SQL.

What follows from readings by rules (`saturation`) follows from the same thresholds as in the API. A
view reads tables as whoever asks: the filters of projects are those of the tables. They hold no
data, and are made anew at every start.
"""

from collections.abc import Mapping
from typing import Final

from spanglass_detectors import saturation as limits
from spanglass_store.prices.costs import IS_INFERENCE

_ENGINE: Final = (
    "resource['host.name'] AS host, resource['service.instance.id'] AS instance,"
    " resource['engine.name'] AS engine"
)
#: Attributes of an engine's resource that say how it is set up.
FACTS: Final = (
    "engine.version", "engine.model", "engine.quantization", "engine.dtype",
    "engine.tensor_parallel_size", "engine.max_sequences", "engine.max_model_length",
    "engine.kv_cache_dtype",
)  # fmt: skip
_MODEL: Final = (
    "if(attributes['gen_ai.request.model'] != '', attributes['gen_ai.request.model'],"
    " resource['gen_ai.request.model'])"
)
#: Counters that an engine has from its beginning.
_FROM_BEGINNING: Final = (
    "('engine.prompt_tokens', 'engine.generated_tokens', 'engine.requests_finished')"
)
#: Minutes between two readings, beyond which nobody has watched.
_WATCHED_MIN: Final = 10
#: Starts that say how long the next one will take.
_RECENT: Final = "time >= now() - INTERVAL 7 DAY AND start_time >= now() - INTERVAL 7 DAY"


def starts(database: str, where: str) -> str:
    """A query: when engines began, and how long it was until they answered.

    Args:
        database: where.
        where: which readings of their counters are looked at.
    """
    return f"""
SELECT s.project AS project, s.host AS host, s.instance AS instance, s.engine AS engine,
    s.model AS model, s.started_at AS started_at, s.ready_at AS ready_at,
    -- Who began to watch later does not know when it was ready.
    u.time > toDateTime64(0, 9, 'UTC') AND s.ready_at - u.time <= {_WATCHED_MIN * 60} AS is_watched,
    if(is_watched, toFloat64(toUnixTimestamp64Nano(s.ready_at)
        - toUnixTimestamp64Nano(s.started_at)) / 1e9, NULL) AS seconds_to_ready
FROM (
    SELECT project, resource['host.name'] AS host, resource['service.instance.id'] AS instance,
        any(resource['engine.name']) AS engine, max({_MODEL}) AS model, start_time AS started_at,
        min(time) AS ready_at
    FROM {database}.metrics FINAL
    WHERE name IN {_FROM_BEGINNING} AND resource['engine.url'] != ''
        AND start_time > toDateTime64(0, 9, 'UTC') AND {where}
    GROUP BY project, host, instance, started_at
) AS s ASOF LEFT JOIN (
    SELECT project, resource['host.name'] AS host, resource['service.instance.id'] AS instance, time
    FROM {database}.metrics FINAL WHERE name = 'engine.up' AND resource['engine.url'] != ''
) AS u ON u.project = s.project AND u.host = s.host AND u.instance = s.instance
    AND u.time < s.ready_at"""


_WAITS: Final = f"ifNull(waiting >= {limits.WAITING}, false)"
#: What holds an engine back, over the columns of `engine_hours`: `saturation()` in SQL.
BINDS: Final = f"""multiIf(
    waiting IS NULL AND utilization IS NULL AND kv_usage IS NULL, 'unknown',
    ({_WAITS} AND ifNull(kv_usage >= {limits.KV_FULL}, false)) OR ifNull(preemptions, 0) > 0,
        'kv_cache',
    {_WAITS} AND ifNull(batch_limit, 0) > 0
        AND ifNull(running >= {limits.BATCH_FULL} * batch_limit, false), 'batch_limit',
    ifNull(throttled, 0) >= {limits.THROTTLED}
        AND ({_WAITS} OR ifNull(utilization, 0) >= {limits.BUSY}), 'power',
    ifNull(bandwidth >= {limits.BANDWIDTH_BOUND}, false), 'memory_bandwidth',
    ifNull(tensor_active >= {limits.COMPUTE_BOUND}, false), 'compute',
    {_WAITS} AND ifNull(utilization >= {limits.BUSY}, false), 'compute',
    {_WAITS}, 'queue', 'none')"""
#: Measured need against the boards', over the same and `binds`: `right_size()` in SQL.
SIZE: Final = f"""multiIf(
    utilization IS NULL OR kv_peak IS NULL, 'unknown',
    binds NOT IN ('none', 'unknown'), 'too small',
    kv_peak < {limits.EMPTY_KV} AND utilization < {limits.IDLE_BOARD}, 'too large', 'right')"""

_ENGINE_HOURS: Final = f"""
WITH of_engines AS (
    SELECT project, hour, host, instance, any(engine) AS engine, max(model) AS model,
        max(gpus) AS gpus,
        -- Ranks of one engine each have their own: requests add up, shares do not.
        sumOrNullIf(mean, name = 'engine.requests_running') AS running,
        sumOrNullIf(mean, name = 'engine.requests_waiting') AS waiting,
        maxOrNullIf(mean, name = 'engine.kv_cache_usage') AS kv_usage,
        maxOrNullIf(peak, name = 'engine.kv_cache_usage') AS kv_peak,
        sumOrNullIf(grown, name = 'engine.preemptions') AS preemptions,
        ifNull(maxOrNullIf(last, name = 'engine.batch_limit'), toFloat64OrNull(max(sequences)))
            AS batch_limit
    FROM (
        SELECT project, toStartOfHour(time) AS hour, {_ENGINE}, name, series,
            any({_MODEL}) AS model, any(resource['engine.gpus']) AS gpus,
            any(resource['engine.max_sequences']) AS sequences, avg(value) AS mean,
            max(value) AS peak, argMax(value, time) AS last,
            max(value) - if(start_time >= hour, 0, min(value)) AS grown
        FROM ${{database}}.metrics FINAL
        WHERE name IN ('engine.requests_running', 'engine.requests_waiting',
            'engine.kv_cache_usage', 'engine.preemptions', 'engine.batch_limit', 'engine.up')
            AND resource['engine.url'] != ''
        GROUP BY project, hour, host, instance, engine, name, series, start_time
    ) GROUP BY project, hour, host, instance
),
of_boards AS (
    SELECT project, hour, board, maxOrNullIf(mean, name = 'hw.gpu.utilization') AS utilization,
        maxOrNullIf(mean, name = 'hw.gpu.tensor_active') AS tensor_active,
        maxOrNullIf(mean, name = 'hw.gpu.memory_bandwidth.utilization') AS bandwidth,
        maxOrNullIf(mean, name = 'hw.power') AS power,
        maxOrNullIf(mean, name = 'hw.power.limit') AS power_limit,
        maxOrNullIf(mean, name = 'hw.gpu.throttled') AS throttled
    FROM (
        SELECT project, toStartOfHour(time) AS hour, attributes['hw.id'] AS board, name,
            attributes['hw.gpu.throttle.reason'] AS reason, avg(value) AS mean
        FROM ${{database}}.metrics FINAL
        WHERE name IN ('hw.gpu.utilization', 'hw.gpu.tensor_active', 'hw.power', 'hw.power.limit',
            'hw.gpu.memory_bandwidth.utilization', 'hw.gpu.throttled')
            AND attributes['hw.gpu.task'] IN ('', 'general') AND board != ''
        GROUP BY project, hour, board, name, reason
    ) GROUP BY project, hour, board
)
SELECT *, {BINDS} AS binds, {SIZE} AS size FROM (
    SELECT project, hour, host, instance, any(engine) AS engine, any(model) AS model,
        any(running) AS running, any(waiting) AS waiting, any(kv_usage) AS kv_usage,
        any(kv_peak) AS kv_peak, any(preemptions) AS preemptions, any(batch_limit) AS batch_limit,
        countIf(of_boards.board != '') AS boards, avg(of_boards.utilization) AS utilization,
        avg(of_boards.tensor_active) AS tensor_active, avg(of_boards.bandwidth) AS bandwidth,
        avg(of_boards.power / of_boards.power_limit) AS power_share,
        max(of_boards.throttled) AS throttled
    FROM (SELECT *, arrayJoin(splitByChar(',', gpus)) AS board FROM of_engines) AS e
    LEFT JOIN of_boards ON of_boards.project = e.project AND of_boards.hour = e.hour
        AND of_boards.board = e.board
    GROUP BY project, hour, host, instance
)"""

_ENGINE_SCALING: Final = f"""
SELECT m.project AS project, m.minute AS minute, m.model AS model, m.replicas AS replicas,
    m.running AS running, m.waiting AS waiting, m.waiting / nullIf(m.replicas, 0)
    AS waiting_per_replica, m.ended_per_second AS ended_per_second, t.seconds AS seconds_to_ready
FROM (
    SELECT project, minute, model, uniqExact(host, instance) AS replicas,
        sumOrNullIf(mean, name = 'engine.requests_running') AS running,
        sumOrNullIf(mean, name = 'engine.requests_waiting') AS waiting,
        sumOrNullIf(grown, name = 'engine.requests_finished') / 60 AS ended_per_second
    FROM (
        SELECT project, toStartOfMinute(time) AS minute, {_ENGINE}, name, series,
            any({_MODEL}) AS model, avg(value) AS mean,
            max(value) - if(start_time >= minute, 0, min(value)) AS grown
        FROM ${{database}}.metrics FINAL
        WHERE name IN ('engine.requests_running', 'engine.requests_waiting',
            'engine.requests_finished') AND resource['engine.url'] != ''
        GROUP BY project, minute, host, instance, engine, name, series, start_time
    ) WHERE model != '' GROUP BY project, minute, model
) AS m LEFT JOIN (
    SELECT project, model, medianOrNull(seconds_to_ready) AS seconds
    FROM ({starts("${database}", _RECENT)}) GROUP BY project, model
) AS t ON t.project = m.project AND t.model = m.model"""

_VALUES: Final[Mapping[str, str]] = {
    "duration_s": "duration_ns / 1e9",
    "time_to_first_token_s": "time_to_first_token_s",
    "time_per_output_token_s": "time_per_output_token_s",
    "output_tokens_per_second": "output_tokens / nullIf(duration_ns / 1e9, 0)",
    "cost_usd": "cost_usd",
    "energy_j_per_output_token": "energy_j / nullIf(output_tokens, 0)",
}
_PAIRS: Final = ", ".join(
    f"('{name}', CAST({sql}, 'Nullable(Float64)'))" for name, sql in _VALUES.items()
)
_CALL: Final = (
    "project, start_time AS time,"
    " if(response_model != '', response_model, request_model) AS model, service, release"
)
_CALL_VALUES: Final = f"""
SELECT project, time, model, service, release, pair.1 AS name, assumeNotNull(pair.2) AS value
FROM (
    SELECT {_CALL}, arrayJoin(arrayFilter(p -> p.2 IS NOT NULL AND (status != 'error'
        OR p.1 = 'error_rate'), [('error_rate', CAST(status = 'error', 'Nullable(Float64)')),
        {_PAIRS}])) AS pair
    FROM ${{database}}.spans FINAL WHERE {IS_INFERENCE}
)
UNION ALL
SELECT c.project, c.time, c.model, c.service, c.release, concat('score.', s.name) AS name,
    assumeNotNull(s.value) AS value
FROM ${{database}}.scores AS s FINAL INNER JOIN (
    SELECT {_CALL}, trace_id, span_id FROM ${{database}}.spans FINAL WHERE {IS_INFERENCE}
) AS c ON c.project = s.project AND c.trace_id = s.trace_id AND c.span_id = s.span_id
WHERE s.value IS NOT NULL"""

#: Calls on a side, from which a difference has an interval.
_LEAST: Final = 5
#: The 97.5th percentile of Student's distribution with `v` degrees of freedom, within 0.3 % from 4
#: on: Abramowitz and Stegun, 26.7.5.
_STUDENT: Final = "1.959964 + 2.372270 / v + 2.822501 / pow(v, 2) + 2.555850 / pow(v, 3)"


def _wilson(sign: str, share: str, of: str) -> str:
    """An end of the 95 % interval of a share of `of` calls (E. B. Wilson, 1927)."""
    z2 = 1.959964**2
    half = f"sqrt({z2} * {share} * (1 - {share}) / {of} + pow({z2} / 2 / {of}, 2))"
    return f"({share} + {z2} / 2 / {of} {sign} {half}) / (1 + {z2} / {of})"


_BEFORE, _AFTER = ("mean_before", "n_before"), ("mean_after", "n_after")
_FACT_LIST: Final = ", ".join(f"'{each}'" for each in FACTS)
_DEPLOYMENT_CHANGES: Final = f"""
WITH setups AS (
    -- While replicas are replaced there are two setups; such minutes belong to neither.
    SELECT project, model, step, any(facts) AS setup FROM (
        SELECT project, {_MODEL} AS model, toStartOfFiveMinutes(time) AS step,
            mapSort(mapFilter((k, v) -> k IN ({_FACT_LIST}), resource)) AS facts
        FROM ${{database}}.metrics FINAL
        WHERE name = 'engine.requests_running' AND resource['engine.url'] != ''
    ) WHERE model != '' AND length(facts) > 0
    GROUP BY project, model, step HAVING uniqExact(facts) = 1
),
changes AS (
    SELECT project, model, step AS changed_at, earlier AS until, was AS before, setup AS after
    FROM (
        SELECT *, lagInFrame(step) OVER w AS earlier, lagInFrame(setup) OVER w AS was FROM setups
        WINDOW w AS (PARTITION BY project, model ORDER BY step
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    ) WHERE length(was) > 0 AND was != setup
)
SELECT project, model, changed_at, before, after, name, n_before, n_after, mean_before, mean_after,
    mean_after - mean_before AS difference,
    if(n_before < {_LEAST} OR n_after < {_LEAST}, NULL, difference - margin_low) AS low,
    if(n_before < {_LEAST} OR n_after < {_LEAST}, NULL, difference + margin_high) AS high,
    ifNull(low > 0 OR high < 0, false) AS is_clear
FROM (SELECT project, model, changed_at, any(setup_before) AS before, any(setup_after) AS after,
    name, countIf(is_after = 0) AS n_before, countIf(is_after = 1) AS n_after,
    avgIf(value, is_after = 0) AS mean_before, avgIf(value, is_after = 1) AS mean_after,
    varSampIf(value, is_after = 0) / n_before AS error_before,
    varSampIf(value, is_after = 1) / n_after AS error_after,
    -- Welch's degrees of freedom; where nothing varies, any.
    ifNotFinite(pow(error_before + error_after, 2) / (pow(error_before, 2) / (n_before - 1)
        + pow(error_after, 2) / (n_after - 1)), 1e9) AS v,
    ({_STUDENT}) * sqrt(error_before + error_after) AS margin,
    -- Of a share Newcombe's: that nothing failed on either side does not say that nothing would.
    if(name = 'error_rate', sqrt(pow(mean_after - {_wilson("-", *_AFTER)}, 2)
        + pow({_wilson("+", *_BEFORE)} - mean_before, 2)), margin) AS margin_low,
    if(name = 'error_rate', sqrt(pow({_wilson("+", *_AFTER)} - mean_after, 2)
        + pow(mean_before - {_wilson("-", *_BEFORE)}, 2)), margin) AS margin_high
FROM (
    SELECT c.project AS project, c.model AS model, c.changed_at AS changed_at,
        c.before AS setup_before, c.after AS setup_after, v.name AS name, v.value AS value,
        toUInt8(v.time >= c.changed_at) AS is_after
    FROM ${{database}}.call_values AS v
    INNER JOIN changes AS c ON c.project = v.project AND c.model = v.model
    WHERE v.time >= c.changed_at - INTERVAL 1 DAY AND v.time < c.changed_at + INTERVAL 1 DAY
        AND NOT (v.time >= c.until + INTERVAL 5 MINUTE AND v.time < c.changed_at)
) GROUP BY project, model, changed_at, name)"""

#: Errors that say that a provider was asked too much, and those of calls that took too long.
_LIMITED: Final = (
    "(match(error_type, '(?i)rate.?limit|throttl|too.?many|resource.?exhausted|overloaded|^429$')"
    " OR attributes['http.response.status_code'] IN ('429', '529'))"
)
_TIMED_OUT: Final = (
    "(match(error_type, '(?i)time.?out|deadline|^(408|504)$')"
    " OR attributes['http.response.status_code'] IN ('408', '504'))"
)
#: What providers were like, as the calls saw it. A call that passes another one on (a gateway's) is
#: there as well as that one, each with its own address.
_PROVIDER_HOURS: Final = f"""
SELECT project, toStartOfHour(start_time) AS hour, provider,
    if(response_model != '', response_model, request_model) AS model,
    if(attributes['cloud.region'] != '', attributes['cloud.region'], resource['cloud.region'])
        AS region,
    attributes['server.address'] AS address,
    sum(s.sample_weight) AS calls,
    sumIf(s.sample_weight, status = 'error') AS errors,
    sumIf(s.sample_weight, status = 'error' AND {_LIMITED}) AS rate_limited,
    sumIf(s.sample_weight, status = 'error' AND {_TIMED_OUT}) AS timed_out,
    sum(s.sample_weight * toUInt32OrZero(attributes['http.request.resend_count'])) AS retries,
    errors / calls AS error_rate,
    quantileExactWeightedIfOrNull(0.5)(duration_ns / 1e9, weight, status != 'error')
        AS seconds_p50,
    quantileExactWeightedIfOrNull(0.95)(duration_ns / 1e9, weight, status != 'error')
        AS seconds_p95,
    quantileExactWeightedIfOrNull(0.5)(assumeNotNull(s.time_to_first_token_s), weight,
        s.time_to_first_token_s IS NOT NULL) AS first_token_p50,
    quantileExactWeightedIfOrNull(0.95)(assumeNotNull(s.time_to_first_token_s), weight,
        s.time_to_first_token_s IS NOT NULL) AS first_token_p95,
    sum(s.output_tokens * s.sample_weight) AS output_tokens,
    sumIf(s.output_tokens * s.sample_weight, status != 'error')
        / nullIf(sumIf(duration_ns / 1e9 * s.sample_weight, status != 'error'
            AND s.output_tokens > 0), 0) AS output_tokens_per_second,
    sum(s.cost_usd * s.sample_weight) AS cost_usd,
    cost_usd / nullIf(calls - errors, 0) AS usd_per_answer
FROM (
    SELECT *, toUInt32(greatest(1, round(sample_weight))) AS weight
    FROM ${{database}}.spans FINAL WHERE {IS_INFERENCE}
) AS s
GROUP BY project, hour, provider, model, region, address"""

#: Views by name, in the order in which they are made.
VIEWS: Final[Mapping[str, str]] = {
    "provider_hours": _PROVIDER_HOURS,
    "engine_hours": _ENGINE_HOURS,
    "engine_starts": starts("${database}", "true"),
    "engine_scaling": _ENGINE_SCALING,
    "call_values": _CALL_VALUES,
    "deployment_changes": _DEPLOYMENT_CHANGES,
}


def create(database: str) -> list[str]:
    """Statements that make the views."""
    return [
        f"CREATE OR REPLACE VIEW {database}.{name} AS {sql.replace('${database}', database)}"
        for name, sql in VIEWS.items()
    ]
