"""Taking telemetry out of the store."""
