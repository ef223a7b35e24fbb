// What an answer of SQL looks like, drawn.

import { plain } from "./csv";

export interface Series {
  label: string;
  values: (number | null)[];
}

export type SqlChart =
  | { kind: "number"; label: string; value: number }
  /** Times in seconds since 1970. */
  | { kind: "time"; times: number[]; step: number; series: Series[]; more: number }
  | { kind: "ranking"; label: string; rows: { name: string; value: number }[]; more: number };

interface Answer {
  columns: readonly string[];
  types: readonly string[];
  rows: readonly (readonly unknown[])[];
}

/** Lines, and bars, that are drawn. */
const MOST_SERIES = 6;
const MOST_BARS = 20;

/**
 * One number; or numbers over the first column that is a time, a line for each number or, where a
 * column of words tells them apart, for each word; or else the first number by the first words.
 * Undefined where nothing can be drawn.
 */
export function chartOf({ columns, types, rows }: Answer): SqlChart | undefined {
  const numbers = columns.flatMap((_, index) => (isNumber(types[index]) ? [index] : []));
  const time = types.findIndex(isTime);
  const words = types.findIndex((type, index) => index !== time && isWord(type));
  const [first] = numbers;
  if (first === undefined || rows.length === 0) return undefined;
  const label = columns[first] ?? "";
  if (time >= 0 && rows.length > 1) return overTime(columns, rows, time, words, numbers);
  if (words < 0) return rows.length === 1 ? { kind: "number", label, value: numberOf(rows[0]?.[first]) ?? 0 } : undefined;
  const ranked = rows.flatMap((row) => {
    const value = numberOf(row[first]);
    return value === null ? [] : [{ name: plain(row[words]), value }];
  });
  return { kind: "ranking", label, rows: ranked.slice(0, MOST_BARS), more: Math.max(0, ranked.length - MOST_BARS) };
}

function overTime(columns: readonly string[], rows: Answer["rows"], time: number, words: number, numbers: readonly number[]): SqlChart | undefined {
  const moments = [...new Set(rows.flatMap((row) => secondsOf(row[time]) ?? []))].sort((a, b) => a - b);
  if (moments.length < 2) return undefined;
  const places = new Map(moments.map((moment, place) => [moment, place]));
  const found = new Map<string, (number | null)[]>();
  const put = (label: string, row: readonly unknown[], column: number): void => {
    const place = places.get(secondsOf(row[time]) ?? NaN);
    if (place === undefined) return;
    const values = found.get(label) ?? moments.map(() => null);
    values[place] = (values[place] ?? 0) + (numberOf(row[column]) ?? 0);
    found.set(label, values);
  };
  for (const row of rows) {
    if (words >= 0) put(plain(row[words]) || "(none)", row, numbers[0] ?? 0);
    else for (const column of numbers) put(columns[column] ?? "", row, column);
  }
  const size = (values: readonly (number | null)[]): number => values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const series = [...found].map(([label, values]) => ({ label, values }));
  if (words >= 0) series.sort((a, b) => size(b.values) - size(a.values));
  const gaps = moments.slice(1).map((moment, place) => moment - (moments[place] ?? 0));
  return { kind: "time", times: moments, step: Math.min(...gaps), series: series.slice(0, MOST_SERIES), more: Math.max(0, series.length - MOST_SERIES) };
}

function bare(type: string | undefined): string {
  return (type ?? "").replace(/^(LowCardinality\()?(Nullable\()?/, "");
}

function isNumber(type: string | undefined): boolean {
  return /^(U?Int|Float|Decimal)/.test(bare(type));
}

function isTime(type: string): boolean {
  return bare(type).startsWith("Date");
}

function isWord(type: string): boolean {
  return /^(String|FixedString|Enum|UUID|Bool)/.test(bare(type));
}

function numberOf(value: unknown): number | null {
  const number = typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : NaN;
  return Number.isFinite(number) ? number : null;
}

/** The store writes times in UTC, without saying so. */
function secondsOf(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const millis = Date.parse(value.length === 10 ? `${value}T00:00:00Z` : `${value.slice(0, 23).replace(" ", "T")}Z`);
  return Number.isNaN(millis) ? undefined : millis / 1000;
}

/** Writes a number of whatever unit. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  return String(Number(value.toPrecision(size >= 100 ? 4 : 3)));
}
