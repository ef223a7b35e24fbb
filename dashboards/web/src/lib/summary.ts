// What a trace comes to, from its spans.

import type { LightSpan } from "../api/tree";
import { kindOf, type Kind } from "./kinds";
import { mayHaveContent } from "./messages/conversation";
import type { Tree } from "./tree";

export interface Summary {
  root: LightSpan | undefined;
  name: string;
  /** Whether the root span is there. */
  complete: boolean;
  failed: boolean;
  errors: number;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  costUsd: number;
  estimated: boolean;
  models: string[];
  services: string[];
  environment: string;
  sessionId: string;
  userId: string;
  /** Seconds, of the first model call that says so, and its span. */
  firstToken: { seconds: number; span: LightSpan } | undefined;
  sample: boolean;
}

const INFERENCE: ReadonlySet<Kind> = new Set(["llm", "embedding", "rerank"]);

export function kindOfSpan(span: LightSpan): Kind {
  return kindOf(span.operation, span.span_kind);
}

export function summarise(spans: readonly LightSpan[]): Summary {
  const root = spans.find((span) => span.parent_span_id === "") ?? spans[0];
  const inference = spans.filter((span) => INFERENCE.has(kindOfSpan(span)));
  // A span above another model call repeats that one's numbers: only the lowest count.
  const above = new Set(inference.map((span) => span.parent_span_id));
  const leaves = inference.filter((span) => !above.has(span.span_id));
  const sum = (of: (span: LightSpan) => number | null): number => leaves.reduce((total, span) => total + (of(span) ?? 0), 0);
  const distinct = (of: (span: LightSpan) => string): string[] => [...new Set(spans.map(of))].filter(Boolean);
  const timed = [root, ...spans].find((span) => span?.time_to_first_token_s != null);
  const errors = spans.filter((span) => span.status === "error").length;
  return {
    root,
    name: root?.name ?? "",
    complete: root?.parent_span_id === "",
    failed: errors > 0,
    errors,
    inputTokens: sum((span) => span.input_tokens),
    outputTokens: sum((span) => span.output_tokens),
    cachedTokens: sum((span) => span.cache_read_tokens),
    costUsd: sum((span) => span.cost_usd),
    estimated: leaves.some((span) => span.tokens_estimated || span.cost_source === "estimated"),
    // The models that talk before those that embed.
    models: [
      ...new Set(
        [...inference].sort((a, b) => Number(kindOfSpan(b) === "llm") - Number(kindOfSpan(a) === "llm"))
          .concat(spans)
          .map((span) => span.response_model || span.request_model)
          .filter(Boolean),
      ),
    ],
    services: distinct((span) => span.service),
    environment: root?.environment ?? "",
    sessionId: distinct((span) => span.session_id)[0] ?? "",
    userId: distinct((span) => span.user_id)[0] ?? "",
    firstToken: timed?.time_to_first_token_s == null ? undefined : { seconds: timed.time_to_first_token_s, span: timed },
    sample: spans.some((span) => span.sample_data),
  };
}

/** The span that a reader most likely came for: what failed, else what was said. */
export function startingSpan(spans: readonly LightSpan[], tree: Tree<LightSpan>): LightSpan | undefined {
  const failed = tree.nodes.filter((node) => node.span?.status === "error" && node.failures === 0);
  const talking = (span: LightSpan): boolean => kindOfSpan(span) === "llm" && mayHaveContent(span);
  const worst = failed.find((node) => node.span && talking(node.span)) ?? failed[0];
  if (worst?.span) return worst.span;
  const root = spans.find((span) => span.parent_span_id === "");
  if (root && mayHaveContent(root)) return root;
  return spans.filter(talking).at(-1) ?? root ?? spans[0];
}
