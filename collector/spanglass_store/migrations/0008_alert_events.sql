-- One row for each thing that happened to an alert: pending, firing, acknowledged, resolved.
CREATE TABLE ${database}.alert_events${local}
(
    project LowCardinality(String),
    time DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    alert_id String,
    fingerprint String,
    event LowCardinality(String),
    rule LowCardinality(String),
    severity LowCardinality(String),
    labels Map(LowCardinality(String), String),
    value Nullable(Float64),
    threshold Nullable(Float64),
    count Float64,
    summary String,
    author String,
    note String,
    evidence String,
    ingested_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toYYYYMM(time)
ORDER BY (project, rule, fingerprint, time, event)
TTL toDate(time) + toIntervalDay(400) DELETE
SETTINGS ${mergetree_settings}
