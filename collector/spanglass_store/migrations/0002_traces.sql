-- One row a trace, kept by states that take the same span twice as once: sets of span ids, not
-- counts. So it is right after a replay and right again when a late span comes.
CREATE TABLE ${database}.traces${local}
(
    project LowCardinality(String),
    trace_id String,
    start_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(Delta, LZ4),
    end_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(Delta, LZ4),
    duration_ns UInt64 ALIAS toUInt64(toUnixTimestamp64Nano(end_time) - toUnixTimestamp64Nano(start_time)),

    -- The root, or the earliest span while there is none: its columns in one text, since a state
    -- of several is kept many times slower.
    root AggregateFunction(argMin, String, UInt64),
    root_columns Array(String) ALIAS splitByChar('\0', finalizeAggregation(root)),
    root_span_id String ALIAS root_columns[1],
    root_service String ALIAS root_columns[2],
    root_operation String ALIAS root_columns[3],
    environment String ALIAS root_columns[4],
    release String ALIAS root_columns[5],
    root_status Enum8('unset' = 0, 'ok' = 1, 'error' = 2) ALIAS CAST(root_columns[6], 'Enum8(\'unset\' = 0, \'ok\' = 1, \'error\' = 2)'),
    -- The last, because a name may hold anything.
    root_name String ALIAS arrayStringConcat(arraySlice(root_columns, 7), '\0'),
    complete Bool ALIAS has_root = 1,
    has_root SimpleAggregateFunction(max, UInt8),

    span_ids SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    error_ids SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    spans UInt64 ALIAS length(span_ids),
    errors UInt64 ALIAS length(error_ids),
    status Enum8('ok' = 1, 'error' = 2) ALIAS if(empty(error_ids), 'ok', 'error'),

    -- Tokens and cost of inference, by span; a span whose child is an inference too repeats the
    -- child's numbers, so only the leaves are summed: those whose id has not been seen among the
    -- parents, counted through in one pass. Looking each up in the others takes gigabytes. (Subcolumns like
    -- inference.id are not what FINAL merged.) A span that was charged anew is there once for each
    -- revision of the book of prices: the latest comes first, and later ones of an id are no leaves.
    inference SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(id UInt64, parent UInt64, input UInt64, output UInt64, cost Float64, revision UInt32))),
    charged Array(Tuple(id UInt64, parent UInt64, input UInt64, output UInt64, cost Float64, revision UInt32)) ALIAS if(arrayExists(x -> x.revision != inference[1].revision, inference), arrayReverseSort(x -> x.revision, inference), inference),
    leaves Array(Tuple(id UInt64, parent UInt64, input UInt64, output UInt64, cost Float64, revision UInt32)) ALIAS arrayFilter((x, seen) -> seen = 1, charged, arraySlice(arrayEnumerateUniq(arrayConcat(arrayDistinct(arrayMap(x -> x.parent, charged)), arrayMap(x -> x.id, charged))), length(arrayDistinct(arrayMap(x -> x.parent, charged))) + 1)),
    input_tokens UInt64 ALIAS arraySum(leaves.input),
    output_tokens UInt64 ALIAS arraySum(leaves.output),
    total_tokens UInt64 ALIAS arraySum(leaves.input) + arraySum(leaves.output),
    cost_usd Float64 ALIAS arraySum(leaves.cost),

    services SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    operations SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    models SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tags SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    session_id SimpleAggregateFunction(max, String),
    user_id SimpleAggregateFunction(max, String),
    feature SimpleAggregateFunction(max, String),
    sample_data SimpleAggregateFunction(max, Bool),
    retention_days SimpleAggregateFunction(max, UInt16)
)
ENGINE = ${engine:AggregatingMergeTree:}
PARTITION BY toDate(start_time)
ORDER BY (project, trace_id)
TTL toDate(start_time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
SETTINGS ${mergetree_settings}, min_parts_to_merge_at_once = 8, index_granularity = 1024;

CREATE MATERIALIZED VIEW ${database}.traces_from_spans TO ${database}.traces${local} AS
SELECT
    project,
    trace_id,
    min(s.start_time) AS start_time,
    max(s.end_time) AS end_time,
    argMinState(
        concat(s.span_id, '\0', replaceAll(s.service, '\0', ''), '\0', replaceAll(s.operation, '\0', ''), '\0', replaceAll(s.environment, '\0', ''), '\0', replaceAll(s.release, '\0', ''), '\0', toString(s.status), '\0', s.name),
        bitOr(toUInt64(toUnixTimestamp64Nano(s.start_time)), if(s.parent_span_id = '', 0, bitShiftLeft(toUInt64(1), 63)))
    ) AS root,
    max(toUInt8(s.parent_span_id = '')) AS has_root,
    groupUniqArray(cityHash64(s.span_id)) AS span_ids,
    groupUniqArrayIf(cityHash64(s.span_id), s.status = 'error') AS error_ids,
    groupUniqArrayIf(
        (cityHash64(s.span_id), cityHash64(s.parent_span_id), ifNull(s.input_tokens, 0), ifNull(s.output_tokens, 0), ifNull(s.cost_usd, 0), s.price_revision),
        ${is_inference}
    ) AS inference,
    groupUniqArray(CAST(s.service, 'String')) AS services,
    groupUniqArrayIf(CAST(s.operation, 'String'), s.operation != '') AS operations,
    groupUniqArrayIf(CAST(if(s.response_model != '', s.response_model, s.request_model), 'String'), s.response_model != '' OR s.request_model != '') AS models,
    arrayDistinct(groupArrayArray(CAST(s.tags, 'Array(String)'))) AS tags,
    max(s.session_id) AS session_id,
    max(s.user_id) AS user_id,
    max(s.feature) AS feature,
    max(s.sample_data) AS sample_data,
    max(s.retention_days) AS retention_days
FROM ${database}.spans${local} AS s
GROUP BY project, trace_id
