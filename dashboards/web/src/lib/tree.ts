// A trace's spans as a tree, in the order in which they are drawn.
//
// Anything can come: parents that never arrived, spans that name each other as parents, a chain
// ten thousand deep. So nothing here recurses, and every span is in the tree exactly once.

/** What the tree needs to know of a span. */
export interface TreeSpan {
  span_id: string;
  parent_span_id: string;
  start_unix_nano: string;
  duration_ns: number;
  status: string;
}

/** One line of the tree: a span, or a marker for a parent that is not there. */
export interface TreeNode<S extends TreeSpan> {
  /** Unique within the tree. */
  key: string;
  /** Missing for the marker of a missing parent. */
  span?: S;
  /** The id that spans name as their parent, where nothing has it. */
  missing?: string;
  /** Whether it was cut loose from a circle of parents. */
  circular: boolean;
  depth: number;
  parent: number;
  children: number[];
  /** Nanoseconds from the start of the trace. */
  offset: number;
  duration: number;
  /** How many spans are below it. */
  descendants: number;
  /** How many of those failed. */
  failures: number;
}

export interface Tree<S extends TreeSpan> {
  nodes: TreeNode<S>[];
  roots: number[];
  /** From the earliest start to the latest end, in nanoseconds. */
  total: number;
  /** Node of a span's id. */
  byId: Map<string, number>;
  /** Spans whose parent is not there. */
  orphans: number;
}

export function buildTree<S extends TreeSpan>(spans: readonly S[]): Tree<S> {
  const starts = spans.map((span) => BigInt(span.start_unix_nano));
  const first = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
  const byId = new Map<string, number>();
  const nodes: TreeNode<S>[] = spans.map((span, index) => {
    if (!byId.has(span.span_id)) byId.set(span.span_id, index);
    const key = byId.get(span.span_id) === index ? span.span_id : `${span.span_id}#${index}`;
    const offset = Number((starts[index] ?? first) - first);
    return {
      key, span, circular: false, depth: 0, parent: -1, children: [], offset,
      duration: span.duration_ns, descendants: 0, failures: 0,
    };
  });
  const total = nodes.reduce((most, node) => Math.max(most, node.offset + node.duration), 0);

  const roots: number[] = [];
  const markers = new Map<string, number>();
  let orphans = 0;
  spans.forEach((span, index) => {
    const node = at(nodes, index);
    const parent = byId.get(span.parent_span_id);
    if (span.parent_span_id === "") {
      roots.push(index);
    } else if (parent !== undefined && parent !== index) {
      node.parent = parent;
      at(nodes, parent).children.push(index);
    } else if (parent === index) {
      node.circular = true;
      roots.push(index);
    } else {
      orphans += 1;
      let marker = markers.get(span.parent_span_id);
      if (marker === undefined) {
        marker = nodes.length;
        markers.set(span.parent_span_id, marker);
        nodes.push({
          key: `missing-${span.parent_span_id}`, missing: span.parent_span_id, circular: false,
          depth: 0, parent: -1, children: [], offset: node.offset, duration: 0, descendants: 0,
          failures: 0,
        });
        roots.push(marker);
      }
      const above = at(nodes, marker);
      node.parent = marker;
      above.children.push(index);
      const end = Math.max(above.offset + above.duration, node.offset + node.duration);
      above.offset = Math.min(above.offset, node.offset);
      above.duration = end - above.offset;
    }
  });

  const reached = new Set<number>();
  const order: number[] = [];
  const walk = (from: number): void => {
    const stack = [from];
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      order.push(index);
      const node = at(nodes, index);
      for (const child of node.children) {
        at(nodes, child).depth = node.depth + 1;
        stack.push(child);
      }
    }
  };
  roots.forEach(walk);
  // What is still not reached hangs in a circle of parents: cut it at the earliest span.
  nodes.forEach((node, index) => {
    if (reached.has(index)) return;
    const parent = nodes[node.parent];
    if (parent) parent.children = parent.children.filter((child) => child !== index);
    node.parent = -1;
    node.circular = true;
    roots.push(index);
    walk(index);
  });

  const byStart = (a: number, b: number): number => at(nodes, a).offset - at(nodes, b).offset || a - b;
  for (const node of nodes) if (node.children.length > 1) node.children.sort(byStart);
  roots.sort(byStart);
  // Children come after their parents in `order`, so backwards every child is complete.
  for (let place = order.length - 1; place >= 0; place -= 1) {
    const node = at(nodes, order[place] ?? 0);
    const parent = nodes[node.parent];
    if (!parent) continue;
    parent.descendants += node.descendants + (node.span ? 1 : 0);
    parent.failures += node.failures + (node.span?.status === "error" ? 1 : 0);
  }
  return { nodes, roots, total, byId, orphans };
}

/** The lines that show, from top to bottom, with what is collapsed left out. */
export function visibleNodes<S extends TreeSpan>(tree: Tree<S>, collapsed: ReadonlySet<string>): number[] {
  const shown: number[] = [];
  const stack = [...tree.roots].reverse();
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    shown.push(index);
    const node = at(tree.nodes, index);
    if (collapsed.has(node.key)) continue;
    for (let child = node.children.length - 1; child >= 0; child -= 1) {
      stack.push(at(node.children, child));
    }
  }
  return shown;
}

/** The keys of everything above a node, which has to be open for it to show. */
export function ancestorKeys<S extends TreeSpan>(tree: Tree<S>, index: number): string[] {
  const keys: string[] = [];
  for (let node = tree.nodes[at(tree.nodes, index).parent]; node; node = tree.nodes[node.parent]) {
    keys.push(node.key);
  }
  return keys;
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`nothing at ${index}`);
  return found;
}
