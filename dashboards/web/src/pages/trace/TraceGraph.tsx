import { useMemo } from "react";
import type { LightSpan } from "../../api/tree";
import { KindIcon } from "../../components/KindIcon";
import { callGraph, type CallNode } from "../../lib/callGraph";
import { formatCompact, formatDuration, plural } from "../../lib/format";
import { kindOfSpan } from "../../lib/summary";
import type { Tree } from "../../lib/tree";
import styles from "./TraceGraph.module.css";

interface Props {
  tree: Tree<LightSpan>;
  selected: number;
  onSelect: (index: number, show?: boolean) => void;
}

/** Pixels of a node, and between two. */
const NODE = { width: 190, height: 52 };
const GAP = { x: 64, y: 18 };
const EDGE = 20;

/** Agents, tools and models of a trace, and who calls whom how often. */
export function TraceGraph({ tree, selected, onSelect }: Props) {
  const graph = useMemo(() => callGraph(tree), [tree]);
  const places = useMemo(() => new Map(graph.nodes.map((node) => [node.key, placeOf(node)])), [graph]);
  const span = tree.nodes[selected]?.span;
  const width = graph.columns * (NODE.width + GAP.x) - GAP.x + 2 * EDGE;
  const height = graph.rows * (NODE.height + GAP.y) + 2 * EDGE + GAP.y;
  return (
    <section className={styles["graph"]} aria-label="Graph" tabIndex={0}>
      {graph.hidden > 0 && <p className={styles["note"]} role="status">{plural(graph.hidden, "step")} of further names are not drawn.</p>}
      <div className={styles["plane"]} style={{ width, height }}>
        <svg width={width} height={height} aria-hidden>
          {graph.edges.map(({ from, to, count, back }) => {
            const [start, end] = [places.get(from), places.get(to)];
            if (!start || !end) return null;
            const x1 = start.x + NODE.width;
            const [y1, y2] = [start.y + NODE.height / 2, end.y + NODE.height / 2];
            const bend = Math.max(24, Math.abs(end.x - x1) / 2);
            // A call back leaves below and arrives below.
            const path = back
              ? `M ${start.x + NODE.width / 2} ${start.y + NODE.height} C ${start.x + NODE.width / 2} ${start.y + NODE.height + 34}, ${end.x + NODE.width / 4} ${end.y + NODE.height + 34}, ${end.x + NODE.width / 4} ${end.y + NODE.height}`
              : `M ${x1} ${y1} C ${x1 + bend} ${y1}, ${end.x - bend} ${y2}, ${end.x} ${y2}`;
            return (
              <g key={`${from} ${to}`} data-back={back || undefined}>
                <path d={path} style={{ strokeWidth: 1.2 + Math.min(4, Math.log2(count)) }} />
                {count > 1 && !back && <text x={(x1 + end.x) / 2} y={(y1 + y2) / 2 - 5}>{formatCompact(count)}×</text>}
              </g>
            );
          })}
        </svg>
        {graph.nodes.map((node) => {
          const { x, y } = placeOf(node);
          const current = span?.name === node.name && kindOfSpan(span) === node.kind;
          return (
            <button
              key={node.key}
              type="button"
              className={styles["node"]}
              data-kind={node.kind}
              data-failed={node.errors > 0 || undefined}
              aria-pressed={current}
              style={{ transform: `translate(${x}px, ${y}px)`, width: NODE.width, height: NODE.height }}
              title={`${node.name}: ${plural(node.count, "call")}, ${formatDuration(node.duration)} in all${node.errors > 0 ? `, ${plural(node.errors, "error")}` : ""}`}
              onClick={() => onSelect(node.first)}
            >
              <KindIcon kind={node.kind} size={16} />
              <span>
                <b dir="auto">{node.name || "(no name)"}</b>
                <small>
                  {node.count > 1 && `${formatCompact(node.count)}× · `}{formatDuration(node.duration)}
                  {node.tokens > 0 && ` · ${formatCompact(node.tokens)} tok`}
                  {node.errors > 0 && <em> · {plural(node.errors, "error")}</em>}
                </small>
              </span>
            </button>
          );
        })}
      </div>
    </section>
  );
}

function placeOf(node: CallNode): { x: number; y: number } {
  return { x: EDGE + node.column * (NODE.width + GAP.x), y: EDGE + node.row * (NODE.height + GAP.y) };
}
