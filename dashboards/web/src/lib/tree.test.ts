import { describe, expect, it } from "vitest";
import { ancestorKeys, buildTree, type TreeSpan, visibleNodes } from "./tree";

function span(id: string, parent: string, start: number, duration = 10, status = "unset"): TreeSpan {
  return {
    span_id: id, parent_span_id: parent, start_unix_nano: String(1_700_000_000_000_000_000n + BigInt(start)),
    duration_ns: duration, status,
  };
}

function drawn(spans: TreeSpan[], collapsed: string[] = []): string[] {
  const tree = buildTree(spans);
  return visibleNodes(tree, new Set(collapsed)).map((index) => {
    const node = tree.nodes[index];
    return `${"  ".repeat(node?.depth ?? 0)}${node?.key ?? ""}`;
  });
}

describe("buildTree", () => {
  it("orders siblings by start and counts what is below", () => {
    const spans = [span("root", "", 0, 100), span("late", "root", 50), span("early", "root", 5, 20, "error"), span("leaf", "early", 6)];
    expect(drawn(spans)).toEqual(["root", "  early", "    leaf", "  late"]);
    const tree = buildTree(spans);
    expect(tree.total).toBe(100);
    expect(tree.nodes[0]).toMatchObject({ descendants: 3, failures: 1 });
  });

  it("keeps nanoseconds that a double can't hold", () => {
    const tree = buildTree([span("a", "", 0, 5), span("b", "a", 1, 2)]);
    expect(tree.nodes[1]?.offset).toBe(1);
  });

  it("puts spans whose parent never came under a marker", () => {
    const spans = [span("root", "", 0, 30), span("x", "gone", 10, 5), span("y", "gone", 12, 9)];
    expect(drawn(spans)).toEqual(["root", "missing-gone", "  x", "  y"]);
    const tree = buildTree(spans);
    expect(tree.orphans).toBe(2);
    expect(tree.nodes[3]).toMatchObject({ offset: 10, duration: 11, missing: "gone", descendants: 2 });
  });

  it("cuts circles instead of losing their spans", () => {
    expect(drawn([span("a", "b", 0), span("b", "a", 1), span("self", "self", 2)])).toEqual(["a", "  b", "self"]);
  });

  it("keeps both of two spans with the same id", () => {
    expect(drawn([span("a", "", 0), span("a", "", 1)])).toEqual(["a", "a#1"]);
  });

  it("survives a chain of 20,000", () => {
    const chain = Array.from({ length: 20_000 }, (_, n) => span(`s${n}`, n === 0 ? "" : `s${n - 1}`, n));
    const tree = buildTree(chain);
    expect(tree.nodes.at(-1)?.depth).toBe(19_999);
    expect(tree.nodes[0]?.descendants).toBe(19_999);
    expect(ancestorKeys(tree, 3)).toEqual(["s2", "s1", "s0"]);
  });

  it("is empty for no spans", () => {
    expect(buildTree([])).toMatchObject({ nodes: [], roots: [], total: 0 });
  });

  it("hides what is below a collapsed node", () => {
    const spans = [span("root", "", 0), span("a", "root", 1), span("b", "a", 2), span("c", "root", 3)];
    expect(drawn(spans, ["a"])).toEqual(["root", "  a", "  c"]);
  });
});
