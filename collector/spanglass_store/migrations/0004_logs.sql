-- One row a log record. Records have no identity: one that is sent twice is the same in everything,
-- and `digest` makes it one.
CREATE TABLE ${database}.logs${local}
(
    project LowCardinality(String),
    time DateTime64(9, 'UTC') CODEC(Delta, LZ4),
    observed_time DateTime64(9, 'UTC') CODEC(Delta, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(DoubleDelta, LZ4),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    trace_id String,
    span_id String,
    event_name LowCardinality(String),
    severity_number UInt8,
    severity_text LowCardinality(String),
    session_id String,
    user_id String,
    body String,
    body_type ${kind_enum},

    -- payload: what GenAI events carry
    payload_body String,
    payload_attributes Map(LowCardinality(String), String),

    -- rest; the types of all attributes that are not strings, of content, too
    attributes Map(LowCardinality(String), String),
    attribute_types Map(LowCardinality(String), ${kind_enum}),
    resource Map(LowCardinality(String), String),
    resource_types Map(LowCardinality(String), ${kind_enum}),
    resource_schema_url LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String),
    scope_attribute_types Map(LowCardinality(String), ${kind_enum}),
    scope_schema_url LowCardinality(String),
    flags UInt32,
    dropped_attributes_count UInt32,
    sample_data Bool,
    retention_days UInt16,
    payload_retention_days UInt16,
    digest UInt64 CODEC(NONE),
    INDEX by_trace trace_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toDate(time)
ORDER BY (project, service, toStartOfMinute(time), time, digest)
TTL toDate(time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
SETTINGS ${mergetree_settings}, min_parts_to_merge_at_once = 8;

-- What the SDK's account of a process says became of its spans, one row a window of time.
CREATE TABLE ${database}.sdk_reports${local}
(
    project LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    instance_id String,
    number UInt64,
    start_time DateTime64(9, 'UTC'),
    end_time DateTime64(9, 'UTC'),
    sequence_first UInt64,
    sequence_last UInt64,
    accepted UInt64,
    sent UInt64,
    spilled UInt64,
    resent UInt64,
    sampled_out UInt64,
    waiting UInt64,
    content_dropped UInt64,
    dropped Map(LowCardinality(String), UInt64),
    ingested_at DateTime64(6, 'UTC')
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toYYYYMM(end_time)
ORDER BY (project, service, instance_id, number)
TTL toDate(end_time) + toIntervalDay(400) DELETE
SETTINGS ${mergetree_settings}
