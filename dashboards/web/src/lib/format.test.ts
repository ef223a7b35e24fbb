import { describe, expect, it } from "vitest";
import { ticks } from "./axis";
import { formatBytes, formatCompact, formatCost, formatDuration, plural } from "./format";
import { describeRange, formatRelative, fromLocalInput, millisOf, presetOf, toLocalInput, windowOf } from "./time";

describe("formatDuration", () => {
  it.each([
    [0, "0 ms"], [12, "12 ns"], [740_000, "740 µs"], [85_818_570, "85.8 ms"], [999_600_000, "1.00 s"],
    [1_236_000_000, "1.24 s"], [59_960_000_000, "1 min 00 s"], [125e9, "2 min 05 s"],
    [3_723e9, "1 h 02 min"], [200_000e9, "2 d 7 h"],
  ])("%d ns is %s", (nanoseconds, said) => {
    expect(formatDuration(nanoseconds)).toBe(said);
  });
});

describe("other numbers", () => {
  it.each([[0, "$0"], [0.0000001, "<$0.000001"], [0.00123, "$0.0012"], [0.5, "$0.50"], [12.345, "$12.35"], [1234.5, "$1,234.50"]])(
    "%d dollars is %s", (dollars, said) => expect(formatCost(dollars)).toBe(said));
  it.each([[999, "999"], [9999, "9,999"], [12_345, "12.3k"], [10_000, "10k"], [1_500_000, "1.5M"]])(
    "%d is %s", (count, said) => expect(formatCompact(count)).toBe(said));
  it("writes bytes and plurals", () => {
    expect([formatBytes(12), formatBytes(5_000_000)]).toEqual(["12 B", "5.0 MB"]);
    expect([plural(1, "span"), plural(2000, "span")]).toEqual(["1 span", "2,000 spans"]);
  });
});

describe("time", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  it("reads nanoseconds", () => {
    expect(millisOf("2026-11-22T16:29:51.686483971Z")).toBe(Date.parse("2026-11-22T16:29:51.686Z"));
  });
  it.each([[500, "now"], [12_000, "12 s ago"], [240_000, "4 min ago"], [3 * 3_600_000, "3 h ago"]])(
    "%d ms ago is %s", (ago, said) => expect(formatRelative(now - ago, now)).toBe(said));
  it("takes an unknown range for the default one", () => {
    expect(presetOf({ range: "nonsense" })?.key).toBe("24h");
    expect(windowOf({ range: "1h" }, now)).toEqual({ start: "2026-03-10T11:00:00.000Z" });
    expect(windowOf({ from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z" }, now)).toEqual({
      start: "2026-03-01T00:00:00Z", end: "2026-03-02T00:00:00Z",
    });
    expect(describeRange({})).toBe("Last 24 hours");
  });
  it("goes through local inputs and back", () => {
    expect(fromLocalInput(toLocalInput("2026-03-01T10:30:00.000Z"))).toBe("2026-03-01T10:30:00.000Z");
    expect(fromLocalInput("yesterday")).toBeUndefined();
  });
});

describe("ticks", () => {
  it("are round and end within the range", () => {
    expect(ticks(1000, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticks(950, 4)).toEqual([0, 500]);
    expect(ticks(0, 5)).toEqual([0]);
  });
});
