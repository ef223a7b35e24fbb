-- One row a judgement: of a span, a trace or a session, by a person, code, a judge or a detector.
CREATE TABLE ${database}.scores${local}
(
    project LowCardinality(String),
    score_id String,
    name LowCardinality(String),
    value Nullable(Float64),
    label LowCardinality(String),
    source Enum8('human' = 1, 'user' = 2, 'code' = 3, 'judge' = 4, 'detector' = 5),
    explanation String,
    evaluator LowCardinality(String),
    trace_id String,
    span_id String,
    session_id String,
    created_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    ingested_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, LZ4),
    metadata Map(LowCardinality(String), String)
)
ENGINE = ${engine:ReplacingMergeTree:ingested_at}
PARTITION BY toYYYYMM(created_at)
ORDER BY (project, name, toDate(created_at), trace_id, score_id)
SETTINGS ${mergetree_settings}
