// Searching within a trace: names here, attributes and messages where they are stored.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { LightSpan } from "../../api/tree";
import { contentSearchQuery, sessionQuery } from "../../api/queries";
import type { Tree } from "../../lib/tree";

export interface Found {
  /** Nodes that fit, in the order in which they are drawn; undefined while nothing is searched. */
  nodes: readonly number[] | undefined;
  set: ReadonlySet<number>;
  /** Whether attributes and messages are still being searched. */
  searching: boolean;
}

const NOTHING: Found = { nodes: undefined, set: new Set(), searching: false };

export function useTraceSearch(traceId: string, tree: Tree<LightSpan>, query: string): Found {
  const wanted = query.trim().toLowerCase();
  const { data: session } = useQuery(sessionQuery);
  const [first, last] = useMemo(() => bounds(tree), [tree]);
  const content = useQuery({
    ...contentSearchQuery(traceId, first, last, wanted, session?.payload ?? false),
    enabled: wanted.length >= 2 && session !== undefined,
  });
  return useMemo(() => {
    if (wanted === "") return NOTHING;
    const set = new Set<number>();
    tree.nodes.forEach((node, index) => {
      const span = node.span;
      if (span && (fits(span, wanted) || content.data?.has(span.span_id))) set.add(index);
    });
    const nodes = [...set].sort((a, b) => (tree.nodes[a]?.offset ?? 0) - (tree.nodes[b]?.offset ?? 0));
    return { nodes, set, searching: content.isFetching };
  }, [wanted, content.data, content.isFetching, tree]);
}

/** Starts of the first and the last span, in nanoseconds since 1970. */
function bounds(tree: Tree<LightSpan>): [string, string] {
  const starts = tree.nodes.flatMap(({ span }) => (span ? [span.start_unix_nano] : [])).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return [starts[0] ?? "0", starts.at(-1) ?? "0"];
}

function fits(span: LightSpan, wanted: string): boolean {
  return [
    span.name, span.service, span.operation, span.request_model, span.response_model, span.tool_name,
    span.agent_name, span.status_message, span.error_type, span.span_id,
  ].some((text) => text.toLowerCase().includes(wanted));
}
