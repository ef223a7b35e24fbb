// Which spans a trace's duration hangs on.

import type { Tree, TreeSpan } from "./tree";

/**
 * The nodes on the critical path: from the end of the longest root backwards, of the children that
 * had ended by then always the one that ended last. Shortening any other span makes nothing faster.
 *
 * Source: Yang and Miller, "Critical path analysis for the execution of parallel and distributed
 * programs", ICDCS 1988, for the tree of spans.
 */
export function criticalPath<S extends TreeSpan>(tree: Tree<S>): ReadonlySet<number> {
  const path = new Set<number>();
  const endOf = (index: number): number => (tree.nodes[index]?.offset ?? 0) + (tree.nodes[index]?.duration ?? 0);
  const last = tree.roots.reduce<number | undefined>((best, root) => (best === undefined || endOf(root) > endOf(best) ? root : best), undefined);
  const waiting = last === undefined ? [] : [{ index: last, until: endOf(last) }];
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    const node = tree.nodes[at.index];
    if (!node || path.has(at.index)) continue;
    path.add(at.index);
    let until = at.until;
    // Clocks differ: a child may end after its parent, which then waited for it to its own end.
    for (const child of [...node.children].sort((a, b) => endOf(b) - endOf(a))) {
      const begin = tree.nodes[child]?.offset ?? 0;
      const end = Math.min(endOf(child), at.until);
      if (end > until || begin >= until) continue;
      waiting.push({ index: child, until: end });
      until = begin;
    }
  }
  return path;
}
