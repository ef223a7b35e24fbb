-- Calls of models on boards of one's own can cost what was measured.
ALTER TABLE ${database}.spans${local}
    MODIFY COLUMN cost_source Enum8('unknown' = 0, 'priced' = 1, 'reported' = 2, 'estimated' = 3, 'measured' = 4);

-- It is empty but while a job writes, which makes what it looks up anew.
DROP TABLE IF EXISTS ${database}.new_energy${local};

-- New energy and cost of stored spans while they are written into them; empty otherwise, and after a
-- start.
CREATE TABLE ${database}.new_energy${local}
(
    id UInt64,
    is_changed Bool,
    energy_j Nullable(Float64),
    -- whether the cost is what was measured, from now on or no longer
    is_charged Bool,
    usd Nullable(Float64)
)
ENGINE = Join(ANY, LEFT, id)
SETTINGS persistent = 0
