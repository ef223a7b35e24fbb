-- One row a judgement: of a span, a trace or a session, by a person, code, a judge or a detector.
-- One with the id of another takes its place, whenever it was given.
CREATE TABLE ${database}.scores${local}
(
    project LowCardinality(String),
    score_id String,
    name LowCardinality(String),
    value Nullable(Float64),
    label LowCardinality(String),
    source Enum8('human' = 1, 'user' = 2, 'code' = 3, 'judge' = 4, 'detector' = 5),
    explanation String,
    correction String,
    evaluator LowCardinality(String),
    trace_id String,
    span_id String,
    response_id String,
    session_id String,
    created_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    ingested_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, LZ4),
    metadata Map(LowCardinality(String), String),
    INDEX by_time created_at TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toYYYYMM(created_at)
ORDER BY (project, trace_id, session_id, score_id)
SETTINGS ${mergetree_settings}
