"""What the migrations make, as far as code has to know it."""

from typing import Final

#: The tables that people's SQL can read. Each has a column `project`.
READABLE_TABLES: Final = (
    "spans", "traces", "metrics", "logs", "scores", "sdk_reports", "prices", "jobs", "job_failures",
    "pii_findings", "alert_events", "drift_samples", "drift_results", "drift_topics",
    "provider_hours", "engine_hours", "engine_starts", "engine_scaling", "call_values",
    "deployment_changes",
)  # fmt: skip
#: Those of them whose rows without a project are everybody's.
SHARED_TABLES: Final = ("prices",)

#: Columns that hold what people and models wrote, by table; reading them takes a grant.
PAYLOAD_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "spans": (
        "input", "output", "input_text", "output_text", "payload_attributes",
        "payload_events.attributes",
    ),
    "logs": ("payload_body", "payload_attributes"),
    "scores": ("explanation", "correction"),
    # A hash tells who has a value to compare it with.
    "pii_findings": ("subjects",),
    # What a detector says of a failure can quote the text that it failed on.
    "job_failures": ("reason",),
}  # fmt: skip

#: The others of these tables. They are granted one by one: where a whole table is granted and a
#: column taken back, its subcolumns (`payload_attributes.values`) could still be read.
READABLE_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "spans": (
        "project", "trace_id", "span_id", "parent_span_id", "name", "span_kind", "operation",
        "service", "environment", "release", "instance_id", "sequence", "scope_name",
        "scope_version", "start_time",
        "end_time", "duration_ns", "end_before_start", "time_to_first_token_s",
        "time_per_output_token_s", "ingested_at", "status", "status_message", "error_type",
        "finish_reasons", "provider", "request_model", "response_model", "input_tokens",
        "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
        "tokens_estimated", "cost_usd", "input_cost_usd", "output_cost_usd", "cost_source",
        "service_tier", "price_revision", "energy_j", "session_id", "user_id", "feature",
        "tags", "prompt_name", "prompt_version",
        "agent_name", "tool_name", "input_key", "output_key", "payload_events.time",
        "payload_events.name", "payload_events.attribute_types",
        "payload_events.dropped_attributes_count", "attributes", "attribute_types", "resource",
        "resource_types", "resource_schema_url", "scope_attributes", "scope_attribute_types",
        "scope_schema_url", "events.time", "events.name", "events.attributes",
        "events.attribute_types", "events.dropped_attributes_count", "links.trace_id",
        "links.span_id", "links.trace_state", "links.attributes", "links.attribute_types",
        "links.flags", "links.dropped_attributes_count", "trace_state", "flags",
        "dropped_attributes_count", "dropped_events_count", "dropped_links_count", "sample_weight",
        "sample_data", "redacted", "retention_days", "payload_retention_days",
    ),
    "logs": (
        "project", "time", "observed_time", "ingested_at", "service", "environment", "release",
        "scope_name", "scope_version", "trace_id", "span_id", "event_name", "severity_number",
        "severity_text", "session_id", "user_id", "body", "body_type", "attributes",
        "attribute_types", "resource", "resource_types", "resource_schema_url",
        "scope_attributes", "scope_attribute_types", "scope_schema_url", "flags",
        "dropped_attributes_count", "sample_data", "retention_days", "payload_retention_days",
        "digest",
    ),
    "scores": (
        "project", "score_id", "name", "value", "label", "source", "evaluator", "trace_id",
        "span_id", "response_id", "session_id", "created_at", "ingested_at", "metadata",
    ),
    "pii_findings": (
        "project", "trace_id", "span_id", "service", "environment", "operation", "start_time",
        "entity", "field", "role", "count", "confidence", "job", "version", "found_at",
        "sample_data", "retention_days",
    ),
    "job_failures": (
        "project", "job", "version", "trace_id", "span_id", "start_time", "attempts", "resolved",
        "at", "retention_days",
    ),
}  # fmt: skip
