import { expect, test } from "vitest";
import { formatEffect, formatP, formatValue } from "./values";

test("values have their units", () => {
  expect(formatValue({ metric: "input_tokens", kind: "numeric" }, 1234.5)).toBe("1,230");
  expect(formatValue({ metric: "cost_usd", kind: "numeric" }, null)).toBe("–");
  expect(formatValue({ metric: "error", kind: "boolean" }, 0.25)).toContain("25");
});

test("effects have their interval", () => {
  expect(formatEffect({ effect: 0.5, low: 0.4, high: 0.61, kind: "numeric" })).toBe("0.50 sd (0.40 to 0.61)");
  expect(formatEffect({ effect: null, low: null, high: null, kind: "numeric" })).toBe("–");
  expect(formatP(0)).toBe("< 0.0001");
  expect(formatP(0.0123)).toBe("0.012");
});
