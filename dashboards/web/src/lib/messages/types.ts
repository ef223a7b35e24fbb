// A conversation in one shape, whichever dialect it came in.

import type { Json } from "../json";

export type Part =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  | { kind: "refusal"; text: string }
  | { kind: "tool_call"; name: string; id: string; input: Json }
  | { kind: "tool_result"; name: string; id: string; output: Json }
  | { kind: "media"; modality: string; mime: string; source: "inline" | "uri" | "file"; data: string }
  /** Something that no rule here knows; shown as JSON. */
  | { kind: "other"; type: string; value: Json };

export type Role = "system" | "user" | "assistant" | "tool" | "other";

export interface Message {
  role: Role;
  /** As it was sent: "developer", "model". */
  sentRole: string;
  name: string;
  parts: Part[];
  finishReason: string;
}

/** What one side of a model call held. */
export interface Messages {
  messages: Message[];
  /** Something the reader should know: that the text was cut short. */
  note: string;
}
