// A rule's values as a form writes them. What a form has no field for stays as it is.

export type Fields = Readonly<Record<string, unknown>>;

export interface Field {
  name: string;
  label: string;
  about?: string;
  /** Of which kinds of rules; of all unless given. */
  kinds?: readonly string[];
  isLong?: boolean;
}

export const KINDS = ["threshold", "percentile", "change", "anomaly", "burn_rate", "budget", "score", "completeness", "no_data", "metric", "collector", "sql", "ratio"];

const OF_METRIC = ["threshold", "change", "anomaly", "metric", "collector", "budget", "no_data"];
const COMPARED = KINDS.filter((kind) => !["anomaly", "burn_rate", "budget", "no_data"].includes(kind));

/** In the order of the form. */
export const FIELDS: readonly Field[] = [
  { name: "metric", label: "Metric", about: "error_rate, latency_p95, cost_usd, …", kinds: OF_METRIC },
  { name: "of", label: "Percentile of", about: "latency, ttft, tpot, …", kinds: ["percentile"] },
  { name: "percentile", label: "Percentile", about: "99.5", kinds: ["percentile"] },
  { name: "score", label: "Score", about: "relevance, user_feedback, …", kinds: ["score"] },
  { name: "statistic", label: "Statistic", about: "mean, p10, p50, share_below, share_above, count", kinds: ["score"] },
  { name: "bound", label: "Bound", about: "Of share_below and share_above", kinds: ["score"] },
  { name: "objective", label: "Objective", about: "The share that should be well: 0.999", kinds: ["burn_rate"] },
  { name: "bad", label: "What is bad", about: "errors, slow, slow_first_token", kinds: ["burn_rate"] },
  { name: "slower_than", label: "Slower than", about: "Where slow is bad: 5s", kinds: ["burn_rate"] },
  { name: "limit", label: "Limit", about: "Of a period", kinds: ["budget"] },
  { name: "period", label: "Period", about: "day, week or month", kinds: ["budget"] },
  { name: "source", label: "Of what", about: "spans, calls, points, scores", kinds: ["no_data"] },
  { name: "aggregate", label: "Aggregate", about: "avg, max, min, sum, last, p95, rate, increase", kinds: ["metric"] },
  { name: "query", label: "Query", about: "A SELECT with a column value, over {start:DateTime64(6)} to {end:DateTime64(6)}", kinds: ["sql"], isLong: true },
  { name: "condition", label: "Condition", about: "> 5%, < 0.9, >= 3", kinds: COMPARED },
  { name: "window", label: "Window", about: "How far back: 5m, 1h" },
  { name: "for", label: "For", about: "How long it has to hold: 2m" },
  { name: "group_by", label: "An alert for each", about: "service, model, user; with commas" },
  { name: "where", label: "Only where", about: "service=shop, environment=prod" },
  { name: "min_count", label: "Least rows", about: "Fewer say nothing" },
  { name: "playbook", label: "Playbook" },
  { name: "summary", label: "What to tell people", about: "{value}, {threshold} and labels are filled in", isLong: true },
];

const NUMBERS = new Set(["percentile", "bound", "objective", "limit", "min_count"]);

/** A value as text of a form. */
export function fieldValue(fields: Fields, name: string): string {
  const value = fields[name];
  if (name === "where" && typeof value === "object" && value !== null) {
    return Object.entries(value).map(([key, one]) => `${key}=${Array.isArray(one) ? one.join("|") : String(one)}`).join(", ");
  }
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The same values with one that was written. What is left empty is left out. */
export function withField(fields: Fields, name: string, text: string): Fields {
  if (text.trim() === "" && !["name", "kind", "severity"].includes(name)) {
    return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
  }
  return { ...fields, [name]: parsed(name, text) };
}

function parsed(name: string, text: string): unknown {
  if (name === "group_by") return text.split(",").map((each) => each.trim()).filter(Boolean);
  if (name === "where") {
    return Object.fromEntries(text.split(",").filter((each) => each.trim()).map((each) => {
      const [key = "", ...rest] = each.split("=");
      const value = rest.join("=").trim();
      return [key.trim(), value.includes("|") ? value.split("|").map((one) => one.trim()) : value];
    }));
  }
  return NUMBERS.has(name) && Number.isFinite(Number(text)) ? Number(text) : text;
}
