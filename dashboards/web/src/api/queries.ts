// Every question the pages ask, with how long its answer holds.

import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { spansOf } from "./tree";
import { intervalOf } from "../lib/intervals";
import type { ActivitySearch, ChartGroup, ChartMetric, QualityGroup, ScoreSource } from "../lib/search";
import { millisOf, windowOf, type TimeRange, type Window } from "../lib/time";
import type { components } from "./schema.gen";
import { api, ApiProblem, type CostParameters, dataOf, type Span, type TraceListParameters } from "./client";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: false,
      // Trying again helps against a service that is away for a moment, not against a refusal.
      retry: (failures, error) => {
        const status = error instanceof ApiProblem ? error.status : 0;
        return failures < 2 && (status === 0 || status >= 502);
      },
      retryDelay: (attempt) => 400 * 2 ** attempt,
    },
  },
});

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/session", { signal })),
  staleTime: 300_000,
});

/** What a list is filtered and sorted by, without its range of time. */
export type TraceFilters = Omit<TraceListParameters, "start" | "end" | "limit" | "cursor">;

const PAGE_SIZE = 100;

interface Place {
  cursor: string;
  window: Window;
}

export function tracesQuery(filters: TraceFilters, range: TimeRange) {
  return infiniteQueryOptions({
    queryKey: ["traces", filters, range],
    queryFn: async ({ pageParam, signal }) => {
      // Later pages belong to the range as it was when the first one came.
      const window = pageParam?.window ?? windowOf(range, Date.now());
      const cursor = pageParam?.cursor ?? "";
      const query = { ...filters, ...window, limit: PAGE_SIZE, ...(cursor && { cursor }) };
      const page = await dataOf(api.GET("/api/v1/traces", { params: { query }, signal }));
      return { ...page, window };
    },
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (last): Place | undefined => (last.next ? { cursor: last.next, window: last.window } : undefined),
    placeholderData: keepPreviousData,
  });
}

export function facetsQuery(range: TimeRange) {
  return queryOptions({
    queryKey: ["facets", range],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/traces/facets", { params: { query: windowOf(range, Date.now()) }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
}

/** What a query means, or where it is wrong. */
export function understoodQuery(query: string) {
  return queryOptions({
    queryKey: ["understood", query],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/traces/query", { params: { query: { query } }, signal })),
    staleTime: Infinity,
  });
}

/** What a query means, and what could be written where the caret is. */
export function completionQuery(query: string, at: number, range: TimeRange) {
  return queryOptions({
    queryKey: ["completion", query, at, range],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/traces/query", { params: { query: { query, at, ...windowOf(range, Date.now()) } }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 30_000,
  });
}

/** The latest traces of ninety days whose ids begin so. */
export function tracesByIdQuery(digits: string) {
  return queryOptions({
    queryKey: ["traces-by-id", digits],
    queryFn: async ({ signal }) => {
      const query = { query: `trace:${digits}*`, limit: 8, ...windowOf({ range: "90d" }, Date.now()) };
      return (await dataOf(api.GET("/api/v1/traces", { params: { query }, signal }))).items;
    },
  });
}

/** How many traces of a list began when. */
export function timelineQuery(query: string, range: TimeRange) {
  return queryOptions({
    queryKey: ["timeline", query, range],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/traces/timeline", { params: { query: { query, ...windowOf(range, Date.now()) } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** A list of traces as lines over time. */
export function traceChartQuery(query: string, range: TimeRange, metric: ChartMetric, by: ChartGroup | "") {
  return queryOptions({
    queryKey: ["trace-chart", query, range, metric, by],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/traces/chart", { params: { query: { query, metric, by, ...windowOf(range, Date.now()) } }, signal })),
    placeholderData: keepPreviousData,
  });
}

export interface OverviewFilters {
  service?: string | undefined;
  environment?: string | undefined;
}

export function overviewQuery({ service = "", environment = "" }: OverviewFilters, range: TimeRange) {
  return queryOptions({
    queryKey: ["overview", service, environment, range],
    queryFn: ({ signal }) => {
      const query = { service, environment, ...windowOf(range, Date.now()) };
      return dataOf(api.GET("/api/v1/overview", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

export type CostFilters = Omit<CostParameters, "start" | "end" | "interval" | "limit">;

export function costQuery(filters: CostFilters, range: TimeRange) {
  return queryOptions({
    queryKey: ["cost", filters, range],
    queryFn: async ({ signal }) => {
      const window = windowOf(range, Date.now());
      const interval = intervalOf(window, Date.now());
      const query = { ...filters, ...window, interval, limit: 50 };
      return { ...(await dataOf(api.GET("/api/v1/cost", { params: { query }, signal }))), window, interval };
    },
    placeholderData: keepPreviousData,
  });
}

/** Why more or less was spent than in the time before. */
export function costChangesQuery(filters: CostFilters, range: TimeRange) {
  return queryOptions({
    queryKey: ["cost-changes", filters, range],
    queryFn: ({ signal }) => {
      const query = { ...filters, ...windowOf(range, Date.now()), limit: 8 };
      return dataOf(api.GET("/api/v1/cost/changes", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

/** What this month will have cost. */
export function forecastQuery(query: { service: string; environment: string; model: string; feature: string }) {
  return queryOptions({
    queryKey: ["cost-forecast", query],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/cost/forecast", { params: { query }, signal })),
  });
}

/** Budgets, and how they stand. */
export const budgetsQuery = queryOptions({
  queryKey: ["budgets"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/budgets", { signal })),
});

/** What would cost less; asked again until it is made. */
export function adviceQuery(days: number) {
  return queryOptions({
    queryKey: ["advice", days],
    queryFn: ({ signal }) => {
      // The service keeps what it has made for a range: this one moves on every ten minutes.
      const end = Math.floor(Date.now() / 600_000) * 600_000;
      const query = { start: new Date(end - days * 86_400_000).toISOString(), end: new Date(end).toISOString(), wait: 20 };
      return dataOf(api.GET("/api/v1/advice", { params: { query }, signal }));
    },
    refetchInterval: (query) => (query.state.data?.state === "running" ? 1_000 : false),
    staleTime: 600_000,
  });
}

/** Models that calls have no cost of, with what prices them. */
export const unpricedQuery = queryOptions({
  queryKey: ["unpriced"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/prices/unknown", { signal })),
});

/** People's SQL, as it was written: it runs when it is asked to, and not again by itself. */
/** The answer to a statement as a Parquet file. */
export async function parquetOf(query: string): Promise<Blob> {
  const file: unknown = await dataOf(api.POST("/api/v1/sql/parquet", { body: { query, params: {} }, parseAs: "blob" }));
  if (!(file instanceof Blob)) throw new ApiProblem(502, "Not understood", "The answer was not a file.");
  return file;
}

export function sqlQuery(query: string) {
  return queryOptions({
    queryKey: ["sql", query],
    queryFn: async ({ signal }) => {
      const began = performance.now();
      const answer = await dataOf(api.POST("/api/v1/sql", { body: { query, params: {} }, signal }));
      return { ...answer, millis: performance.now() - began };
    },
    retry: false,
    staleTime: Infinity,
    // An answer can be large: one that nobody looks at goes soon.
    gcTime: 30_000,
  });
}

/** Names and types of a table's columns. */
export function columnsQuery(table: string) {
  return queryOptions({
    queryKey: ["columns", table],
    queryFn: async ({ signal }) => {
      const { rows } = await dataOf(api.POST("/api/v1/sql", { body: { query: `DESCRIBE TABLE ${table}`, params: {} }, signal }));
      return rows.map((row) => ({ name: String(row[0]), type: String(row[1]) }));
    },
    staleTime: 600_000,
  });
}

function activityParameters(search: ActivitySearch) {
  const { q = "", service = "", environment = "", model = "", feature = "", user = "", status, feedback, sort, order } = search;
  return {
    query: q, service, environment, model, feature, user_id: user, limit: PAGE_SIZE,
    ...(status && { status }), ...(feedback && { feedback }), ...(sort && { sort }), ...(order && { order }),
  };
}

/** Sessions that were active in a range. */
export function conversationsQuery(search: ActivitySearch, range: TimeRange) {
  return infiniteQueryOptions({
    queryKey: ["conversations", search, range],
    queryFn: async ({ pageParam, signal }) => {
      const window = pageParam?.window ?? windowOf(range, Date.now());
      const query = { ...activityParameters(search), ...window, cursor: pageParam?.cursor ?? "" };
      return { ...(await dataOf(api.GET("/api/v1/conversations", { params: { query }, signal }))), window };
    },
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (last): Place | undefined => (last.next ? { cursor: last.next, window: last.window } : undefined),
    placeholderData: keepPreviousData,
  });
}

/** Users that were active in a range. */
export function usersQuery(search: ActivitySearch, range: TimeRange) {
  return infiniteQueryOptions({
    queryKey: ["users", search, range],
    queryFn: async ({ pageParam, signal }) => {
      const window = pageParam?.window ?? windowOf(range, Date.now());
      const query = { ...activityParameters(search), ...window, cursor: pageParam?.cursor ?? "" };
      return { ...(await dataOf(api.GET("/api/v1/users", { params: { query }, signal }))), window };
    },
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (last): Place | undefined => (last.next ? { cursor: last.next, window: last.window } : undefined),
    placeholderData: keepPreviousData,
  });
}

const TURNS_PAGE = 50;

/** One session as a thread, of the last thirty days unless a range is given. */
export function conversationQuery(sessionId: string, range: TimeRange, project = "") {
  return infiniteQueryOptions({
    queryKey: ["conversation", sessionId, range, project],
    queryFn: ({ pageParam, signal }) => {
      const window = range.range === undefined && range.from === undefined ? {} : windowOf(range, Date.now());
      const query = { ...window, project, limit: TURNS_PAGE, cursor: pageParam };
      return dataOf(api.GET("/api/v1/conversations/{session_id}", { params: { path: { session_id: sessionId }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    // Payloads can be large: those that nobody looks at go soon.
    gcTime: 30_000,
  });
}

/** Which scores a page is about. */
export interface QualityFilters {
  service?: string | undefined;
  environment?: string | undefined;
  model?: string | undefined;
  prompt?: string | undefined;
  source?: ScoreSource | undefined;
}

function qualityParameters({ service = "", environment = "", model = "", prompt = "", source }: QualityFilters, range: TimeRange) {
  return { service, environment, model, prompt_version: prompt, ...(source && { source }), ...windowOf(range, Date.now()) };
}

/** Scores beside those of the range before: of all names, or of one by groups. */
export function scoreChangesQuery(filters: QualityFilters, range: TimeRange, name = "", by?: QualityGroup) {
  return queryOptions({
    queryKey: ["quality", "changes", filters, range, name, by],
    queryFn: ({ signal }) => {
      const query = { ...qualityParameters(filters, range), name, ...(by && { group_by: [by] }) };
      return dataOf(api.GET("/api/v1/quality/changes", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

export function scoreDistributionQuery(name: string, filters: QualityFilters, range: TimeRange) {
  return queryOptions({
    queryKey: ["quality", "distribution", name, filters, range],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/quality/distribution", { params: { query: { ...qualityParameters(filters, range), name } }, signal })),
    placeholderData: keepPreviousData,
  });
}

const EXAMPLES_PAGE = 10;

/** Scores of a name, with their evidence. */
export function scoreExamplesQuery(name: string, filters: QualityFilters, range: TimeRange, order: "lowest" | "highest" | "latest", label = "") {
  return infiniteQueryOptions({
    queryKey: ["quality", "examples", name, filters, range, order, label],
    queryFn: async ({ pageParam, signal }) => {
      const window = pageParam?.window ?? windowOf(range, Date.now());
      const query = { ...qualityParameters(filters, range), ...window, name, order, label, limit: EXAMPLES_PAGE, cursor: pageParam?.cursor ?? "" };
      return { ...(await dataOf(api.GET("/api/v1/quality/examples", { params: { query }, signal }))), window };
    },
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (last): Place | undefined => (last.next ? { cursor: last.next, window: last.window } : undefined),
    placeholderData: keepPreviousData,
  });
}

/** How far machines agree with people, of every name or of one. */
export function agreementQuery(range: TimeRange, name = "") {
  return queryOptions({
    queryKey: ["quality", "agreement", range, name],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/quality/agreement", { params: { query: { ...windowOf(range, Date.now()), name } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** The chance that people say yes, by a machine's score. */
export function calibrationQuery(range: TimeRange, name: string, per: "span" | "trace" = "span") {
  return queryOptions({
    queryKey: ["quality", "calibration", range, name, per],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/quality/calibration", { params: { query: { ...windowOf(range, Date.now()), name, per } }, signal })),
    placeholderData: keepPreviousData,
  });
}

const DAY_MS = 86_400_000;

/** Personal data by kind and place, with its course by hour or day. */
export function piiQuery(range: TimeRange, service: string | undefined, by: "place" | "entity") {
  return queryOptions({
    queryKey: ["pii", range, service, by],
    queryFn: ({ signal }) => {
      const window = windowOf(range, Date.now());
      const long = (window.end === undefined ? Date.now() : millisOf(window.end)) - millisOf(window.start) > 3 * DAY_MS;
      const course = { group_by: ["entity" as const], interval: long ? ("day" as const) : ("hour" as const) };
      return dataOf(api.GET("/api/v1/pii", { params: { query: { ...window, ...(service !== undefined && { service }), ...(by === "entity" && course) } }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

/** What slipped through, as the nightly sample says. */
export function missedQuery(range: TimeRange, service: string | undefined) {
  return queryOptions({
    queryKey: ["pii", "missed", range, service],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/pii/missed", { params: { query: { ...windowOf(range, Date.now()), ...(service !== undefined && { service }) } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** Traces that hold a value. It is not kept, so it is no key of anything either. */
export function tracesOf(value: string) {
  return dataOf(api.POST("/api/v1/pii/subjects", { body: { value, entity: "", limit: 100 } }));
}

/** Milliseconds between two looks at what fires. */
const ALERTS_EVERY = 10_000;

/** What is pending, fires or is acknowledged; or what was resolved of late. */
export function alertsQuery(resolved: boolean) {
  return queryOptions({
    queryKey: ["alerts", resolved],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/alerts", { params: { query: resolved ? { state: "resolved" } : {} }, signal })),
    refetchInterval: ALERTS_EVERY,
  });
}

export const rulesQuery = queryOptions({
  queryKey: ["alert-rules"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/alerts/rules", { signal })),
});

/** What a rule that is being written says, as values and as YAML, and what is wrong with it. */
export const readDraft = (draft: { yaml: string } | { rule: Record<string, unknown> }) =>
  dataOf(api.POST("/api/v1/alerts/rules/{name}/draft", { params: { path: { name: "draft" } }, body: draft }));

/** When a rule would have fired. */
export const previewRule = (rule: Record<string, unknown>, hours: number) =>
  dataOf(api.POST("/api/v1/alerts/rules/{name}/preview", {
    params: { path: { name: typeof rule["name"] === "string" && rule["name"] ? rule["name"] : "draft" } },
    body: { rule, step_s: 0, start: new Date(Date.now() - hours * 3_600_000).toISOString() },
  }));

export async function saveRule(name: string, rule: Record<string, unknown>): Promise<void> {
  await dataOf(api.PUT("/api/v1/alerts/rules/{name}", { params: { path: { name } }, body: rule }));
  await queryClient.invalidateQueries({ queryKey: ["alert-rules"] });
}

/** Takes a rule away that was made here; one of a file with the same name counts again. */
export async function deleteRule(name: string): Promise<void> {
  await dataOf(api.DELETE("/api/v1/alerts/rules/{name}", { params: { path: { name } } }));
  await queryClient.invalidateQueries({ queryKey: ["alert-rules"] });
}

/** What drifted in two weeks. */
export const driftQuery = queryOptions({
  queryKey: ["drift"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/drift", { signal })),
  refetchInterval: 60_000,
});

/** What texts are about, beside the week before. */
export const topicsQuery = queryOptions({
  queryKey: ["drift", "topics"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/drift/topics", { signal })),
  refetchInterval: 300_000,
});

/** One finding with both distributions and its clearest metric hour by hour. */
export function findingQuery(id: string, project: string) {
  return queryOptions({
    queryKey: ["drift", project, id],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/drift/{finding_id}", { params: { path: { finding_id: id }, query: { project } }, signal })),
  });
}

/** Two sides of a metric, compared now. */
export function comparisonQuery({ metric, reference, current, by }: { metric: string; reference: string; current: string; by: string }) {
  return queryOptions({
    queryKey: ["drift", "compare", metric, reference, current, by],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/drift/compare", { params: { query: { metric, reference, current, ...(by ? { by: [by] } : {}) } }, signal })),
    retry: false,
  });
}

/** A playbook as Markdown, its checks answered for an alert. */
export function playbookQuery(name: string, alert: string) {
  return queryOptions({
    queryKey: ["playbook", name, alert],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/alerts/playbooks/{name}", { params: { path: { name }, query: { alert } }, signal })),
    retry: false,
  });
}

export async function acknowledge(alertId: string): Promise<void> {
  const path = { alert_id: alertId };
  await dataOf(api.POST("/api/v1/alerts/{alert_id}/acknowledge", { params: { path }, body: { by: "", note: "" } }));
}

/** Nobody hears of alerts with these labels for an hour. */
export async function silence(match: Record<string, string>): Promise<void> {
  await dataOf(api.POST("/api/v1/alerts/silences", { body: { match, author: "", comment: "From the list of alerts" } }));
}

/** Incidents, the latest first. */
export const incidentsQuery = infiniteQueryOptions({
  queryKey: ["incidents"],
  queryFn: ({ signal, pageParam }) => dataOf(api.GET("/api/v1/incidents", { params: { query: { before: pageParam } }, signal })),
  initialPageParam: 0,
  getNextPageParam: (last) => last.next ?? undefined,
  refetchInterval: ALERTS_EVERY,
});

/** One incident with its alerts and timeline. */
export function incidentQuery(number: number) {
  return queryOptions({
    queryKey: ["incident", number],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/incidents/{number}", { params: { path: { number } }, signal })),
    refetchInterval: ALERTS_EVERY,
  });
}

/** What people do about an incident; the answer is what it is then. */
export const incidents = {
  acknowledge: (number: number) => dataOf(api.POST("/api/v1/incidents/{number}/acknowledge", { params: { path: { number } }, body: { by: "", note: "" } })),
  resolve: (number: number) => dataOf(api.POST("/api/v1/incidents/{number}/resolve", { params: { path: { number } }, body: { by: "", note: "" } })),
  note: (number: number, text: string) => dataOf(api.POST("/api/v1/incidents/{number}/notes", { params: { path: { number } }, body: { by: "", text } })),
  change: (number: number, fields: { owner?: string; title?: string }) => dataOf(api.PATCH("/api/v1/incidents/{number}", { params: { path: { number } }, body: { by: "", ...fields } })),
  open: (title: string, alerts: string[], project: string) => dataOf(api.POST("/api/v1/incidents", { body: { title, alerts, project, severity: "error", by: "" } })),
  postmortem: (number: number) => dataOf(api.GET("/api/v1/incidents/{number}/postmortem", { params: { path: { number } }, parseAs: "text" })),
};

const PROMPTS_PAGE = 200;

export const promptsQuery = infiniteQueryOptions({
  queryKey: ["prompts"],
  queryFn: ({ pageParam, signal }) =>
    dataOf(api.GET("/api/v1/prompts", { params: { query: { limit: PROMPTS_PAGE, cursor: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (last) => last.next || undefined,
});

/** Which prompt; the project is empty for the key's own. */
export interface PromptKey {
  project: string;
  name: string;
}

export function promptQuery({ project, name }: PromptKey) {
  return queryOptions({
    queryKey: ["prompt", project, name],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/prompts/{name}", { params: { path: { name }, query: { project } }, signal })),
  });
}

/** What two versions say differently, or what one says where both are the same. */
export function promptDiffQuery({ project, name }: PromptKey, before: number, after: number) {
  return queryOptions({
    queryKey: ["prompt", project, name, "diff", before, after],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/prompts/{name}/diff", { params: { path: { name }, query: { before, after, project } }, signal })),
    staleTime: Infinity,
  });
}

export function promptVersionQuery({ project, name }: PromptKey, version: number) {
  return queryOptions({
    queryKey: ["prompt", project, name, "version", version],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/prompts/{name}/versions/{version}", { params: { path: { name, version }, query: { project } }, signal })),
    staleTime: Infinity,
  });
}

/** Calls of the last thirty days with one version, and with another. */
export function promptComparisonQuery({ project, name }: PromptKey, before: number, after: number) {
  return queryOptions({
    queryKey: ["prompt", project, name, "compare", before, after],
    queryFn: ({ signal }) => {
      const query = { before: String(before), after: String(after), project };
      return dataOf(api.GET("/api/v1/prompts/{name}/compare", { params: { path: { name }, query }, signal }));
    },
    retry: false,
  });
}

/** Puts a label on a version; refused where somebody has moved it meanwhile. */
export async function moveLabel({ project, name }: PromptKey, label: string, version: number, expected: number): Promise<void> {
  const params = { path: { name, label }, query: { project } };
  await dataOf(api.PUT("/api/v1/prompts/{name}/labels/{label}", { params, body: { version, expected, by: "", message: "" } }));
}

export const datasetsQuery = infiniteQueryOptions({
  queryKey: ["datasets"],
  queryFn: ({ pageParam, signal }) =>
    dataOf(api.GET("/api/v1/datasets", { params: { query: { limit: PROMPTS_PAGE, cursor: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (last) => last.next || undefined,
});

/** Which dataset; the project is empty for the key's own. */
export interface DatasetKey {
  project: string;
  name: string;
}

export function datasetQuery({ project, name }: DatasetKey) {
  return queryOptions({
    queryKey: ["dataset", project, name],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/datasets/{name}", { params: { path: { name }, query: { project } }, signal })),
  });
}

export function datasetItemsQuery({ project, name }: DatasetKey, version: number, split: string) {
  return infiniteQueryOptions({
    queryKey: ["dataset", project, name, "items", version, split],
    queryFn: ({ pageParam, signal }) => {
      const query = { project, version, split, limit: PAGE_SIZE, cursor: pageParam };
      return dataOf(api.GET("/api/v1/datasets/{name}/items", { params: { path: { name }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
}

/** Items that are nearly the same. */
export function datasetCheckQuery({ project, name }: DatasetKey, version: number) {
  return queryOptions({
    queryKey: ["dataset", project, name, "check", version],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/datasets/{name}/check", { params: { path: { name }, query: { project, version } }, signal })),
    staleTime: 60_000,
    retry: false,
  });
}

/** Takes an item out of the newest version, unless there is a newer one than was looked at. */
export async function removeItem({ project, name }: DatasetKey, id: string, base: number): Promise<void> {
  const params = { path: { name }, query: { project } };
  await dataOf(api.POST("/api/v1/datasets/{name}/items/remove", { params, body: { ids: [id], base, author: "", message: "" } }));
}

/** Makes an item of a trace or span. */
/** Makes examples of traces, or of spans of theirs. */
export async function addTraces(name: string, targets: readonly { trace_id: string; span_id: string }[], expected: "correction" | "output" | "none") {
  const body = { traces: [...targets], sql: "", expected, split: "", author: "", message: "" };
  return dataOf(api.POST("/api/v1/datasets/{name}/items/from-traces", { params: { path: { name } }, body }));
}

/** Whether there is any trace at all, of whatever age. */
export const anyTraceQuery = queryOptions({
  queryKey: ["any-trace"],
  queryFn: async ({ signal }) => {
    const body = { query: "SELECT 1 FROM traces LIMIT 1" };
    const answer = await dataOf(api.POST("/api/v1/sql", { body, signal }));
    return answer.rows.length > 0;
  },
});

/** The shape of a trace. Each span is loaded whole when somebody looks at it. */
export function traceQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace", traceId],
    queryFn: async ({ signal }) => {
      const path = { trace_id: traceId };
      const tree = await dataOf(api.GET("/api/v1/traces/{trace_id}/tree", { params: { path }, signal }));
      return { traceId: tree.trace_id, spans: spansOf(tree), truncated: tree.truncated };
    },
  });
}

/** The latest judgements of a trace and its spans, by anybody. */
export function scoresQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace", traceId, "scores"],
    queryFn: async ({ signal }) => {
      const query = { trace_id: traceId, limit: 1000 };
      return (await dataOf(api.GET("/api/v1/scores", { params: { query }, signal }))).items;
    },
  });
}

/** The log records of a trace, by time. */
export function logsQuery(traceId: string) {
  return infiniteQueryOptions({
    queryKey: ["trace", traceId, "logs"],
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { trace_id: traceId }, query: { limit: 200, ...(pageParam && { cursor: pageParam }) } };
      return dataOf(api.GET("/api/v1/traces/{trace_id}/logs", { params, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
}

/** One span with its payload. */
export function spanQuery(traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["span", traceId, spanId],
    queryFn: async ({ signal }): Promise<{ span: Span; payload: boolean }> => {
      const path = { trace_id: traceId, span_id: spanId };
      const detail = await dataOf(api.GET("/api/v1/traces/{trace_id}/spans/{span_id}", { params: { path }, signal }));
      const span = detail.spans[0];
      if (!span) throw new ApiProblem(404, "Not found", "The span is not in this trace any more.");
      return { span, payload: detail.payload };
    },
    staleTime: 60_000,
    // Payloads can be megabytes: those that nobody looks at go soon.
    gcTime: 30_000,
  });
}

/** Ids of the spans of a trace whose attributes or, where that may be read, messages contain a text. */
export function contentSearchQuery(traceId: string, startNano: string, endNano: string, text: string, payload: boolean) {
  const has = (column: string): string => `positionCaseInsensitiveUTF8(${column}, {text:String}) > 0`;
  const within = (map: string): string => `arrayExists(v -> ${has("v")}, mapValues(${map}))`;
  const places = ["attributes", ...(payload ? ["payload_attributes"] : [])].map(within);
  if (payload) places.push(has("input"), has("output"));
  return queryOptions({
    queryKey: ["content-search", traceId, text, payload],
    queryFn: async ({ signal }) => {
      const query = `SELECT span_id FROM spans
        WHERE start_time >= fromUnixTimestamp64Nano({start:Int64}) AND start_time <= fromUnixTimestamp64Nano({end:Int64})
          AND trace_id = {trace:String} AND (${places.join(" OR ")})
        LIMIT 50000`;
      const params = { trace: traceId, start: startNano, end: endNano, text };
      const answer = await dataOf(api.POST("/api/v1/sql", { body: { query, params }, signal }));
      return new Set(answer.rows.map((row) => String(row[0])));
    },
    retry: false,
    staleTime: 60_000,
  });
}

/** Milliseconds between two looks for new data. */
const ARRIVALS_EVERY = 3_000;

/** When the last span of the last quarter of an hour came; undefined where none did. */
export const arrivalQuery = queryOptions({
  queryKey: ["arrival"],
  queryFn: async ({ signal }) => {
    const query = "SELECT count(), toString(max(ingested_at)) FROM spans WHERE start_time >= now() - INTERVAL 15 MINUTE";
    const { rows } = await dataOf(api.POST("/api/v1/sql", { body: { query, params: {} }, signal }));
    const [count, last] = rows[0] ?? [];
    return { last: Number(count) > 0 ? `${String(last).replace(" ", "T")}Z` : undefined };
  },
  refetchInterval: ARRIVALS_EVERY,
});

export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/keys", { signal })),
});

export type NewKeyIn = components["schemas"]["KeyIn"];

export function createKey(body: NewKeyIn) {
  return dataOf(api.POST("/api/v1/keys", { body }));
}

export function revokeKey(id: string) {
  return dataOf(api.DELETE("/api/v1/keys/{key_id}", { params: { path: { key_id: id } } }));
}

export const accountsQuery = queryOptions({
  queryKey: ["accounts"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/accounts", { signal })),
});

export function createAccount(body: components["schemas"]["AccountIn"]) {
  return dataOf(api.POST("/api/v1/accounts", { body }));
}

export function changeAccount({ name, ...body }: components["schemas"]["AccountChange"] & { name: string }) {
  return dataOf(api.PATCH("/api/v1/accounts/{name}", { params: { path: { name } }, body }));
}

/** Without a role, somebody is nothing in the project any more. */
export function setRole({ name, project, role }: { name: string; project: string; role: components["schemas"]["Role"] | undefined }) {
  const params = { path: { name, project } };
  return role
    ? dataOf(api.PUT("/api/v1/accounts/{name}/roles/{project}", { params, body: { role } }))
    : dataOf(api.DELETE("/api/v1/accounts/{name}/roles/{project}", { params }));
}

export function openSession(body: components["schemas"]["SignIn"]) {
  return dataOf(api.POST("/api/v1/session", { body }));
}

export async function closeSession(): Promise<void> {
  await api.DELETE("/api/v1/session");
}

export function changePassword(body: components["schemas"]["NewPassword"]) {
  return dataOf(api.PUT("/api/v1/session/password", { body }));
}

/** Versions, retention and sizes. */
export const installationQuery = queryOptions({
  queryKey: ["installation"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/installation", { signal })),
});

export const jobsQuery = queryOptions({
  queryKey: ["jobs"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/jobs", { signal })),
  refetchInterval: 15_000,
});

export const channelsQuery = queryOptions({
  queryKey: ["channels"],
  queryFn: ({ signal }) => dataOf(api.GET("/api/v1/alerts/channels", { signal })),
});

/** Saved views of a page. */
export type SavedView = components["schemas"]["ViewOut"];

export function viewsQuery(page: string) {
  return queryOptions({
    queryKey: ["views", page],
    queryFn: async ({ signal }) => (await dataOf(api.GET("/api/v1/views", { params: { query: { page } }, signal }))).items,
  });
}

export function saveView(page: string, name: string, search: string) {
  return dataOf(api.POST("/api/v1/views", { body: { page, name, search } }));
}

export function changeView(id: string, name: string, search: string) {
  return dataOf(api.PUT("/api/v1/views/{view_id}", { params: { path: { view_id: id } }, body: { name, search } }));
}

export async function deleteView(id: string): Promise<void> {
  const { response } = await api.DELETE("/api/v1/views/{view_id}", { params: { path: { view_id: id } } });
  if (!response.ok && response.status !== 404) throw new ApiProblem(response.status, "Not deleted", "The view could not be deleted. Try again.");
}

/** Milliseconds after which what GPUs do is asked for again. */
const GPUS_EVERY = 15_000;

/** GPUs and engines: as they are, and how they went. */
/** What the engine and the boards of a call did while it was there. */
export function surroundingsQuery(traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["surroundings", traceId, spanId],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/v1/traces/{trace_id}/spans/{span_id}/engine", { params: { path: { trace_id: traceId, span_id: spanId } }, signal })),
    staleTime: 300_000,
  });
}

export function gpusQuery(range: TimeRange) {
  return queryOptions({
    queryKey: ["gpus", range],
    queryFn: async ({ signal }) => {
      const query = windowOf(range, Date.now());
      const [boards, engines, series] = await Promise.all([
        dataOf(api.GET("/api/v1/gpus", { params: { query }, signal })),
        dataOf(api.GET("/api/v1/engines", { params: { query }, signal })),
        dataOf(api.GET("/api/v1/gpus/series", { params: { query }, signal })),
      ]);
      return { boards: boards.gpus, engines: engines.engines, starts: engines.starts, series };
    },
    placeholderData: keepPreviousData,
    ...(range.from === undefined && { refetchInterval: GPUS_EVERY }),
  });
}
