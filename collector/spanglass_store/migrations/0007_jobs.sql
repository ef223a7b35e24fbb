-- New spans are found by when they came, whatever time they are of.
ALTER TABLE ${database}.spans ADD INDEX IF NOT EXISTS by_arrival ingested_at TYPE minmax GRANULARITY 1;
ALTER TABLE ${database}.spans MATERIALIZE INDEX by_arrival SETTINGS mutations_sync = 0;

-- One row a run of a job, replaced while it goes on. A run is of all projects: `project` is empty.
CREATE TABLE ${database}.jobs${local}
(
    project LowCardinality(String),
    run_id String,
    job LowCardinality(String),
    version LowCardinality(String),
    kind Enum8('live' = 1, 'backfill' = 2),
    state Enum8('running' = 1, 'done' = 2, 'failed' = 3, 'stopped' = 4),
    error String,
    host LowCardinality(String),
    started_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    updated_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    window_start DateTime64(6, 'UTC'),
    window_end DateTime64(6, 'UTC'),
    spans UInt64,
    results UInt64,
    failures UInt64,
    seconds Float64,
    cost_usd Float64,
    lag_s Float64
)
ENGINE = ${engine:ReplacingMergeTree:updated_at}
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, job, started_at, run_id)
TTL toDate(started_at) + toIntervalDay(90) DELETE
SETTINGS ${mergetree_settings};

-- A span that a job could not judge, with the reason; the latest row counts.
CREATE TABLE ${database}.job_failures${local}
(
    project LowCardinality(String),
    job LowCardinality(String),
    version LowCardinality(String),
    trace_id String,
    span_id String,
    start_time DateTime64(6, 'UTC'),
    reason String,
    attempts UInt8,
    -- whether a later attempt succeeded
    resolved Bool,
    at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    retention_days UInt16
)
ENGINE = ${engine:ReplacingMergeTree:at}
PARTITION BY toYYYYMM(start_time)
ORDER BY (project, job, version, trace_id, span_id)
TTL toDate(start_time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, merge_with_ttl_timeout = 14400;

-- Personal data by span, kind and place; never the value. One with the same key takes its place.
CREATE TABLE ${database}.pii_findings${local}
(
    project LowCardinality(String),
    trace_id String,
    span_id String,
    service LowCardinality(String),
    environment LowCardinality(String),
    operation LowCardinality(String),
    start_time DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    entity LowCardinality(String),
    field LowCardinality(String),
    role LowCardinality(String),
    count UInt32,
    confidence Float32,
    -- keyed hashes of the values, for access and erasure requests
    subjects Array(String),
    job LowCardinality(String),
    version LowCardinality(String),
    found_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    sample_data Bool,
    retention_days UInt16,
    INDEX by_subject subjects TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ${engine:ReplacingMergeTree:found_at}
PARTITION BY toYYYYMM(start_time)
ORDER BY (project, toDate(start_time), trace_id, span_id, entity, field, role, job, version)
TTL toDate(start_time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, merge_with_ttl_timeout = 14400
