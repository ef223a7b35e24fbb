import { expect, test } from "vitest";
import { exactly, readEvidence, sparkline } from "./evidence";

test("evidence is what it says, and nothing where it says something else", () => {
  const id = "0".repeat(32);
  expect(
    readEvidence({
      series: [1, null, "x"],
      explained: [{ dimension: "model", value: "m", share: 0.9, usual: 0.5 }, { dimension: 1 }],
      traces: [{ trace_id: id, link: "x" }, { trace_id: "no" }],
      link: "/traces?service=a&status=error",
      incomplete: "why",
    }),
  ).toEqual({
    series: [1, null, null],
    explained: [{ dimension: "model", value: "m", share: 0.9, usual: 0.5 }],
    traces: [id],
    link: { service: "a", status: "error" },
    incomplete: "why",
    changes: [],
    changedAt: undefined,
    turn: undefined,
  });
  expect(readEvidence({ link: "https://elsewhere/traces?" })).toEqual({ series: [], explained: [], traces: [], link: undefined, incomplete: "", changes: [], changedAt: undefined, turn: undefined });
});

test("a line of numbers fits its box", () => {
  expect(sparkline([0, null, 4])).toBe("0.0,23.0 100.0,1.0");
  expect(sparkline([])).toBe("");
  expect(sparkline([null, 27, null])).toBe("");
});

test("a name is no pattern", () => {
  expect(exactly({ rule: "r", service: "*", model: "!gpt", user: "=", host: "a b" })).toEqual({ rule: "r", service: "=*", model: "=!gpt", user: "==", host: "a b" });
});
