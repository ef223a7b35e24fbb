import { expect, it } from "vitest";
import { criticalPath } from "./criticalPath";
import { buildTree } from "./tree";

const span = (id: string, parent: string, start: number, duration: number) => ({ span_id: id, parent_span_id: parent, start_unix_nano: String(1_000_000 + start), duration_ns: duration, status: "ok" });
const pathOf = (...spans: ReturnType<typeof span>[]): string => {
  const tree = buildTree(spans);
  return [...criticalPath(tree)].map((index) => tree.nodes[index]?.span?.span_id).sort().join("");
};

it("follows what ended last, back to the beginning", () => {
  // b and c run beside each other and c is longer; d follows them.
  expect(pathOf(span("a", "", 0, 100), span("b", "a", 5, 20), span("c", "a", 5, 50), span("d", "a", 60, 35))).toBe("acd");
  expect(pathOf(span("a", "", 0, 100), span("b", "a", 0, 90), span("c", "b", 10, 30), span("d", "b", 20, 60), span("e", "a", 1, 5))).toBe("abd");
});

it("copes with clocks that differ, several roots, and nothing", () => {
  expect(pathOf(span("a", "", 0, 100), span("b", "a", 50, 70), span("c", "a", 0, 45))).toBe("abc");
  expect(pathOf(span("a", "", 0, 10), span("b", "", 5, 50))).toBe("b");
  expect(pathOf()).toBe("");
  const deep = Array.from({ length: 20_000 }, (_, level) => span(`s${level}`, level > 0 ? `s${level - 1}` : "", level, 50_000 - 2 * level));
  expect(criticalPath(buildTree(deep)).size).toBe(20_000);
});
