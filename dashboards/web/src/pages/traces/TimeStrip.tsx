import { useQuery } from "@tanstack/react-query";
import { type PointerEvent, useRef, useState } from "react";
import { timelineQuery } from "../../api/queries";
import { formatCount, plural } from "../../lib/format";
import { formatExact, millisOf, type TimeRange } from "../../lib/time";
import styles from "./TimeStrip.module.css";

interface Props {
  query: string;
  range: TimeRange;
  /** Milliseconds between two looks, in live mode. */
  every: number | false;
  /** Called with the range that was dragged over, or the step that was clicked; in milliseconds. */
  onPick: (from: number, to: number) => void;
}

/** A shorter drag is a click, in pixels. */
const LEAST_DRAG = 5;

/** How many traces of the list began when. Heights are square roots, so that few still show beside many. */
export function TimeStrip({ query, range, every, onPick }: Props) {
  const { data, isError, isPlaceholderData } = useQuery({ ...timelineQuery(query, range), refetchInterval: every });
  const place = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const [hover, setHover] = useState<number>();
  if (isError || !data) return <div className={styles["strip"]} data-empty />;
  const { steps, step_s: step } = data;
  const most = Math.max(1, ...steps.map((each) => each.traces));
  const share = (event: PointerEvent): number => {
    const box = place.current?.getBoundingClientRect();
    return box ? Math.max(0, Math.min(0.9999, (event.clientX - box.left) / box.width)) : 0;
  };
  const indexOf = (part: number): number => Math.floor(part * steps.length);
  const finish = (event: PointerEvent): void => {
    if (!drag) return;
    setDrag(undefined);
    setHover(undefined);
    const [low, high] = [Math.min(drag.from, share(event)), Math.max(drag.from, share(event))];
    const wide = (high - low) * (place.current?.clientWidth ?? 0) >= LEAST_DRAG;
    const [first, last] = [steps[indexOf(low)], steps[indexOf(wide ? high : low)]];
    if (first && last) onPick(millisOf(first.time), millisOf(last.time) + step * 1000);
  };
  const shown = hover === undefined ? undefined : steps[hover];
  return (
    <figure className={styles["strip"]} data-stale={isPlaceholderData || undefined} aria-label={`${plural(data.total, "trace")} over time, ${formatCount(data.errors)} failed. Drag to choose a range; the range of time above does the same.`}>
      <div
        ref={place}
        className={styles["bars"]}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: share(event), to: share(event) });
        }}
        onPointerMove={(event) => {
          setHover(indexOf(share(event)));
          if (drag) setDrag({ ...drag, to: share(event) });
        }}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(undefined)}
        onPointerLeave={() => setHover(undefined)}
      >
        {steps.map((each, index) => (
          <i key={each.time} data-hover={index === hover || undefined}>
            {each.traces > 0 && <b style={{ height: `${Math.max(6, 100 * Math.sqrt(each.traces / most))}%` }}><u style={{ height: `${(100 * each.errors) / each.traces}%` }} /></b>}
          </i>
        ))}
        {drag && <span style={{ left: `${100 * Math.min(drag.from, drag.to)}%`, width: `${100 * Math.abs(drag.to - drag.from)}%` }} />}
      </div>
      <figcaption>
        {shown
          ? `${formatExact(millisOf(shown.time)).replace(/:\d\d\.\d+.*$/, "")} · ${plural(shown.traces, "trace")}${shown.errors > 0 ? `, ${formatCount(shown.errors)} failed` : ""}`
          : `${plural(data.total, "trace")}${data.errors > 0 ? `, ${formatCount(data.errors)} failed` : ""}`}
      </figcaption>
    </figure>
  );
}
