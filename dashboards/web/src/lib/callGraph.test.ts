import { expect, test } from "vitest";
import { spansOf } from "../api/tree";
import { callGraph, MOST_NODES } from "./callGraph";
import { buildTree } from "./tree";

type Row = [id: string, parent: string, name: string, operation?: string, status?: string];

function graphOf(rows: readonly Row[]) {
  const columns = ["span_id", "parent_span_id", "name", "operation", "status", "start_unix_nano", "duration_ns"];
  return callGraph(buildTree(spansOf({ columns, rows: rows.map(([id, parent, name, operation = "", status = "ok"], place) => [id, parent, name, operation, status, String(place + 1), 5]) })));
}

test("steps of one name are one node, with what they come to", () => {
  const graph = graphOf([["a", "", "ask", "invoke_agent"], ["b", "a", "search", "execute_tool"], ["c", "a", "search", "execute_tool", "error"], ["d", "a", "chat", "chat"]]);
  expect(graph.nodes.map(({ name, count, errors, duration, column, row }) => [name, count, errors, duration, column, row])).toEqual([["ask", 1, 0, 5, 0, 0], ["search", 2, 1, 10, 1, 0], ["chat", 1, 0, 5, 1, 1]]);
  expect(graph.edges.map(({ from, to, count, back }) => [from, to, count, back])).toEqual([["agent ask", "tool search", 2, false], ["agent ask", "llm chat", 1, false]]);
});

test("a loop goes back", () => {
  const graph = graphOf([["a", "", "plan"], ["b", "a", "act"], ["c", "b", "plan"], ["d", "c", "plan"]]);
  expect(graph.edges.filter(({ back }) => back).map(({ from, to }) => [from, to])).toEqual([["internal act", "internal plan"], ["internal plan", "internal plan"]]);
});

test("below a parent that never came there is still a graph", () => {
  expect(graphOf([["b", "gone", "act"], ["c", "b", "chat"]]).edges).toHaveLength(1);
});

test("however many names and however deep, it ends, and says what is left out", () => {
  const graph = graphOf(Array.from({ length: 9_000 }, (_, n): Row => [`s${n}`, n ? `s${n - 1}` : "", `step ${n % 100}`]));
  expect(graph.nodes).toHaveLength(MOST_NODES);
  expect(graph.hidden).toBe(9_000 - graph.nodes.reduce((sum, { count }) => sum + count, 0));
});
