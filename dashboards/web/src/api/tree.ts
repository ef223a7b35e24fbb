// The spans of a trace as its tree shows them: light, whatever was sent.

import type { components } from "./schema.gen";

type Span = components["schemas"]["Span"];

/** A span without its attributes, events and payload. */
export type LightSpan = Pick<
  Span,
  | "span_id" | "parent_span_id" | "name" | "span_kind" | "operation" | "service" | "environment"
  | "start_unix_nano" | "duration_ns" | "end_before_start" | "status" | "status_message" | "error_type"
  | "finish_reasons" | "provider" | "request_model" | "response_model" | "input_tokens" | "output_tokens"
  | "cache_read_tokens" | "reasoning_tokens" | "tokens_estimated" | "cost_usd" | "cost_source"
  | "time_to_first_token_s" | "time_per_output_token_s" | "session_id" | "user_id" | "agent_name"
  | "tool_name" | "prompt_name" | "prompt_version" | "input_key" | "output_key" | "sample_data" | "redacted"
>;

/** What a service that does not send a column yet is taken to mean. */
const ABSENT: LightSpan = {
  span_id: "", parent_span_id: "", name: "", span_kind: "", operation: "", service: "", environment: "",
  start_unix_nano: "0", duration_ns: 0, end_before_start: false, status: "unset", status_message: "", error_type: "",
  finish_reasons: [], provider: "", request_model: "", response_model: "", input_tokens: null, output_tokens: null,
  cache_read_tokens: null, reasoning_tokens: null, tokens_estimated: false, cost_usd: null, cost_source: "unknown",
  time_to_first_token_s: null, time_per_output_token_s: null, session_id: "", user_id: "", agent_name: "",
  tool_name: "", prompt_name: "", prompt_version: "", input_key: "", output_key: "", sample_data: false, redacted: false,
};

/** Objects from rows. */
export function spansOf(tree: { columns: readonly string[]; rows: readonly (readonly unknown[])[] }): LightSpan[] {
  const known = tree.columns.map((name, index) => [name, index] as const).filter(([name]) => name in ABSENT);
  return tree.rows.map((row) => {
    const span: Record<string, unknown> = { ...ABSENT };
    for (const [name, index] of known) span[name] = row[index];
    return span as unknown as LightSpan;
  });
}
