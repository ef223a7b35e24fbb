// Every question the pages ask, with how long its answer holds.

import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { windowOf, type TimeRange, type Window } from "../lib/time";
import { api, ApiProblem, dataOf, type Span, type TraceListParameters } from "./client";

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

/** Whether there is any trace at all, of whatever age. */
export const anyTraceQuery = queryOptions({
  queryKey: ["any-trace"],
  queryFn: async ({ signal }) => {
    const body = { query: "SELECT 1 FROM traces LIMIT 1" };
    const answer = await dataOf(api.POST("/api/v1/sql", { body, signal }));
    return answer.rows.length > 0;
  },
});

/** The spans of a trace without what people and models wrote: light, whatever was sent. */
export function traceQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace", traceId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET("/api/v1/traces/{trace_id}", {
          params: { path: { trace_id: traceId }, query: { payload: false } },
          signal,
        }),
      ),
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

/** Ids of the spans of a trace whose messages contain a text. */
export function payloadSearchQuery(traceId: string, start: string, end: string, text: string) {
  return queryOptions({
    queryKey: ["payload-search", traceId, text],
    queryFn: async ({ signal }) => {
      const answer = await dataOf(
        api.POST("/api/v1/sql", {
          body: {
            query: `SELECT span_id FROM spans
              WHERE start_time >= parseDateTime64BestEffort({start:String}, 9) AND start_time <= parseDateTime64BestEffort({end:String}, 9)
                AND trace_id = {trace:String}
                AND (positionCaseInsensitiveUTF8(input, {text:String}) > 0 OR positionCaseInsensitiveUTF8(output, {text:String}) > 0
                  OR arrayExists(v -> positionCaseInsensitiveUTF8(v, {text:String}) > 0, mapValues(payload_attributes)))
              LIMIT 10000`,
            params: { trace: traceId, start, end, text },
          },
          signal,
        }),
      );
      return new Set(answer.rows.map((row) => String(row[0])));
    },
    retry: false,
    staleTime: 60_000,
  });
}
