import { expect, test } from "vitest";
import { cellsOf, heatOf } from "./heat";

const BOARD = { memory_limit_bytes: 80e9, power_limit_w: null };

test("heat is a share of what a board has", () => {
  expect(heatOf("memory_bytes", 40e9, BOARD)).toBe(0.5);
  expect(heatOf("power_w", 350, BOARD)).toBe(0.5);
  expect(heatOf("power_w", 900, BOARD)).toBe(1);
  expect(heatOf("temperature_c", 20, BOARD)).toBe(0);
  expect(heatOf("memory_bytes", 0, { memory_limit_bytes: null, power_limit_w: null })).toBe(0);
});

test("neighbours of one heat are one cell, and gaps stay gaps", () => {
  const cells = cellsOf([0.5, 0.51, null, 0.5, 1], (value) => value);
  expect(cells).toEqual([
    { from: 0, length: 2, heat: 0.5 },
    { from: 3, length: 1, heat: 0.5 },
    { from: 4, length: 1, heat: 1 },
  ]);
});
