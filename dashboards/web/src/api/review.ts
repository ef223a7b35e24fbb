// Questions about review queues, and what reviewers do.

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, dataOf } from "./client";
import type { components } from "./schema.gen";

export type Queue = components["schemas"]["WholeQueue"];
export type QueueRow = components["schemas"]["QueueOut"];
export type Criterion = components["schemas"]["CriterionModel"];
export type ReviewItem = components["schemas"]["WholeItem"];
export type ItemRow = components["schemas"]["ReviewItemOut"];
export type CriterionResult = components["schemas"]["ReviewCriterionOut"];
export type Outcome = components["schemas"]["OutcomeOut"];
export type Progress = components["schemas"]["ReviewProgress"];
export type Answer = boolean | number | string;
export type Answers = Readonly<Record<string, Answer>>;

/** Which queue; the project is empty for the key's own. */
export interface QueueKey {
  project: string;
  name: string;
}

export const queuesQuery = infiniteQueryOptions({
  queryKey: ["review"],
  queryFn: ({ pageParam, signal }) => dataOf(api.GET("/api/v1/review/queues", { params: { query: { cursor: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (last) => last.next || undefined,
});

const at = ({ project, name }: QueueKey) => ({ path: { name }, query: { project } });

export function queueQuery(key: QueueKey) {
  return queryOptions({
    queryKey: ["review", key.project, key.name],
    queryFn: ({ signal }) => dataOf(api.GET("/api/v1/review/queues/{name}", { params: at(key), signal })),
  });
}

/** What labels say, and how many more it takes to a precision. */
export function resultsQuery(key: QueueKey, halfWidth: number) {
  return queryOptions({
    queryKey: ["review", key.project, key.name, "results", halfWidth],
    queryFn: ({ signal }) => {
      const params = { path: { name: key.name }, query: { project: key.project, half_width: halfWidth } };
      return dataOf(api.GET("/api/v1/review/queues/{name}/results", { params, signal }));
    },
  });
}

/** Items on which labels differ. */
export function disputedQuery(key: QueueKey) {
  return queryOptions({
    queryKey: ["review", key.project, key.name, "disputed"],
    queryFn: ({ signal }) => {
      const params = { path: { name: key.name }, query: { project: key.project, state: "disputed" as const, limit: 100 } };
      return dataOf(api.GET("/api/v1/review/queues/{name}/items", { params, signal }));
    },
  });
}

const ofItem = (key: QueueKey, item: number) => ({ path: { name: key.name, item_id: item }, query: { project: key.project } });

export function itemQuery(key: QueueKey, item: number, annotator: string) {
  return queryOptions({
    queryKey: ["review", key.project, key.name, "item", item, annotator],
    queryFn: ({ signal }) => {
      const params = { path: { name: key.name, item_id: item }, query: { project: key.project, annotator } };
      return dataOf(api.GET("/api/v1/review/queues/{name}/items/{item_id}", { params, signal }));
    },
  });
}

/** The next item for somebody, behind a place in the queue. */
export function nextItem(key: QueueKey, annotator: string, after: number | null) {
  return dataOf(api.POST("/api/v1/review/queues/{name}/next", { params: at(key), body: { annotator, after } }));
}

export interface Said {
  answers: Answers;
  comment: string;
  correction: string;
}

export function sayOfItem(key: QueueKey, item: number, annotator: string, said: Said) {
  return dataOf(api.PUT("/api/v1/review/queues/{name}/items/{item_id}/label", { params: ofItem(key, item), body: { ...said, annotator } }));
}

export function decideItem(key: QueueKey, item: number, annotator: string, said: Said) {
  return dataOf(api.PUT("/api/v1/review/queues/{name}/items/{item_id}/decision", { params: ofItem(key, item), body: { ...said, annotator } }));
}

export function skipItem(key: QueueKey, item: number, annotator: string) {
  return dataOf(api.POST("/api/v1/review/queues/{name}/items/{item_id}/skip", { params: ofItem(key, item), body: { annotator } }));
}

export function withdrawItem(key: QueueKey, item: number, annotator: string) {
  return dataOf(api.POST("/api/v1/review/queues/{name}/items/{item_id}/withdraw", { params: ofItem(key, item), body: { annotator } }));
}

export function drawItems(key: QueueKey) {
  return dataOf(api.POST("/api/v1/review/queues/{name}/draw", { params: at(key), body: { start: null, end: null, count: 0 } }));
}

/** Puts traces in by hand. */
export function addToQueue(name: string, traces: string[]) {
  return dataOf(api.POST("/api/v1/review/queues/{name}/items", { params: { path: { name } }, body: { traces } }));
}

export function intoDataset(key: QueueKey, dataset: string) {
  const body = { dataset, criterion: "", answer: null, split: "", expected: "correction" as const };
  return dataOf(api.POST("/api/v1/review/queues/{name}/dataset", { params: at(key), body }));
}
