// Who calls whom in a trace: steps of one name as one node, laid out from left to right.

import type { LightSpan } from "../api/tree";
import type { Kind } from "./kinds";
import { kindOfSpan } from "./summary";
import type { Tree } from "./tree";

export interface CallNode {
  key: string;
  name: string;
  kind: Kind;
  count: number;
  errors: number;
  /** Nanoseconds of all of them, those at once counted each. */
  duration: number;
  tokens: number;
  /** The first of them, as a node of the tree. */
  first: number;
  column: number;
  row: number;
}

export interface CallEdge {
  from: string;
  to: string;
  count: number;
  /** Whether it goes back to where it came from, as loops of agents do. */
  back: boolean;
}

export interface CallGraph {
  nodes: CallNode[];
  edges: CallEdge[];
  columns: number;
  rows: number;
  /** Steps that are left out, where there are too many names. */
  hidden: number;
}

/** Names that are drawn. */
export const MOST_NODES = 60;

/** The steps by kind and name, and the calls between them. A step stands right of the first that called it. */
export function callGraph(tree: Tree<LightSpan>): CallGraph {
  const nodes = new Map<string, CallNode>();
  const edges = new Map<string, CallEdge>();
  const keys: (string | undefined)[] = tree.nodes.map(() => undefined);
  let hidden = 0;
  // From the roots down, so that a caller has its column before it is looked at.
  const stack = [...tree.roots].reverse();
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    const each = tree.nodes[index];
    if (!each) continue;
    for (let child = each.children.length - 1; child >= 0; child -= 1) stack.push(each.children[child] ?? 0);
    const above = tree.nodes[each.parent] ? keys[each.parent] : undefined;
    const { span } = each;
    if (!span) {
      keys[index] = above;
      continue;
    }
    const kind = kindOfSpan(span);
    const key = `${kind} ${span.name}`;
    let node = nodes.get(key);
    if (!node) {
      if (nodes.size >= MOST_NODES) {
        // What is below it hangs on what is above it.
        hidden += 1;
        keys[index] = above;
        continue;
      }
      const column = above === undefined ? 0 : (nodes.get(above)?.column ?? 0) + 1;
      node = { key, name: span.name, kind, count: 0, errors: 0, duration: 0, tokens: 0, first: index, column, row: 0 };
      nodes.set(key, node);
    }
    keys[index] = key;
    node.count += 1;
    node.errors += span.status === "error" ? 1 : 0;
    node.duration += each.duration;
    node.tokens += (span.input_tokens ?? 0) + (span.output_tokens ?? 0);
    if (above !== undefined) {
      const edge = edges.get(`${above}\n${key}`) ?? { from: above, to: key, count: 0, back: (nodes.get(above)?.column ?? 0) >= node.column };
      edge.count += 1;
      edges.set(`${above}\n${key}`, edge);
    }
  }
  const filled: number[] = [];
  for (const node of nodes.values()) {
    node.row = filled[node.column] ?? 0;
    filled[node.column] = node.row + 1;
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], columns: filled.length, rows: Math.max(0, ...filled), hidden };
}
