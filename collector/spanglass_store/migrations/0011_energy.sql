-- New energy of stored spans while it is written into them; empty otherwise, and after a start.
CREATE TABLE ${database}.new_energy${local}
(
    id UInt64,
    is_changed Bool,
    energy_j Nullable(Float64)
)
ENGINE = Join(ANY, LEFT, id)
SETTINGS persistent = 0
