"""OTLP over HTTP and gRPC: both hand bytes to `ingest.intake` and speak its answer's protocol."""
