import { expect, it } from "vitest";
import { readFields, writeFields } from "../pages/traces/moreFields";
import { boundOf, quote, type Term, valueOf, without, withValue } from "./query";

const term = (text: string, part: string, more: Partial<Term>): Term => ({
  field: "", negated: false, operator: "=", values: [], number: null, exact: true, start: text.indexOf(part), end: text.indexOf(part) + part.length, ...more,
});
const TEXT = 'model:gpt-4o  latency:>=2s -env:dev "refund"';
const TERMS = [
  term(TEXT, "model:gpt-4o", { field: "model", values: ["gpt-4o"] }),
  term(TEXT, "latency:>=2s", { field: "latency", operator: ">=", number: 2 }),
  term(TEXT, "-env:dev", { field: "environment", negated: true, values: ["dev"] }),
  term(TEXT, '"refund"', { values: ["refund"] }),
];

it("changes one field and leaves the rest as it was written", () => {
  expect(withValue(TEXT, TERMS, "model", "my model")).toBe('latency:>=2s -env:dev "refund" model:"my model"');
  expect(withValue(TEXT, TERMS, "model", undefined)).toBe('latency:>=2s -env:dev "refund"');
  expect(withValue(TEXT, TERMS, "environment", "prod")).toBe(`${TEXT} environment:prod`);
  expect(withValue("", [], "user", "a")).toBe("user:a");
  expect(without(TEXT, TERMS, () => true)).toBe("");
});

it("changes what a form changed", () => {
  const before = readFields(TERMS);
  expect(before).toMatchObject({ min_ms: 2000, environment: undefined });
  expect(writeFields(TEXT, TERMS, before, before)).toBe(TEXT);
  expect(writeFields(TEXT, TERMS, before, { ...before, min_ms: 5000, max_ms: 9000, user: "a b" })).toBe('model:gpt-4o -env:dev "refund" user:"a b" latency:>=5000ms latency:<=9000ms');
  expect(writeFields(TEXT, TERMS, before, {})).toBe('model:gpt-4o -env:dev "refund"');
});

it("reads what buttons show", () => {
  expect(valueOf(TERMS, "model")).toBe("gpt-4o");
  expect(valueOf(TERMS, "environment")).toBeUndefined();
  expect(valueOf([...TERMS, ...TERMS], "model")).toBeUndefined();
  expect(boundOf(TERMS, "latency", [">", ">="])).toBe(2);
  expect(boundOf(TERMS, "latency", ["<", "<="])).toBeUndefined();
});

it.each([["plain", "plain"], ["two words", '"two words"'], ["a,b", '"a,b"'], ['say "hi"\\', '"say \\"hi\\"\\\\"'], ["*", '"*"'], [">1", '">1"'], ["", '""'], ["a=b", "a=b"]])("writes %s as %s", (value, written) => {
  expect(quote(value)).toBe(written);
});
