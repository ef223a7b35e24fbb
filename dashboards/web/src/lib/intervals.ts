// Calendar steps, in UTC as the API counts them.

import type { Window } from "./time";
import { millisOf } from "./time";

export type Interval = "hour" | "day" | "week" | "month";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The step in which a range of time is shown: so that there are some, and not too many. */
export function intervalOf(window: Window, now: number): Interval {
  const length = (window.end === undefined ? now : millisOf(window.end)) - millisOf(window.start);
  if (length <= 4 * DAY) return "hour";
  if (length <= 100 * DAY) return "day";
  return length <= 700 * DAY ? "week" : "month";
}

/** Where each step of a range begins, in milliseconds; the first may begin before the range. */
export function stepsOf(window: Window, interval: Interval, now: number): number[] {
  const end = window.end === undefined ? now : millisOf(window.end);
  const steps: number[] = [];
  for (let at = startOf(millisOf(window.start), interval); at < end && steps.length < MOST; at = after(at, interval)) steps.push(at);
  return steps;
}

const MOST = 3_000;

function startOf(millis: number, interval: Interval): number {
  const day = Math.floor(millis / DAY) * DAY;
  if (interval === "hour") return Math.floor(millis / HOUR) * HOUR;
  if (interval === "day") return day;
  // Weeks begin on Monday.
  if (interval === "week") return day - ((new Date(day).getUTCDay() + 6) % 7) * DAY;
  const date = new Date(day);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function after(millis: number, interval: Interval): number {
  if (interval === "hour") return millis + HOUR;
  if (interval === "day") return millis + DAY;
  if (interval === "week") return millis + 7 * DAY;
  const date = new Date(millis);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
