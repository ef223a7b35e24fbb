import { expect, test } from "vitest";
import { chartOf, formatNumber } from "./sqlChart";

const answer = (columns: Record<string, string>, ...rows: unknown[][]) => ({ columns: Object.keys(columns), types: Object.values(columns), rows });

test("one number", () => {
  expect(chartOf(answer({ calls: "UInt64" }, ["1234"]))).toEqual({ kind: "number", label: "calls", value: 1234 });
});

test("numbers over time, a line each", () => {
  expect(chartOf(answer({ day: "Date", calls: "UInt64", dollars: "Nullable(Float64)" }, ["2026-01-02", 3, 0.5], ["2026-01-01", 2, null]))).toEqual({
    kind: "time", times: [1_767_225_600, 1_767_312_000], step: 86_400, more: 0,
    series: [{ label: "calls", values: [2, 3] }, { label: "dollars", values: [0, 0.5] }],
  });
});

test("one number over time, a line a word, the largest first, gaps left open", () => {
  const chart = chartOf(answer({ hour: "DateTime64(9)", model: "LowCardinality(String)", calls: "UInt64" }, ["2026-01-01 00:00:00.000000000", "small", 1], ["2026-01-01 01:00:00.000000000", "big", 9]));
  expect(chart).toMatchObject({ kind: "time", step: 3600, series: [{ label: "big", values: [null, 9] }, { label: "small", values: [1, null] }] });
});

test("a number by words", () => {
  expect(chartOf(answer({ service: "String", calls: "UInt64" }, ["a", 5], ["b", 2]))).toEqual({ kind: "ranking", label: "calls", more: 0, rows: [{ name: "a", value: 5 }, { name: "b", value: 2 }] });
});

test("many lines and bars are cut, and counted", () => {
  const many = Array.from({ length: 30 }, (_, n) => [`n${n}`, n]);
  expect(chartOf(answer({ name: "String", value: "Int32" }, ...many))).toMatchObject({ more: 10 });
  const lines = many.flatMap(([name, value]) => [["2026-01-01", name, value], ["2026-01-02", name, value]]);
  expect(chartOf(answer({ day: "Date", name: "String", value: "Int32" }, ...lines))).toMatchObject({ more: 24 });
});

test.each([
  ["no row", answer({ calls: "UInt64" })],
  ["no number", answer({ name: "String" }, ["a"])],
  ["several numbers of nothing", answer({ calls: "UInt64" }, [1], [2])],
  ["times that are none", answer({ day: "Date", calls: "UInt64" }, ["", 1], ["x", 2])],
])("nothing to draw: %s", (_, given) => expect(chartOf(given)).toBeUndefined());

test.each([[0, "0"], [1234567, "1.2M"], [0.012345, "0.0123"], [1234.56, "1235"]])("%s", (value, text) => expect(formatNumber(value)).toBe(text));
