// Points and ranges of time.

/** Milliseconds since 1970 of an RFC 3339 time, whose nanoseconds a Date can't hold. */
export function millisOf(rfc3339: string): number {
  return Date.parse(rfc3339.replace(/(\.\d{3})\d+/, "$1"));
}

/** RFC 3339 of nanoseconds since 1970, to the millisecond. */
export function timeOfNano(nanoseconds: string): string {
  return new Date(Number(BigInt(nanoseconds) / 1_000_000n)).toISOString();
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const EXACT = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit",
  second: "2-digit", fractionalSecondDigits: 3, hour12: false, timeZoneName: "short",
});

/** "now", "12 s ago", "4 min ago", "3 h ago", "yesterday 14:02", "Mar 4 09:30". */
export function formatRelative(millis: number, now: number): string {
  if (Number.isNaN(millis)) return "–";
  const seconds = Math.round((now - millis) / 1000);
  if (seconds < -60) return `${DAY.format(millis)} ${CLOCK.format(millis)}`;
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 12 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  const [day, today] = [startOfDay(millis), startOfDay(now)];
  if (day === today) return `today ${CLOCK.format(millis)}`;
  if (day === startOfDay(today - 12 * 3_600_000)) return `yesterday ${CLOCK.format(millis)}`;
  if (new Date(millis).getFullYear() === new Date(now).getFullYear()) {
    return `${DAY.format(millis)} ${CLOCK.format(millis)}`;
  }
  return DAY_OF_YEAR.format(millis);
}

/** With milliseconds and time zone, in the reader's own zone. */
export function formatExact(millis: number): string {
  return Number.isNaN(millis) ? "–" : EXACT.format(millis);
}

function startOfDay(millis: number): number {
  const day = new Date(millis);
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

/** A range that ends now and moves on with it. */
export interface Preset {
  key: string;
  label: string;
  millis: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PER_DAY = 24 * HOUR;

export const PRESETS: readonly Preset[] = [
  { key: "15m", label: "15 minutes", millis: 15 * MINUTE },
  { key: "1h", label: "1 hour", millis: HOUR },
  { key: "6h", label: "6 hours", millis: 6 * HOUR },
  { key: "24h", label: "24 hours", millis: PER_DAY },
  { key: "3d", label: "3 days", millis: 3 * PER_DAY },
  { key: "7d", label: "7 days", millis: 7 * PER_DAY },
  { key: "30d", label: "30 days", millis: 30 * PER_DAY },
  { key: "90d", label: "90 days", millis: 90 * PER_DAY },
];

export const DEFAULT_PRESET = "24h";

/** As it stands in the address: a preset, or two times. */
export interface TimeRange {
  range?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** A range fixed to points of time; without `end` it goes on. */
export interface Window {
  start: string;
  end?: string;
}

export function presetOf(range: TimeRange): Preset | undefined {
  if (range.from !== undefined) return undefined;
  const wanted = range.range ?? DEFAULT_PRESET;
  return PRESETS.find((preset) => preset.key === wanted) ?? PRESETS.find((preset) => preset.key === DEFAULT_PRESET);
}

export function windowOf(range: TimeRange, now: number): Window {
  const preset = presetOf(range);
  if (preset) return { start: new Date(now - preset.millis).toISOString() };
  const start = range.from ?? new Date(now - PER_DAY).toISOString();
  return range.to === undefined ? { start } : { start, end: range.to };
}

/** "24h", or "Custom", where space is short. */
export function shortRange(range: TimeRange): string {
  return presetOf(range)?.key ?? "Custom";
}

/** "Last 24 hours", "Mar 4 09:30 – Mar 5 10:00". */
export function describeRange(range: TimeRange): string {
  const preset = presetOf(range);
  if (preset) return `Last ${preset.label}`;
  const edge = (time: string): string => {
    const millis = millisOf(time);
    return `${DAY.format(millis)} ${CLOCK.format(millis)}`;
  };
  return `${range.from === undefined ? "…" : edge(range.from)} – ${range.to === undefined ? "now" : edge(range.to)}`;
}

/** What `<input type="datetime-local">` shows for a time. */
export function toLocalInput(rfc3339: string): string {
  const time = new Date(millisOf(rfc3339));
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/** The time that such an input means, or undefined for what is none. */
export function fromLocalInput(value: string): string | undefined {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
