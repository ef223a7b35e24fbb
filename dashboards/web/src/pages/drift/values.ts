// Values of metrics, in their units.

import type { DriftRow } from "../../api/client";
import { formatBytes, formatCost, formatSeconds, NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";

/** A value of a metric; of categories there is none. */
export function formatValue(row: { metric: string; kind: string }, value: number | null): string {
  if (value === null) return NONE;
  if (row.kind !== "numeric") return formatShare(value);
  if (row.metric.endsWith("_usd")) return formatCost(value);
  if (row.metric.endsWith("_s")) return formatSeconds(value);
  if (row.metric.endsWith("_bytes")) return formatBytes(value);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

/** How large a change is, with its interval. */
export function formatEffect({ effect, low, high, kind }: Pick<DriftRow, "effect" | "low" | "high"> & { kind: string }): string {
  if (effect === null) return NONE;
  const unit = kind === "numeric" ? " sd" : kind === "boolean" ? " h" : "";
  const size = (value: number): string => (kind === "categorical" ? formatShare(value) : value.toFixed(2));
  return `${size(effect)}${unit}${low !== null && high !== null ? ` (${size(low)} to ${size(high)})` : ""}`;
}

export function formatP(p: number | null): string {
  if (p === null) return NONE;
  return p < 1e-4 ? "< 0.0001" : p.toPrecision(2);
}
