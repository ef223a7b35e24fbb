import { expect, test } from "vitest";
import { formatCompared, nameOf, verdictOf } from "./compared";

test("values have their units, differences their sign", () => {
  expect(formatCompared("duration_s", "mean", 1.4)).toBe("1.40 s");
  expect(formatCompared("duration_s", "mean", -0.4, true)).toBe("−400 ms");
  expect(formatCompared("error_rate", "share", 0.031)).toBe("3.1 %");
  expect(formatCompared("error_rate", "share", 0.031, true)).toBe("+3.1 pp");
  expect(formatCompared("cost_usd", "mean", 0.01, true)).toBe("+$0.010");
  expect(formatCompared("input_tokens", "mean", 1234.5)).toBe("1235");
  expect(nameOf("score.user_feedback")).toBe("user_feedback");
});

test("less is better of time and money, more of scores, and nothing of what is not clear", () => {
  const clear = { is_clear: true, p: 0.01 };
  expect(verdictOf({ name: "duration_s", difference: -1, ...clear })).toBe("better");
  expect(verdictOf({ name: "error_rate", difference: 0.1, ...clear })).toBe("worse");
  expect(verdictOf({ name: "score.user_feedback", difference: 0.1, ...clear })).toBe("better");
  expect(verdictOf({ name: "score.toxicity", difference: 0.1, ...clear })).toBe("worse");
  expect(verdictOf({ name: "input_tokens", difference: 5, ...clear })).toBe("other");
  expect(verdictOf({ name: "duration_s", difference: -1, is_clear: false, p: 0.01 })).toBe(undefined);
  expect(verdictOf({ name: "duration_s", difference: -1, is_clear: true, p: 0.2 })).toBe(undefined);
  expect(verdictOf({ name: "duration_s", difference: -1, is_clear: true, p: null })).toBe("better");
});
