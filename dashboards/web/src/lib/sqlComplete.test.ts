import { expect, test } from "vitest";
import { completions, isTablePlace, tablesIn, wordBefore, written } from "./sqlComplete";

const COLUMNS = [{ name: "service", type: "String" }, { name: "session_id", type: "String" }, { name: "duration_ns", type: "UInt64" }];

test("a word is completed by columns, tables, functions and keywords", () => {
  expect(completions("se", ["spans"], COLUMNS).slice(0, 3).map((each) => each.name)).toEqual(["service", "session_id", "SELECT"]);
  expect(completions("sp", ["spans"], []).map((each) => each.kind)).toContain("table");
  expect(completions("ration", [], COLUMNS).map((each) => each.name)).toEqual(["duration_ns"]);
  expect(completions("service", [], COLUMNS)).toEqual([]);
  expect(written({ name: "quantile", kind: "function" })).toBe("quantile(");
});

test("nothing is completed within a text or a comment", () => {
  const at = (text: string): number | undefined => wordBefore(text, text.length);
  expect(at("SELECT ser")).toBe(7);
  expect(at("SELECT 'ser")).toBeUndefined();
  expect(at("SELECT 'it''s' AS ser")).toBe(18);
  expect(at("SELECT 1 -- ser")).toBeUndefined();
  expect(at("SELECT 1 ")).toBeUndefined();
});

test("columns are those of the tables that a statement names", () => {
  expect(tablesIn("SELECT 1 FROM spans JOIN spanglass.scores USING trace_id", ["spans", "traces", "scores"])).toEqual(["spans", "scores"]);
});

test("a table is expected behind FROM and JOIN", () => {
  expect([isTablePlace("SELECT 1 FROM "), isTablePlace("x join spanglass."), isTablePlace("SELECT 1 FROM spans WHERE ")]).toEqual([true, true, false]);
});
