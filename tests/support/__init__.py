"""What tests share: builders of OTLP requests, running services, waiting, Hypothesis strategies."""
