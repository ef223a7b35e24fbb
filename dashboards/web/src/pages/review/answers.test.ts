import { describe, expect, it } from "vitest";
import type { Criterion } from "../../api/review";
import { currentOf, figure, missingOf, optionsOf } from "./answers";

const criterion = (more: Partial<Criterion>): Criterion => ({ name: "a", kind: "boolean", question: "", choices: [], low: 1, high: 5, required: true, ...more });

describe("options", () => {
  it("gives each answer a key", () => {
    expect(optionsOf(criterion({})).map(({ key, answer }) => [key, answer])).toEqual([["1", true], ["2", false]]);
    const choices = Array.from({ length: 11 }, (_, n) => ({ name: `c${n}`, means: "", value: null }));
    expect(optionsOf(criterion({ kind: "categorical", choices })).map(({ key }) => key)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "", ""]);
    expect(optionsOf(criterion({ kind: "numeric" })).map(({ answer }) => answer)).toEqual([1, 2, 3, 4, 5]);
    expect(optionsOf(criterion({ kind: "numeric", low: 0 })).map(({ key, answer }) => [key, answer])[0]).toEqual(["1", 0]);
  });
  it("has none for long or broken scales", () => {
    expect(optionsOf(criterion({ kind: "numeric", high: 100 }))).toEqual([]);
    expect(optionsOf(criterion({ kind: "numeric", low: 0.5 }))).toEqual([]);
  });
});

describe("what is next", () => {
  const criteria = [criterion({}), criterion({ name: "b", required: false })];
  it("is the first question without an answer, or the one that was chosen", () => {
    expect(currentOf(criteria, {}, undefined)).toBe(0);
    expect(currentOf(criteria, { a: false }, undefined)).toBe(1);
    expect(currentOf(criteria, { a: true, b: true }, undefined)).toBe(1);
    expect(currentOf(criteria, {}, 1)).toBe(1);
    expect(currentOf(criteria, {}, 7)).toBe(0);
  });
  it("names what is missing", () => {
    expect(missingOf(criteria, {})).toEqual(["a"]);
    expect(missingOf(criteria, { a: false })).toEqual([]);
    expect(missingOf([criterion({ required: false })], {})).toEqual(["a"]);
  });
});

it("writes figures", () => {
  expect([figure(0.1234, "boolean"), figure(3.456, "numeric"), figure(null, "boolean")]).toEqual(["12.3 %", "3.46", "?"]);
});
