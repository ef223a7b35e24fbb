// How strongly a cell of the heat map is coloured.

import type { Board } from "../../api/client";
import type { Values } from "../../lib/series";

export const SHOWN = [
  { value: "utilization", label: "Utilisation" },
  { value: "memory_bytes", label: "Memory" },
  { value: "power_w", label: "Power" },
  { value: "temperature_c", label: "Temperature" },
  { value: "throttled", label: "Throttling" },
] as const;
export type Shown = (typeof SHOWN)[number]["value"];

/** Degrees Celsius of a board that is cool, and of one that slows itself down. */
const [COOL, HOT] = [25, 90];
/** Watts that fill a cell where a board does not tell its limit. */
const MOST_WATTS = 700;
/** Steps of colour: neighbours of the same step are one cell. */
const LEVELS = 20;

/** 0 where a board does nothing, 1 where it does what it can. */
export function heatOf(shown: Shown, value: number, board: Pick<Board, "memory_limit_bytes" | "power_limit_w">): number {
  const share = {
    utilization: () => value,
    throttled: () => value,
    memory_bytes: () => value / Math.max(1, board.memory_limit_bytes ?? value),
    power_w: () => value / Math.max(1, board.power_limit_w ?? MOST_WATTS),
    temperature_c: () => (value - COOL) / (HOT - COOL),
  }[shown]();
  return Math.min(1, Math.max(0, share));
}

export interface Cell {
  from: number;
  length: number;
  heat: number;
}

/** Neighbours of the same heat as one; steps without a value are left out. */
export function cellsOf(values: Values, heat: (value: number) => number): Cell[] {
  const cells: Cell[] = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const level = Math.round(heat(value) * LEVELS) / LEVELS;
    const last = cells.at(-1);
    if (last?.heat === level && last.from + last.length === at) last.length += 1;
    else cells.push({ from: at, length: 1, heat: level });
  });
  return cells;
}
