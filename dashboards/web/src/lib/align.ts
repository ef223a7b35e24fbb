// Two trees of steps side by side: which step of one is which of the other.

import { kindOf } from "./kinds";
import type { Tree, TreeSpan } from "./tree";

interface Step extends TreeSpan {
  name: string;
  operation: string;
  span_kind: string;
}

/** A step of either trace, or one that both have; numbers of nodes. */
export interface Pair {
  depth: number;
  a?: number;
  b?: number;
}

/** Siblings that are matched one with every other; of more, the rest goes by its order. */
const MOST_SIBLINGS = 400;

/**
 * The steps of two traces, in the order in which they are drawn. Steps fit where what is above them
 * does and they do the same: the order counts, so that a step which was added moves no other.
 * Model calls fit whatever the model.
 */
export function alignTrees<S extends Step>(a: Tree<S>, b: Tree<S>): Pair[] {
  const pairs: Pair[] = [];
  // Traces can be ten thousand deep, so nothing here recurses.
  const stack = [...matched(a, b, a.roots, b.roots, 0)].reverse();
  for (let pair = stack.pop(); pair; pair = stack.pop()) {
    pairs.push(pair);
    const below = matched(a, b, childrenOf(a, pair.a), childrenOf(b, pair.b), pair.depth + 1);
    for (const each of below.reverse()) stack.push(each);
  }
  return pairs;
}

function childrenOf<S extends Step>(tree: Tree<S>, index: number | undefined): readonly number[] {
  return index === undefined ? [] : (tree.nodes[index]?.children ?? []);
}

/** The best alignment in order. Source: Needleman and Wunsch 1970, gaps without a cost. */
function matched<S extends Step>(a: Tree<S>, b: Tree<S>, left: readonly number[], right: readonly number[], depth: number): Pair[] {
  const alone = (): Pair[] => [...left.map((index) => ({ depth, a: index })), ...right.map((index) => ({ depth, b: index }))];
  if (left.length === 0 || right.length === 0) return alone();
  const [rows, columns] = [Math.min(left.length, MOST_SIBLINGS), Math.min(right.length, MOST_SIBLINGS)];
  const fit = (row: number, column: number): number => likeness(a.nodes[left[row] ?? -1]?.span, b.nodes[right[column] ?? -1]?.span);
  const width = columns + 1;
  const best = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number): number => best[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const same = fit(row, column);
      best[row * width + column] = Math.max(at(row + 1, column), at(row, column + 1), same > 0 ? at(row + 1, column + 1) + same : 0);
    }
  }
  const pairs: Pair[] = [];
  let [row, column] = [0, 0];
  while (row < rows && column < columns) {
    const [one, other, same] = [left[row], right[column], fit(row, column)];
    if (one === undefined || other === undefined) break;
    if (same > 0 && at(row, column) === at(row + 1, column + 1) + same) {
      pairs.push({ depth, a: one, b: other });
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      pairs.push({ depth, a: one });
      row += 1;
    } else {
      pairs.push({ depth, b: other });
      column += 1;
    }
  }
  while (row < left.length && column < right.length && (row >= rows || column >= columns) && fit(row, column) > 0) pairs.push({ depth, a: left[row++] ?? 0, b: right[column++] ?? 0 });
  for (; row < left.length; row += 1) pairs.push({ depth, a: left[row] ?? 0 });
  for (; column < right.length; column += 1) pairs.push({ depth, b: right[column] ?? 0 });
  return pairs;
}

/** 2 for the same step, 1 for one of the same kind that is named otherwise, else 0. */
function likeness(one: Step | undefined, other: Step | undefined): number {
  if (!one || !other) return one === other ? 2 : 0;
  if (one.name === other.name && one.operation === other.operation) return 2;
  return kindOf(one.operation, one.span_kind) === "llm" && kindOf(other.operation, other.span_kind) === "llm" ? 1 : 0;
}
