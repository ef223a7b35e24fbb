import { expect, it } from "vitest";
import { formatBytes, lagOf } from "./sizes";

it.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [999_600, "1.0 MB"], [12_345_678, "12 MB"], [5.5e15, "5.5 PB"], [9e18, "9000 PB"]])("writes %d bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([[0, "0 s"], [-5, "0 s"], [89, "89 s"], [120, "2 min"], [7200, "2 h"], [3 * 86_400, "3 d"]])("writes a lag of %d s as %s", (seconds, text) => {
  const now = Date.UTC(2026, 0, 1);
  expect(lagOf(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
  expect(lagOf(null, now)).toBe("not begun");
});
