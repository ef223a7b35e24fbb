-- One row a span. Sorted by minute, then trace: a trace's spans lie together, a range of time
-- is a range of the key, and a span that is sent twice is one row.
CREATE TABLE ${database}.spans${local}
(
    -- identity
    project LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    name LowCardinality(String),
    span_kind Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    operation LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    instance_id LowCardinality(String),
    sequence UInt64 CODEC(T64, LZ4),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),

    -- time
    start_time DateTime64(9, 'UTC') CODEC(Delta, LZ4),
    end_time DateTime64(9, 'UTC') CODEC(Delta, LZ4),
    duration_ns UInt64 CODEC(T64, LZ4),
    end_before_start Bool,
    time_to_first_token_s Nullable(Float64),
    time_per_output_token_s Nullable(Float64),
    ingested_at DateTime64(6, 'UTC') CODEC(DoubleDelta, LZ4),

    -- outcome
    status Enum8('unset' = 0, 'ok' = 1, 'error' = 2),
    status_message String,
    error_type LowCardinality(String),
    finish_reasons Array(LowCardinality(String)),

    -- model
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    input_tokens Nullable(UInt64) CODEC(T64, LZ4),
    output_tokens Nullable(UInt64) CODEC(T64, LZ4),
    cache_read_tokens Nullable(UInt64) CODEC(T64, LZ4),
    cache_write_tokens Nullable(UInt64) CODEC(T64, LZ4),
    reasoning_tokens Nullable(UInt64) CODEC(T64, LZ4),
    tokens_estimated Bool,
    cost_usd Nullable(Float64),
    input_cost_usd Nullable(Float64),
    output_cost_usd Nullable(Float64),
    service_tier LowCardinality(String),
    cost_source Enum8('unknown' = 0, 'priced' = 1, 'reported' = 2, 'estimated' = 3),
    -- of the book of prices, when it gave the cost; 0 where it did not know the model
    price_revision UInt32 CODEC(T64, LZ4),
    energy_j Nullable(Float64),

    -- who and why
    session_id String,
    user_id String,
    feature LowCardinality(String),
    tags Array(LowCardinality(String)),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    agent_name LowCardinality(String),
    tool_name LowCardinality(String),

    -- payload
    input String,
    input_key LowCardinality(String),
    output String,
    output_key LowCardinality(String),
    payload_attributes Map(LowCardinality(String), String),
    payload_events Nested(time DateTime64(9, 'UTC'), name LowCardinality(String), attributes Map(LowCardinality(String), String), attribute_types Map(LowCardinality(String), ${kind_enum}), dropped_attributes_count UInt32),
    input_text String ALIAS ${input_text},
    output_text String ALIAS ${output_text},

    -- rest; the types of all attributes that are not strings, of content, too
    attributes Map(LowCardinality(String), String),
    attribute_types Map(LowCardinality(String), ${kind_enum}),
    resource Map(LowCardinality(String), String),
    resource_types Map(LowCardinality(String), ${kind_enum}),
    resource_schema_url LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String),
    scope_attribute_types Map(LowCardinality(String), ${kind_enum}),
    scope_schema_url LowCardinality(String),
    events Nested(time DateTime64(9, 'UTC'), name LowCardinality(String), attributes Map(LowCardinality(String), String), attribute_types Map(LowCardinality(String), ${kind_enum}), dropped_attributes_count UInt32),
    links Nested(trace_id String, span_id String, trace_state String, attributes Map(LowCardinality(String), String), attribute_types Map(LowCardinality(String), ${kind_enum}), flags UInt32, dropped_attributes_count UInt32),
    trace_state String,
    flags UInt32,
    dropped_attributes_count UInt32,
    dropped_events_count UInt32,
    dropped_links_count UInt32,
    sample_weight Float64,
    sample_data Bool,
    redacted Bool,
    retention_days UInt16,
    payload_retention_days UInt16
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toDate(start_time)
ORDER BY (project, toStartOfMinute(start_time), trace_id, span_id)
TTL toDate(start_time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
-- Merging a span costs as much as storing it, so it is merged with many others, and less often: up
-- to fifteen small parts stay as they are.
SETTINGS ${mergetree_settings}, min_parts_to_merge_at_once = 16
