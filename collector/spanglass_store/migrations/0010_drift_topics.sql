-- What the texts of a service are about: centres that were learned once, so that a topic keeps its
-- name. Which text is of which topic is not kept: drift_samples has counts of hours.
CREATE TABLE ${database}.drift_topics${local}
(
    project LowCardinality(String),
    service LowCardinality(String),
    -- the metric whose categories they are: topic, answer_topic
    metric LowCardinality(String),
    name String,
    terms Array(String),
    centre Array(Float32),
    -- cosine distance from the nearest centre beyond which a text is of no topic
    distance_limit Float64,
    -- in the order in which they were found
    place UInt16,
    is_new Bool,
    learned_at DateTime('UTC'),
    updated_at DateTime64(6, 'UTC')
)
ENGINE = ${engine:ReplacingMergeTree:updated_at}
PARTITION BY toYYYYMM(learned_at)
ORDER BY (project, service, metric, name)
TTL toDate(updated_at) + toIntervalDay(120) DELETE
SETTINGS ${mergetree_settings}
