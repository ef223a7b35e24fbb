// Searching within a trace: names and attributes here, messages where they are stored.

import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Span } from "../../api/client";
import { payloadSearchQuery } from "../../api/queries";
import type { Tree } from "../../lib/tree";

export interface Found {
  /** Nodes that fit, in the order in which they are drawn; undefined while nothing is searched. */
  nodes: readonly number[] | undefined;
  set: ReadonlySet<number>;
  /** Whether the messages are still being searched. */
  searching: boolean;
}

const NOTHING: Found = { nodes: undefined, set: new Set(), searching: false };

export function useTraceSearch(traceId: string, spans: readonly Span[], tree: Tree<Span>, query: string): Found {
  const wanted = query.trim().toLowerCase();
  const [settled] = useDebouncedValue(wanted, 300);
  const bounds = useMemo(() => [spans[0]?.start_time ?? "", spans.at(-1)?.start_time ?? ""] as const, [spans]);
  const payload = useQuery({
    ...payloadSearchQuery(traceId, bounds[0], bounds[1], settled),
    enabled: settled.length >= 2 && settled === wanted,
  });
  return useMemo(() => {
    if (wanted === "") return NOTHING;
    const inPayload = settled === wanted ? payload.data : undefined;
    const set = new Set<number>();
    tree.nodes.forEach((node, index) => {
      const span = node.span;
      if (span && (fits(span, wanted) || inPayload?.has(span.span_id))) set.add(index);
    });
    const nodes = [...set].sort((a, b) => (tree.nodes[a]?.offset ?? 0) - (tree.nodes[b]?.offset ?? 0));
    return { nodes, set, searching: payload.isFetching };
  }, [wanted, settled, payload.data, payload.isFetching, tree]);
}

function fits(span: Span, wanted: string): boolean {
  const near = [
    span.name, span.service, span.operation, span.request_model, span.response_model, span.tool_name,
    span.agent_name, span.status_message, span.error_type, span.span_id,
  ];
  return (
    near.some((text) => text.toLowerCase().includes(wanted)) ||
    Object.entries(span.attributes).some(([key, value]) => key.includes(wanted) || String(value).toLowerCase().includes(wanted))
  );
}
