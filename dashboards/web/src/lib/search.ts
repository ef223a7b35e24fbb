// What a page shows, as it stands in its address. Everything there may be mistyped: what makes no
// sense is left out.

import { quote } from "./query";
import type { TimeRange } from "./time";

export const SORTS = ["start_time", "duration", "tokens", "cost", "spans", "errors"] as const;
export type Sort = (typeof SORTS)[number];

/** What a chart of traces shows, beside how many there are. */
export const CHART_METRICS = ["traces", "errors", "duration_p50", "duration_p95", "cost", "tokens"] as const;
export type ChartMetric = (typeof CHART_METRICS)[number];
export const CHART_GROUPS = ["service", "model", "operation", "environment", "feature", "tag", "status", "user", "session", "name"] as const;
export type ChartGroup = (typeof CHART_GROUPS)[number];

/**
 * A list of traces. `q` is a query in the service's language; the others are short forms of terms,
 * for links: the page takes them into `q`.
 */
export interface TraceSearch extends TimeRange {
  q?: string | undefined;
  service?: string | undefined;
  operation?: string | undefined;
  model?: string | undefined;
  environment?: string | undefined;
  status?: "ok" | "error" | undefined;
  session?: string | undefined;
  user?: string | undefined;
  feature?: string | undefined;
  tag?: string | undefined;
  min_ms?: number | undefined;
  max_ms?: number | undefined;
  min_tokens?: number | undefined;
  min_cost?: number | undefined;
  sample?: "hide" | "only" | undefined;
  sort?: Sort | undefined;
  order?: "asc" | undefined;
  live?: true | undefined;
  /** The trace that is shown beside the list. */
  peek?: string | undefined;
  /** The same traces as a chart: of what, and by what its lines are told apart. */
  view?: "chart" | undefined;
  metric?: ChartMetric | undefined;
  by?: ChartGroup | undefined;
}

export interface SpanSearch {
  span?: string | undefined;
  tab?: string | undefined;
  q?: string | undefined;
  /** How the steps are shown, where it is not a tree. */
  shape?: "graph" | "logs" | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

export function readTraceSearch(raw: Raw): TraceSearch {
  const from = time(raw["from"]);
  const to = time(raw["to"]);
  return compact({
    range: from ? undefined : text(raw["range"]),
    from,
    to: from ? to : undefined,
    q: text(raw["q"]),
    service: text(raw["service"]),
    operation: text(raw["operation"]),
    model: text(raw["model"]),
    environment: text(raw["environment"]),
    status: oneOf(raw["status"], ["ok", "error"] as const),
    session: text(raw["session"]),
    user: text(raw["user"]),
    feature: text(raw["feature"]),
    tag: text(raw["tag"]),
    min_ms: amount(raw["min_ms"]),
    max_ms: amount(raw["max_ms"]),
    min_tokens: amount(raw["min_tokens"], true),
    min_cost: amount(raw["min_cost"]),
    sample: oneOf(raw["sample"], ["hide", "only"] as const),
    sort: oneOf(raw["sort"], SORTS),
    order: oneOf(raw["order"], ["asc"] as const),
    live: raw["live"] === "1" || raw["live"] === true ? (true as const) : undefined,
    peek: traceId(raw["peek"]),
    view: oneOf(raw["view"], ["chart"] as const),
    metric: oneOf(raw["metric"], CHART_METRICS),
    by: oneOf(raw["by"], CHART_GROUPS),
  });
}

export function readSpanSearch(raw: Raw): SpanSearch {
  return compact({ span: text(raw["span"]), tab: text(raw["tab"]), q: text(raw["q"]), shape: oneOf(raw["shape"], ["graph", "logs"] as const) });
}

export interface OverviewSearch extends TimeRange {
  service?: string | undefined;
  environment?: string | undefined;
}

export function readOverviewSearch(raw: Raw): OverviewSearch {
  const { range, from, to, service, environment } = readTraceSearch(raw);
  return compact({ range, from, to, service, environment });
}

export interface SqlSearch {
  query?: string | undefined;
  /** How the answer is shown, where it is not a table. */
  show?: "chart" | undefined;
}

/** Characters of a statement that an address carries. */
const LONGEST_QUERY = 20_000;

export function readSqlSearch(raw: Raw): SqlSearch {
  const query = raw["query"];
  const asked = typeof query === "string" && query.trim() !== "" ? query.slice(0, LONGEST_QUERY) : undefined;
  return compact({ query: asked, show: oneOf(raw["show"], ["chart"] as const) });
}

export interface BoardSearch {
  board?: string | undefined;
}

export function readBoardSearch(raw: Raw): BoardSearch {
  return compact({ board: text(raw["board"]) });
}

/** Two traces, and the step of them that is looked at: its number among those that are listed. */
export interface CompareSearch {
  a?: string | undefined;
  b?: string | undefined;
  step?: number | undefined;
}

export function readCompareSearch(raw: Raw): CompareSearch {
  return compact({ a: traceId(raw["a"]), b: traceId(raw["b"]), step: amount(raw["step"], true) });
}

export interface AlertsSearch {
  show?: "incidents" | "resolved" | "rules" | undefined;
  /** A rule that is edited; `+`, which none is called, for a new one. */
  rule?: string | undefined;
}

export function readAlertsSearch(raw: Raw): AlertsSearch {
  const show = oneOf(raw["show"], ["incidents", "resolved", "rules"] as const);
  return compact({ show, rule: show === "rules" ? text(raw["rule"]) : undefined });
}

export interface PromptSearch {
  project?: string | undefined;
  before?: number | undefined;
  after?: number | undefined;
}

/** A prompt's page: whose it is where that is not the key's own, and which versions are set side by side. */
export function readPromptSearch(raw: Raw): PromptSearch {
  return compact({ project: text(raw["project"]), before: amount(raw["before"], true), after: amount(raw["after"], true) });
}

export interface DatasetSearch {
  project?: string | undefined;
  version?: number | undefined;
  split?: string | undefined;
}

/** A dataset's page: whose it is where that is not the key's own, and which of its items are shown. */
export function readDatasetSearch(raw: Raw): DatasetSearch {
  return compact({ project: text(raw["project"]), version: amount(raw["version"], true), split: text(raw["split"]) });
}

export type ReviewView = "label" | "disputed" | "results";

export interface ReviewSearch {
  project?: string | undefined;
  view?: ReviewView | undefined;
}

/** A review queue's page. */
export function readReviewSearch(raw: Raw): ReviewSearch {
  return compact({ project: text(raw["project"]), view: oneOf(raw["view"], ["label", "disputed", "results"] as const) });
}

/** What the cost of calls can be told apart by. */
export const COST_GROUPS = ["model", "service", "feature", "user", "session", "prompt_version", "tag", "provider", "project"] as const;
export type CostGroup = (typeof COST_GROUPS)[number];

export interface CostSearch extends OverviewSearch {
  /** The tab, where it is not what was spent. */
  view?: "savings" | undefined;
  by?: CostGroup | undefined;
  model?: string | undefined;
  feature?: string | undefined;
}

export function readCostSearch(raw: Raw): CostSearch {
  const { model, feature } = readTraceSearch(raw);
  return compact({ ...readOverviewSearch(raw), model, feature, by: oneOf(raw["by"], COST_GROUPS), view: oneOf(raw["view"], ["savings"] as const) });
}

/** A range of time, and nothing else; the last hour unless one is given. */
export function readGpusSearch(raw: Raw): TimeRange {
  const { range, from, to } = readTraceSearch(raw);
  return compact({ range, from, to });
}

/** What scores can be told apart by, beside their name. */
export const QUALITY_GROUPS = ["service", "model", "prompt_version", "environment", "source", "evaluator", "label"] as const;
export type QualityGroup = (typeof QUALITY_GROUPS)[number];
export const EXAMPLE_ORDERS = ["worst", "best", "latest"] as const;
export type ExampleOrder = (typeof EXAMPLE_ORDERS)[number];

export const SCORE_SOURCES = ["human", "user", "code", "judge", "detector"] as const;
export type ScoreSource = (typeof SCORE_SOURCES)[number];

export interface QualitySearch extends OverviewSearch {
  source?: ScoreSource | undefined;
  model?: string | undefined;
  prompt?: string | undefined;
  by?: QualityGroup | undefined;
  show?: ExampleOrder | undefined;
  label?: string | undefined;
}

export function readQualitySearch(raw: Raw): QualitySearch {
  const { model } = readTraceSearch(raw);
  return compact({
    ...readOverviewSearch(raw), model, prompt: text(raw["prompt"]), source: oneOf(raw["source"], SCORE_SOURCES),
    by: oneOf(raw["by"], QUALITY_GROUPS), show: oneOf(raw["show"], EXAMPLE_ORDERS), label: text(raw["label"]),
  });
}

export const ACTIVITY_SORTS = ["last", "turns", "sessions", "duration", "tokens", "cost", "errors"] as const;
export type ActivitySort = (typeof ACTIVITY_SORTS)[number];

/** What lists of conversations and users show. */
export interface ActivitySearch extends OverviewSearch {
  q?: string | undefined;
  model?: string | undefined;
  feature?: string | undefined;
  user?: string | undefined;
  status?: "ok" | "error" | undefined;
  feedback?: "up" | "down" | undefined;
  sort?: ActivitySort | undefined;
  order?: "asc" | undefined;
}

export function readActivitySearch(raw: Raw): ActivitySearch {
  const { model, feature, user, status, q, order } = readTraceSearch(raw);
  return compact({
    ...readOverviewSearch(raw), q, model, feature, user, status, order,
    feedback: oneOf(raw["feedback"], ["up", "down"] as const), sort: oneOf(raw["sort"], ACTIVITY_SORTS),
  });
}

export interface ConversationSearch extends TimeRange {
  project?: string | undefined;
}

/** One conversation: its range of time, and whose it is where several have one of that name. */
export function readConversationSearch(raw: Raw): ConversationSearch {
  const { range, from, to } = readTraceSearch(raw);
  return compact({ range, from, to, project: text(raw["project"]) });
}

/** Whether anything narrows the list, beside its range of time. */
export function isFiltered(search: TraceSearch): boolean {
  return queryOf(search) !== "";
}

/** The query of a list, with what its address says in short. */
export function queryOf(search: TraceSearch): string {
  const { min_ms: least, max_ms: most, min_tokens: tokens, min_cost: cost, sample } = search;
  const fields = ["service", "operation", "model", "environment", "status", "session", "user", "feature", "tag"] as const;
  return [
    search.q?.trim(),
    ...fields.map((field) => search[field] && `${field}:${quote(search[field])}`),
    least !== undefined && `latency:>=${least}ms`,
    most !== undefined && `latency:<=${most}ms`,
    tokens !== undefined && `tokens:>=${tokens}`,
    cost !== undefined && `cost:>=${cost}`,
    sample && `sample:${sample === "only" ? "yes" : "no"}`,
  ].filter(Boolean).join(" ");
}

/** The same list, all of its conditions in `q`. */
export function settled(search: TraceSearch): TraceSearch {
  const { range, from, to, sort, order, live, peek, view, metric, by } = search;
  return compact({ range, from, to, sort, order, live, peek, view, metric, by, q: queryOf(search) || undefined });
}

/** The range of time of a list. */
export function rangeOf({ range, from, to }: TimeRange): TimeRange {
  return { range, from, to };
}

/** The API's names for what the page shows. */
export function toFilters(search: TraceSearch) {
  return compact({ query: queryOf(search) || undefined, sort: search.sort, order: search.order });
}

/** Reads `?a=1&b=2` without guessing at types. */
export function parseSearch(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

/** Writes it, leaving out what is not set; `true` is written as 1. */
export function stringifySearch(search: Raw): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value === true) query.set(key, "1");
    else if (typeof value === "number") query.set(key, String(value));
    else if (typeof value === "string" && value !== "") query.set(key, value);
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

type Compact<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function compact<T extends object>(value: T): Compact<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Compact<T>;
}

function text(value: unknown): string | undefined {
  const found = typeof value === "number" ? String(value) : value;
  return typeof found === "string" && found.trim() !== "" ? found.slice(0, 1000) : undefined;
}

function traceId(value: unknown): string | undefined {
  return typeof value === "string" && /^[0-9a-f]{32}$/i.test(value) ? value.toLowerCase() : undefined;
}

function time(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const millis = Date.parse(value);
  return Number.isNaN(millis) ? undefined : new Date(millis).toISOString();
}

function amount(value: unknown, whole = false): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0 || number > 1e12) return undefined;
  return whole ? Math.round(number) : number;
}

function oneOf<const T extends readonly string[]>(value: unknown, allowed: T): T[number] | undefined {
  return allowed.find((each) => each === value);
}
