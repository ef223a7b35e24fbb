import { expect, test } from "vitest";
import { intervalOf, stepsOf } from "./intervals";

const window = (start: string, end: string) => ({ start: `${start}Z`, end: `${end}Z` });
const shown = (start: string, end: string, interval: Parameters<typeof stepsOf>[1]) =>
  stepsOf(window(start, end), interval, 0).map((step) => new Date(step).toISOString().slice(0, 13));

test("a range has steps that a calendar has", () => {
  expect(shown("2026-03-01T22:10:00", "2026-03-02T00:30:00", "hour")).toEqual(["2026-03-01T22", "2026-03-01T23", "2026-03-02T00"]);
  expect(shown("2026-02-28T22:10:00", "2026-03-02T00:00:00", "day")).toEqual(["2026-02-28T00", "2026-03-01T00"]);
  expect(shown("2026-11-22T22:10:00", "2026-11-24T00:00:00", "week")).toEqual(["2026-11-16T00", "2026-11-23T00"]);
  expect(shown("2026-11-22T22:10:00", "2027-01-02T00:00:00", "month")).toEqual(["2026-11-01T00", "2026-12-01T00", "2027-01-01T00"]);
});

test("a longer range has longer steps", () => {
  const of = (start: string) => intervalOf({ start: `${start}T00:00:00Z` }, Date.parse("2026-11-23T00:00:00Z"));
  expect([of("2026-11-22"), of("2026-11-01"), of("2026-01-01"), of("2020-01-01")]).toEqual(["hour", "day", "week", "month"]);
});
