-- What a metric was like in an hour, by service and model: a count, a bounded sample, counts of
-- categories. Windows are put together from hours, so that no reference is ever read again from spans.
CREATE TABLE ${database}.drift_samples${local}
(
    project LowCardinality(String),
    metric LowCardinality(String),
    service LowCardinality(String),
    model LowCardinality(String),
    hour DateTime('UTC'),
    kind Enum8('numeric' = 1, 'categorical' = 2, 'boolean' = 3),
    count UInt64,
    -- in order of size
    sample Array(Float64),
    categories Map(String, UInt64),
    updated_at DateTime64(6, 'UTC')
)
ENGINE = ${engine:ReplacingMergeTree:updated_at}
PARTITION BY toYYYYMM(hour)
ORDER BY (project, metric, hour, service, model)
TTL toDate(hour) + toIntervalDay(40) DELETE
SETTINGS ${mergetree_settings};

-- One row a comparison of a window with its reference.
CREATE TABLE ${database}.drift_results${local}
(
    project LowCardinality(String),
    window_start DateTime('UTC'),
    window_end DateTime('UTC'),
    metric LowCardinality(String),
    service LowCardinality(String),
    model LowCardinality(String),
    kind Enum8('numeric' = 1, 'categorical' = 2, 'boolean' = 3),
    test LowCardinality(String),
    statistic Nullable(Float64),
    p Nullable(Float64),
    p_corrected Nullable(Float64),
    effect Nullable(Float64),
    effect_name LowCardinality(String),
    low Nullable(Float64),
    high Nullable(Float64),
    threshold Float64,
    -- the largest effect among the days of the reference
    usual_effect Nullable(Float64),
    design_effect Float64,
    n_reference UInt64,
    n_current UInt64,
    reference_start DateTime('UTC'),
    reference_end DateTime('UTC'),
    reference_value Nullable(Float64),
    current_value Nullable(Float64),
    verdict LowCardinality(String),
    reason String,
    explanation String,
    -- empty where nothing was found; one finding has all metrics of a service that changed together
    finding_id String,
    state LowCardinality(String),
    changed_at Nullable(DateTime('UTC')),
    changed_from Nullable(DateTime('UTC')),
    changed_until Nullable(DateTime('UTC')),
    -- JSON: what explains it, and both distributions
    segments String,
    distribution String,
    updated_at DateTime64(6, 'UTC')
)
ENGINE = ${engine:ReplacingMergeTree:updated_at}
PARTITION BY toYYYYMM(window_end)
ORDER BY (project, window_end, window_start, metric, service, model)
TTL toDate(window_end) + toIntervalDay(120) DELETE
SETTINGS ${mergetree_settings}
