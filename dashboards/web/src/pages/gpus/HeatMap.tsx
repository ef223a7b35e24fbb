import { SegmentedControl } from "@mantine/core";
import { type MouseEvent, useMemo, useState } from "react";
import type { Board, GpuSeries } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { formatBytes, NONE } from "../../lib/format";
import { formatShare, type Values } from "../../lib/series";
import { formatExact } from "../../lib/time";
import styles from "./Gpus.module.css";
import { cellsOf, heatOf, SHOWN, type Shown } from "./heat";

interface Props {
  boards: readonly Board[];
  series: GpuSeries;
  onPick: (from: number, to: number) => void;
}

/** A row a board, a cell a step of time, by host. */
export function HeatMap({ boards, series, onPick }: Props) {
  const [shown, setShown] = useState<Shown>("utilization");
  const [at, setAt] = useState<number>();
  const hosts = useMemo(() => {
    const found = new Map<string, Board[]>();
    for (const board of boards) found.set(board.host, [...(found.get(board.host) ?? []), board]);
    return [...found];
  }, [boards]);
  const valuesOf = useMemo(() => new Map(series.boards.map((each) => [`${each.project} ${each.host} ${each.id}`, each.values])), [series]);
  const steps = series.times.length;
  const step = (event: MouseEvent<HTMLButtonElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(steps - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * steps)));
  };
  const pick = (event: MouseEvent<HTMLButtonElement>): void => {
    // A key has no place: it opens the whole range.
    const [from, to] = event.detail === 0 ? [0, steps - 1] : [step(event), step(event)];
    onPick((series.times[from] ?? 0) * 1000, ((series.times[to] ?? 0) + series.step_s) * 1000);
  };
  const time = at === undefined ? undefined : series.times[at];
  return (
    <section className={panel["panel"]} aria-label="GPUs">
      <div className={styles["head"]}>
        <h2>GPUs</h2>
        <SegmentedControl size="xs" aria-label="What the cells show" data={SHOWN.map(({ value, label }) => ({ value, label }))} value={shown} onChange={(value) => setShown(value)} />
        <time>{time === undefined ? "The stronger the colour, the more" : formatExact(time * 1000).replace(/:\d\d\.\d+.*$/, "")}</time>
      </div>
      {hosts.map(([host, its]) => (
        <div key={host} className={styles["host"]}>
          <h3>{host || "(no host)"} <small>{its.length === 1 ? "1 GPU" : `${its.length} GPUs`}</small></h3>
          <ul aria-label={`GPUs of ${host || "no host"}`}>
            {its.map((board) => {
              const values: Values = valuesOf.get(`${board.project} ${board.host} ${board.id}`)?.[shown] ?? [];
              const value = at === undefined ? undefined : (values[at] ?? null);
              const name = board.index === null ? board.id : `GPU ${board.index}`;
              return (
                <li key={`${board.project} ${board.id}`}>
                  <div className={styles["name"]} title={board.id}>
                    <b>{name}</b> <span data-state={board.state}>{board.state}</span>
                    <small>{board.reason || board.name}</small>
                  </div>
                  <button type="button" className={styles["strip"]} aria-label={`${name}: traces of this range`} onClick={pick} onMouseMove={(event) => setAt(step(event))} onMouseLeave={() => setAt(undefined)}>
                    <svg viewBox={`0 0 ${Math.max(1, steps)} 1`} preserveAspectRatio="none" aria-hidden data-shown={shown}>
                      {cellsOf(values, (each) => heatOf(shown, each, board)).map((cell) => (
                        <rect key={cell.from} x={cell.from} y={0} width={cell.length} height={1} fillOpacity={cell.heat} />
                      ))}
                    </svg>
                    {value !== undefined && <output>{value === null ? NONE : formatOf(shown, value)}</output>}
                  </button>
                  <Figures board={board} />
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </section>
  );
}

function formatOf(shown: Shown, value: number): string {
  if (shown === "memory_bytes") return formatBytes(value);
  if (shown === "power_w") return `${Math.round(value)} W`;
  if (shown === "temperature_c") return `${Math.round(value)} °C`;
  return formatShare(value);
}

function Figures({ board }: { board: Board }) {
  const throttled = Object.entries(board.throttled).sort((a, b) => b[1] - a[1])[0];
  const of = (value: number | null, format: (value: number) => string): string => (value === null ? NONE : format(value));
  return (
    <dl className={styles["figures"]}>
      <div><dt>Busy</dt><dd>{of(board.utilization, formatShare)}</dd></div>
      <div><dt>Memory</dt><dd>{of(board.memory_used_bytes, formatBytes)}</dd></div>
      <div><dt>Power</dt><dd>{of(board.power_w, (value) => `${Math.round(value)} W`)}</dd></div>
      <div><dt>Temp.</dt><dd>{of(board.temperature_c, (value) => `${Math.round(value)} °C`)}</dd></div>
      <div title={throttled?.[0]}><dt>Throttled</dt><dd data-bad={throttled !== undefined || undefined}>{throttled ? formatShare(throttled[1]) : "no"}</dd></div>
    </dl>
  );
}
