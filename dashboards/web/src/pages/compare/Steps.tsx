import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { LightSpan } from "../../api/tree";
import { KindIcon } from "../../components/KindIcon";
import panel from "../../components/Panel.module.css";
import type { Pair } from "../../lib/align";
import { formatDuration, NONE, plural } from "../../lib/format";
import { kindOfSpan } from "../../lib/summary";
import type { Tree, TreeNode } from "../../lib/tree";
import styles from "./Compare.module.css";

interface Props {
  trees: { a: Tree<LightSpan>; b: Tree<LightSpan> };
  pairs: readonly Pair[];
  current: number;
  onSelect: (place: number) => void;
}

type Node = TreeNode<LightSpan>;

const LINE = 34;
const DEEPEST = 10;

/** The steps of both, matched; a step that only one has is marked. */
export function Steps({ trees, pairs, current, onSelect }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [differing, setDiffering] = useState(false);
  const shown = differing ? pairs.flatMap((pair, index) => (differs(pair, trees) ? [index] : [])) : pairs.map((_, index) => index);
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => place.current, estimateSize: () => LINE, overscan: 10 });
  const at = shown.indexOf(current);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [virtual, at]);
  const [both, onlyA, onlyB] = [pairs.filter((pair) => pair.a !== undefined && pair.b !== undefined).length, pairs.filter((pair) => pair.b === undefined).length, pairs.filter((pair) => pair.a === undefined).length];
  const longest = Math.max(trees.a.total, trees.b.total, 1);
  return (
    <section className={`${panel["panel"] ?? ""} ${styles["steps"] ?? ""}`} aria-label="Steps">
      <header className={styles["stepsHead"]}>
        <h2>Steps</h2>
        <small>{plural(both, "step")} in both{onlyA > 0 && `, ${onlyA} only in A`}{onlyB > 0 && `, ${onlyB} only in B`}</small>
        <label><input type="checkbox" checked={differing} onChange={(event) => setDiffering(event.currentTarget.checked)} /> Only what differs</label>
      </header>
      {shown.length === 0 && <p className={panel["note"]}>No step is missing, failed or took twice as long.</p>}
      <div ref={place} className={styles["scroller"]} tabIndex={0}>
        <ul style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const index = shown[item.index] ?? 0;
            const pair = pairs[index];
            if (!pair) return null;
            const a = pair.a === undefined ? undefined : trees.a.nodes[pair.a];
            const b = pair.b === undefined ? undefined : trees.b.nodes[pair.b];
            return (
              <li key={index} style={{ transform: `translateY(${item.start}px)` }}>
                <button type="button" aria-pressed={index === current} onClick={() => onSelect(index)}>
                  <Name a={a} b={b} depth={pair.depth} />
                  <Length letter="A" node={a} longest={longest} />
                  <Length letter="B" node={b} longest={longest} />
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}

function Name({ a, b, depth }: { a: Node | undefined; b: Node | undefined; depth: number }) {
  const span = a?.span ?? b?.span;
  const other = a?.span && b?.span && a.span.name !== b.span.name ? b.span.name : undefined;
  const alone = !a ? "only in B" : !b ? "only in A" : undefined;
  return (
    <span className={styles["stepName"]} style={{ paddingLeft: 14 * Math.min(depth, DEEPEST) }}>
      {span ? <KindIcon kind={kindOfSpan(span)} size={15} /> : null}
      <em dir="auto" title={span?.name}>{span ? span.name || "(no name)" : "Missing parent"}</em>
      {other && <small dir="auto" title={other}>→ {other}</small>}
      {alone && <b data-side={a ? "a" : "b"}>{alone}</b>}
    </span>
  );
}

function Length({ letter, node, longest }: { letter: string; node: Node | undefined; longest: number }) {
  const failed = node?.span?.status === "error";
  return (
    <span className={styles["length"]} data-failed={failed || undefined} aria-label={`${letter}: ${node ? formatDuration(node.duration) : "not there"}${failed ? ", failed" : ""}`}>
      {node ? formatDuration(node.duration) : NONE}
      {node && <i aria-hidden><u style={{ width: `${Math.max(1, (100 * node.duration) / longest)}%` }} /></i>}
    </span>
  );
}

/** Whether a step is missing on a side, failed on one of them, or took twice as long, and that more than 10 ms. */
function differs(pair: Pair, trees: Props["trees"]): boolean {
  const a = pair.a === undefined ? undefined : trees.a.nodes[pair.a];
  const b = pair.b === undefined ? undefined : trees.b.nodes[pair.b];
  if (!a || !b) return true;
  if ((a.span?.status === "error") !== (b.span?.status === "error")) return true;
  const [less, more] = [Math.min(a.duration, b.duration), Math.max(a.duration, b.duration)];
  return more > 2 * less && more - less > 1e7;
}
