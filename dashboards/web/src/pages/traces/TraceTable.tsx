import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { Trace } from "../../api/client";
import { useNow } from "../../components/When";
import type { Sort } from "../../lib/search";
import { TraceRow } from "./TraceRow";
import styles from "./TraceTable.module.css";

interface Props {
  traces: readonly Trace[];
  /** Rows that have come since the page opened. */
  fresh: ReadonlySet<string>;
  chosen: ReadonlySet<string>;
  current: number;
  sort: Sort;
  ascending: boolean;
  more: boolean;
  loadingMore: boolean;
  stale: boolean;
  onSort: (sort: Sort) => void;
  onOpen: (index: number) => void;
  onChoose: (traceId: string) => void;
  onMore: () => void;
  onScrolled: (atTop: boolean) => void;
}

const COLUMNS: readonly { label: string; className: string; sort?: Sort }[] = [
  { label: "Name", className: "name" },
  { label: "Service", className: "service" },
  { label: "Start", className: "start", sort: "start_time" },
  { label: "Duration", className: "duration", sort: "duration" },
  { label: "Spans", className: "spans", sort: "spans" },
  { label: "Tokens", className: "tokens", sort: "tokens" },
  { label: "Cost", className: "cost", sort: "cost" },
  { label: "Models", className: "models" },
  { label: "Session · user", className: "who" },
];

/** The duration that one in twenty exceeds: a few very long ones must not flatten all other bars. */
function usualMost(traces: readonly Trace[]): number {
  const sorted = traces.map((trace) => trace.duration_ns).sort((a, b) => a - b);
  return Math.max(1, sorted[Math.floor(sorted.length * 0.95)] ?? 1);
}

/** Heights of a row in pixels; the style sheet has the same. */
export const ROW = 38;
export const CARD = 78;
const HEAD = 34;

export function TraceTable(props: Props) {
  const { traces, current, sort, ascending, more, loadingMore, onMore, onScrolled } = props;
  const now = useNow();
  const phone = useMediaQuery("(max-width: 720px)", false, { getInitialValueInEffect: false });
  const scroller = useRef<HTMLDivElement>(null);
  const head = phone ? 0 : HEAD;
  const height = phone ? CARD : ROW;
  const virtual = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: head,
    scrollPaddingStart: head,
    scrollPaddingEnd: height,
  });
  useEffect(() => virtual.measure(), [virtual, height]);
  useEffect(() => {
    if (current >= 0) virtual.scrollToIndex(current);
  }, [virtual, current]);

  const scale = useMemo(() => usualMost(traces), [traces]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loadingMore && last >= traces.length - 30) onMore();
  }, [last, more, loadingMore, traces.length, onMore]);

  return (
    <div className={styles["frame"]}>
      <div
        ref={scroller}
        className={styles["scroller"]}
        role="table"
        aria-label="Traces"
        aria-rowcount={more ? -1 : traces.length + 1}
        data-stale={props.stale || undefined}
        onScroll={(event) => onScrolled(event.currentTarget.scrollTop < ROW)}
        tabIndex={-1}
      >
        <div className={styles["head"]} role="row" aria-rowindex={1}>
          {COLUMNS.map((column) => {
            const key = column.sort;
            const sorted = key === sort;
            if (key === undefined) return <div key={column.label} role="columnheader" className={styles[column.className]}>{column.label}</div>;
            const Arrow = ascending ? IconArrowUp : IconArrowDown;
            return (
              <div key={column.label} role="columnheader" className={styles[column.className]} aria-sort={sorted ? (ascending ? "ascending" : "descending") : "none"}>
                <button type="button" onClick={() => props.onSort(key)}>
                  {sorted && <Arrow size={13} stroke={2} aria-hidden />}
                  {column.label}
                </button>
              </div>
            );
          })}
        </div>
        <div role="rowgroup" className={styles["body"]} style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const trace = traces[item.index];
            if (!trace) return null;
            return (
              <TraceRow
                key={`${trace.project}/${trace.trace_id}`}
                trace={trace}
                now={now}
                scale={scale}
                index={item.index}
                current={item.index === current}
                fresh={props.fresh.has(trace.trace_id)}
                top={item.start - head}
                chosen={props.chosen.has(trace.trace_id)}
                onOpen={props.onOpen}
                onChoose={props.onChoose}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}
