import { expect, test } from "vitest";
import { alignTrees } from "./align";
import { buildTree } from "./tree";

type Row = [id: string, parent: string, name: string, operation?: string];

function treeOf(rows: readonly Row[]) {
  return buildTree(rows.map(([span_id, parent_span_id, name, operation = ""], place) => ({
    span_id, parent_span_id, name, operation, span_kind: "internal", start_unix_nano: String(1000 + place), duration_ns: 10, status: "ok",
  })));
}

function shown(a: readonly Row[], b: readonly Row[]): string[] {
  const [left, right] = [treeOf(a), treeOf(b)];
  return alignTrees(left, right).map((pair) => `${" ".repeat(pair.depth)}${pair.a === undefined ? "-" : left.nodes[pair.a]?.span?.span_id ?? "?"}=${pair.b === undefined ? "-" : right.nodes[pair.b]?.span?.span_id ?? "?"}`);
}

test.each<[string, Row[], Row[], string[]]>([
  ["the same steps", [["a", "", "ask"], ["b", "a", "find"]], [["x", "", "ask"], ["y", "x", "find"]], ["a=x", " b=y"]],
  ["a step that was added moves no other", [["a", "", "ask"], ["b", "a", "find"], ["c", "a", "answer"]], [["x", "", "ask"], ["y", "x", "find"], ["n", "x", "rerank"], ["z", "x", "answer"]], ["a=x", " b=y", " -=n", " c=z"]],
  ["a step that was left out, with what is below it", [["a", "", "ask"], ["t", "a", "tool"], ["u", "t", "http"]], [["x", "", "ask"]], ["a=x", " t=-", "  u=-"]],
  ["another model", [["a", "", "chat gpt-4o", "chat"]], [["x", "", "chat o4-mini", "chat"]], ["a=x"]],
  ["a name before a kind", [["r", "", "ask"], ["a", "r", "chat one", "chat"], ["b", "r", "chat two", "chat"]], [["x", "", "ask"], ["y", "x", "chat two", "chat"]], ["r=x", " a=-", " b=y"]],
  ["nothing in common", [["a", "", "ask"]], [["x", "", "tell"]], ["a=-", "-=x"]],
  ["an empty one", [], [["x", "", "tell"]], ["-=x"]],
])("%s", (_, a, b, expected) => expect(shown(a, b)).toEqual(expected));

test("every step is listed once, however many there are and however deep", () => {
  const many = (letter: string): Row[] => [["r" + letter, "", "root"], ...Array.from({ length: 900 }, (_, n): Row => [`${letter}${n}`, `r${letter}`, "step"])];
  const pairs = alignTrees(treeOf(many("a")), treeOf(many("b").slice(0, 700)));
  expect(new Set(pairs.flatMap(({ a }) => a ?? [])).size).toBe(901);
  expect(new Set(pairs.flatMap(({ b }) => b ?? [])).size).toBe(700);
  const deep: Row[] = Array.from({ length: 10_000 }, (_, n) => [`s${n}`, n ? `s${n - 1}` : "", "down"]);
  expect(alignTrees(treeOf(deep), treeOf(deep))).toHaveLength(10_000);
});
