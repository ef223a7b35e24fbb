import { expect, test } from "vitest";
import { changeOf, formatChange, formatShare, stacked } from "./series";

test("rows are drawn on top of one another", () => {
  expect(stacked([[1, 2, null], [10, null, 30]])).toEqual([[11, 2, 30], [10, 0, 30]]);
  expect(stacked([])).toEqual([]);
});

test("a change is said in words that fit", () => {
  expect(changeOf(3, 2)).toBeCloseTo(0.5);
  expect(changeOf(3, 0)).toBeUndefined();
  expect(changeOf(null, 1)).toBeUndefined();
  expect([0.5, -0.034, 0.001, -1, 24, 0.0994, 0.0996].map(formatChange)).toEqual(["+50 %", "−3.4 %", "no change", "−100 %", "×25", "+9.9 %", "+10 %"]);
});

test("a share keeps to what matters", () => {
  expect([0, 0.0004, 0.004, 0.123, 1].map(formatShare)).toEqual(["0 %", "<0.1 %", "0.4 %", "12 %", "100 %"]);
});
