-- One row a data point. `series` tells attributes and resources apart: a point of one series at one
-- time that is sent twice is one.
CREATE TABLE ${database}.metrics${local}
(
    project LowCardinality(String),
    name LowCardinality(String),
    description LowCardinality(String),
    unit LowCardinality(String),
    type Enum8('gauge' = 1, 'sum' = 2, 'histogram' = 3, 'exponential_histogram' = 4, 'summary' = 5),
    temporality Enum8('unspecified' = 0, 'delta' = 1, 'cumulative' = 2),
    is_monotonic Bool,
    service LowCardinality(String),
    environment LowCardinality(String),
    series UInt64,
    start_time DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    time DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(DoubleDelta, LZ4),

    -- of gauges and sums
    value Float64,
    is_integer Bool,

    -- of histograms and summaries
    count UInt64 CODEC(T64, LZ4),
    sum Nullable(Float64),
    min Nullable(Float64),
    max Nullable(Float64),
    -- An exponential histogram's buckets are written out; `scale` says how they came.
    bucket_bounds Array(Float64),
    bucket_counts Array(UInt64),
    scale Nullable(Int32),
    zero_threshold Float64,
    quantiles Nested(quantile Float64, value Float64),
    exemplars Nested(time DateTime64(9, 'UTC'), value Float64, trace_id String, span_id String, attributes Map(LowCardinality(String), String)),

    attributes Map(LowCardinality(String), String),
    attribute_types Map(LowCardinality(String), ${kind_enum}),
    resource Map(LowCardinality(String), String),
    resource_types Map(LowCardinality(String), ${kind_enum}),
    resource_schema_url LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String),
    scope_attribute_types Map(LowCardinality(String), ${kind_enum}),
    scope_schema_url LowCardinality(String),
    flags UInt32,
    sample_data Bool,
    retention_days UInt16
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toDate(time)
ORDER BY (project, name, service, series, time, start_time)
TTL toDate(time) + toIntervalDay(if(retention_days = 0, 36500, retention_days)) DELETE
SETTINGS ${mergetree_settings}, min_parts_to_merge_at_once = 8
