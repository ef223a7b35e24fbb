import "uplot/dist/uPlot.min.css";
import { useMantineColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { stacked, type Values } from "../lib/series";
import { formatExact } from "../lib/time";
import styles from "./TimeChart.module.css";

export interface Line {
  label: string;
  /** A custom property of the look, `--accent`. */
  color: string;
  values: Values;
}

interface Props {
  /** For whoever can't see it. */
  label: string;
  /** Where the steps begin, in seconds since 1970. */
  times: readonly number[];
  step: number;
  lines: readonly Line[];
  kind: "bars" | "lines";
  format: (value: number) => string;
  /** In pixels. */
  height?: number;
  /** Called with a range that was dragged over, or a step that was clicked; in milliseconds. */
  onPick?: (from: number, to: number) => void;
}

const HEIGHT = 148;
/** A shorter drag is a click. */
const LEAST_DRAG = 6;

/**
 * Numbers over time. Charts of one page share their cursor, and each says above what its lines are
 * there.
 */
export function TimeChart({ label, times, step, lines, kind, format, height = HEIGHT, onPick }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const pick = useRef(onPick);
  const [at, setAt] = useState<number>();
  const { colorScheme } = useMantineColorScheme();
  const shape = lines.map((line) => `${line.label} ${line.color}`).join();
  useEffect(() => {
    pick.current = onPick;
  });
  const data = useMemo<uPlot.AlignedData>(() => {
    const rows = lines.map((line) => line.values);
    return [[...times], ...(kind === "bars" ? stacked(rows) : rows.map((row) => [...row]))];
  }, [times, lines, kind]);

  useEffect(() => {
    const within = place.current;
    if (!within) return;
    const made = new uPlot(
      options({ width: within.clientWidth, height, lines, kind, step, format, onAt: setAt, onPick: (from, to) => pick.current?.(from, to) }),
      [[]],
      within,
    );
    plot.current = made;
    const resize = new ResizeObserver(() => {
      // It is told the size at once, and every setting draws.
      if (within.clientWidth !== made.width) made.setSize({ width: within.clientWidth, height });
    });
    resize.observe(within);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Made anew where its look changes, not where its numbers do.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, kind, step, format, height, colorScheme]);
  useEffect(() => plot.current?.setData(data), [data, shape, kind, step, format, height, colorScheme]);

  const time = at === undefined ? undefined : times[at];
  return (
    <figure className={styles["chart"]} aria-label={label}>
      <figcaption className={styles["legend"]}>
        {lines.map((line) => {
          const value = at === undefined ? undefined : line.values[at];
          return (
            <span key={line.label}>
              <i style={{ background: `var(${line.color})` }} aria-hidden />
              {line.label} {time !== undefined && <b>{value == null ? "–" : format(value)}</b>}
            </span>
          );
        })}
        {time !== undefined && <time>{formatExact(time * 1000).replace(/:\d\d\.\d+.*$/, "")}</time>}
      </figcaption>
      <div ref={place} className={styles["place"]} data-pick={onPick ? true : undefined} style={{ height }} />
    </figure>
  );
}

interface Look extends Pick<Props, "lines" | "kind" | "step" | "format"> {
  width: number;
  height: number;
  onAt: (index: number | undefined) => void;
  onPick: (from: number, to: number) => void;
}

function options({ width, height, lines, kind, step, format, onAt, onPick }: Look): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--text-3"),
    font: `11px ${colour("--font")}`,
    ticks: { show: false },
  };
  const grid = { stroke: colour("--line"), width: 1 };
  const bars = uPlot.paths.bars?.({ size: [0.8, 26], align: 1 });
  return {
    width,
    height,
    padding: [6, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "spanglass" }, y: false, points: { show: kind === "lines", size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: true, range: (_, min, max) => [min, max + step] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, gap: 4, space: 64, values: clock },
      { ...axis, grid, size: 56, gap: 6, space: 26, values: (_, splits) => splits.map((each) => (each === 0 ? "0" : format(each))) },
    ],
    series: [
      {},
      ...lines.map((line, index): uPlot.Series => {
        const stroke = colour(line.color);
        if (kind === "bars") return { stroke: "transparent", fill: stroke, points: { show: false }, ...(bars && { paths: bars }) };
        return { stroke, width: 1.6, spanGaps: true, points: { size: 4, fill: stroke, show: () => false, filter: lonely }, ...(index === lines.length - 1 && { fill: `${stroke}1f` }) };
      }),
    ],
    hooks: {
      setCursor: [(chart) => onAt(chart.cursor.idx ?? undefined)],
      setSelect: [
        (chart) => {
          if (chart.select.width >= LEAST_DRAG) {
            onPick(chart.posToVal(chart.select.left, "x") * 1000, chart.posToVal(chart.select.left + chart.select.width, "x") * 1000);
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }
        },
      ],
      ready: [
        (chart) =>
          chart.over.addEventListener("click", () => {
            const time = chart.cursor.idx == null ? undefined : chart.data[0][chart.cursor.idx];
            if (time !== undefined) onPick(time * 1000, (time + step) * 1000);
          }),
      ],
    },
  };
}

/** A single point, which no line shows. */
function lonely(chart: uPlot, series: number): number[] {
  const values = chart.data[series] ?? [];
  const there = [...values.keys()].filter((at) => values[at] != null);
  return there.length === 1 ? there : [];
}

const HOURS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const DAYS = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** A day is named where it begins, and alone where steps are days. */
function clock(_: uPlot, splits: number[]): string[] {
  return splits.map((split) => {
    const time = new Date(split * 1000);
    return time.getHours() === 0 && time.getMinutes() === 0 ? DAYS.format(time) : HOURS.format(time);
  });
}
