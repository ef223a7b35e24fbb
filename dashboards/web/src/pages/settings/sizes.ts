// Amounts as the page of settings writes them.

import { millisOf } from "../../lib/time";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes in decimal units: "1.2 GB". */
export function formatBytes(bytes: number): string {
  let [amount, unit] = [bytes, 0];
  while (amount >= 999.5 && unit < UNITS.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  return `${unit > 0 && amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[unit] ?? ""}`;
}

/** How far a job is behind: "3 s", "12 min", "4 h", "2 d". */
export function lagOf(until: string | null, now: number): string {
  if (until === null) return "not begun";
  const seconds = Math.max(0, (now - millisOf(until)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
