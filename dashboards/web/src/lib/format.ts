// Numbers as people read them. All of them keep to one line and to tabular digits.

const GROUPED = new Intl.NumberFormat("en-US");

/** What stands where there is no value. */
export const NONE = "–";

/** 1234567 as "1,234,567". */
export function formatCount(value: number): string {
  return GROUPED.format(value);
}

/** 12345 as "12.3k", for places where space is short. */
export function formatCompact(value: number): string {
  if (value < 10_000) return formatCount(value);
  if (value < 999_950) return `${trimmed(value / 1e3)}k`;
  if (value < 999_950_000) return `${trimmed(value / 1e6)}M`;
  return `${trimmed(value / 1e9)}B`;
}

/** Nanoseconds, three digits that matter: "740 µs", "85.8 ms", "1.24 s", "2 min 05 s". */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds <= 0) return "0 ms";
  if (nanoseconds < 1e3) return `${Math.round(nanoseconds)} ns`;
  if (nanoseconds < 999_500) return `${significant(nanoseconds / 1e3)} µs`;
  if (nanoseconds < 999_500_000) return `${significant(nanoseconds / 1e6)} ms`;
  const seconds = nanoseconds / 1e9;
  if (seconds < 59.95) return `${significant(seconds)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (whole < 3600) return `${minutes} min ${two(rest)} s`;
  if (hours < 48) return `${hours} h ${two(minutes)} min`;
  return `${GROUPED.format(Math.floor(hours / 24))} d ${hours % 24} h`;
}

/** Seconds, as `formatDuration` writes them. */
export function formatSeconds(seconds: number): string {
  return formatDuration(seconds * 1e9);
}

/** Dollars: cents from a dollar on, else two digits that matter. */
export function formatCost(dollars: number): string {
  if (dollars === 0) return "$0";
  if (dollars < 0.000001) return "<$0.000001";
  if (dollars >= 1) {
    return `$${dollars.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  }
  const digits = Math.min(7, Math.max(2, 1 - Math.floor(Math.log10(dollars))));
  return `$${dollars.toFixed(digits)}`;
}

/** Dollars more or less: "+$1.20", "−$0.034". */
export function formatChange(dollars: number): string {
  if (Math.abs(dollars) < 0.000001) return "$0";
  return `${dollars > 0 ? "+" : "−"}${formatCost(Math.abs(dollars))}`;
}

/** Joules: "850 J", then watt-hours: "12.4 Wh", "3.1 kWh". */
export function formatEnergy(joules: number): string {
  if (joules < 3600) return `${significant(joules)} J`;
  const hours = joules / 3600;
  return hours < 999.5 ? `${significant(hours)} Wh` : `${formatCompact(Number(significant(hours / 1000)))} kWh`;
}

/** Bytes: "512 B", "1.2 kB", "5.0 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_950) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 999_950_000) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** "1 span", "2 spans". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function significant(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function trimmed(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
