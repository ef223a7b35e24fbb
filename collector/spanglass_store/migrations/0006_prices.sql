-- The book of prices, one row a price. Of several that could count, a project's own goes before
-- everybody's (project ''), one given by command before one of a file before genai-prices'; one of
-- a service tier before one of none; then the latest start.
CREATE TABLE ${database}.prices${local}
(
    project LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    token_kind LowCardinality(String),
    unit LowCardinality(String),
    -- US dollars a unit; NULL ends what was priced apart before
    usd Nullable(Float64),
    -- counts for calls of more input tokens than this
    above_tokens UInt64,
    service_tier LowCardinality(String),
    start_date Date,
    -- minutes of the day, UTC: a price for some hours goes before one for all day
    minute_from UInt16,
    minute_until UInt16 DEFAULT 1440,
    source LowCardinality(String),
    updated_at DateTime64(6, 'UTC') DEFAULT now64(6),
    is_deleted UInt8
)
ENGINE = ${engine:ReplacingMergeTree:updated_at, is_deleted}
ORDER BY (project, provider, model, source, service_tier, start_date, minute_from, token_kind, above_tokens)
SETTINGS ${mergetree_settings};

-- What was loaded from where, so that nothing is loaded twice.
CREATE TABLE ${database}.price_sources${local}
(
    source String,
    digest String,
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${engine:ReplacingMergeTree:loaded_at}
ORDER BY source
SETTINGS ${mergetree_settings};

-- What follows from the book for every name of a model that spans carry.
CREATE TABLE ${database}.price_schedules${local}
(
    project String,
    provider String,
    model String,
    service_tier String,
    -- the provider and model of the book; empty where it does not know the name
    priced_as Tuple(provider String, model String),
    entries Array(${entry_type}),
    revision UInt32
)
ENGINE = ${engine:ReplacingMergeTree:revision}
ORDER BY (project, provider, model, service_tier)
SETTINGS ${mergetree_settings};

-- The same in memory, where spans that arrive look it up; on disk, too, for the next start.
CREATE TABLE ${database}.price_lookup${local}
(
    project String,
    provider String,
    model String,
    service_tier String,
    entries Array(${entry_type})
)
ENGINE = Join(ANY, LEFT, project, provider, model, service_tier)
SETTINGS join_any_take_last_row = 1;

CREATE MATERIALIZED VIEW ${database}.price_lookup_from_schedules TO ${database}.price_lookup${local} AS
SELECT project, provider, model, service_tier, entries FROM ${database}.price_schedules;

-- New costs of stored spans while they are charged anew: a mutation looks them up here. It is empty
-- otherwise, and after a start, which leaves a mutation from before with nothing to change.
CREATE TABLE ${database}.new_costs${local}
(
    id UInt64,
    is_changed Bool,
    ${cost_columns}
)
ENGINE = Join(ANY, LEFT, id)
SETTINGS persistent = 0;

-- Names that spans came with and that nobody has looked up in the book yet. They are found again
-- among the spans when this is lost.
CREATE TABLE ${database}.unpriced_names${local}
(
    provider String,
    model String,
    service_tier String,
    first_day Date,
    last_day Date,
    seen_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = Memory
SETTINGS max_rows_to_keep = 20000, min_rows_to_keep = 10000;

CREATE MATERIALIZED VIEW ${database}.unpriced_from_spans TO ${database}.unpriced_names${local} AS
SELECT
    CAST(s.provider, 'String') AS provider,
    CAST(if(s.response_model != '', s.response_model, s.request_model), 'String') AS model,
    CAST(s.service_tier, 'String') AS service_tier,
    min(toDate(s.start_time)) AS first_day,
    max(toDate(s.start_time)) AS last_day
FROM ${database}.spans AS s
WHERE ${is_inference} AND s.price_revision = 0 AND s.cost_source != 'reported' AND model != ''
GROUP BY provider, model, service_tier
