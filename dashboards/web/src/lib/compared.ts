// Values of two sets of calls, side by side.

import { formatCost, formatSeconds } from "./format";

const NAMES: Readonly<Record<string, string>> = {
  cost_usd: "Cost",
  duration_s: "Duration",
  error_rate: "Errors",
  input_tokens: "Tokens in",
  output_tokens: "Tokens out",
  output_tokens_per_second: "Tokens out a second",
  time_per_output_token_s: "Time per token",
  time_to_first_token_s: "Time to first token",
};
/** Of these, less is better; of tokens a second and most scores, more is. */
const LESS = new Set(["cost_usd", "duration_s", "error_rate", "time_per_output_token_s", "time_to_first_token_s"]);
/** Scores that are higher where something is wrong. */
const FAULTS = new Set([
  "language_mismatch", "no_answer", "prompt_injection", "refusal", "repetition", "secret_leak", "system_prompt_leak", "toxicity", "truncation", "unsafe_output",
]);
/** Neither is better by itself. */
const NEITHER = new Set(["input_tokens", "output_tokens", "score.readability", "score.language"]);

/** Whether a high score is the bad one. */
export function isFault(score: string): boolean {
  return FAULTS.has(score);
}

/** A value's name as people say it. */
export function nameOf(name: string): string {
  return NAMES[name] ?? name.replace(/^score\./, "");
}

/** A value, or with its sign a difference, in its unit; shares as per cent. */
export function formatCompared(name: string, statistic: string, value: number, signed = false): string {
  const sign = value < 0 ? "−" : signed && value > 0 ? "+" : "";
  const size = Math.abs(value);
  if (statistic === "share") return `${sign}${(100 * size).toFixed(1)}${signed ? " pp" : " %"}`;
  if (name.endsWith("_usd")) return sign + formatCost(size);
  if (name.endsWith("_s")) return sign + formatSeconds(size);
  return sign + (size >= 100 ? size.toFixed(0) : String(Number(size.toPrecision(3))));
}

/** Whether a difference is clear, by its interval and the corrected p, and then whether it is for the better. */
export function verdictOf({ name, difference, is_clear, p }: { name: string; difference: number; is_clear: boolean; p: number | null }): "better" | "worse" | "other" | undefined {
  if (!is_clear || difference === 0 || (p !== null && p > 0.05)) return undefined;
  if (NEITHER.has(name)) return "other";
  const less = name.startsWith("score.") ? isFault(name.slice("score.".length)) : LESS.has(name);
  return difference < 0 === less ? "better" : "worse";
}
