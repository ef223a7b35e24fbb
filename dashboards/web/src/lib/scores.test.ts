import { expect, test } from "vitest";
import { formatScore, groupScores, scoresOf } from "./scores";

const score = (name: string, value: number | null, label = "", span_id = "") => ({ name, value, label, span_id });

test("a label says more than its value", () => {
  expect(formatScore(score("a", 0, "thumbs down"))).toBe("thumbs down");
  expect(formatScore(score("a", 0.81649))).toBe("0.816");
  expect(formatScore(score("a", 1))).toBe("1");
  expect(formatScore(score("a", 0.00001234))).toBe("1.2e-5");
  expect(formatScore(score("a", null))).toBe("");
});

test("scores of one name are shown as one", () => {
  const groups = groupScores([score("b", 1), score("a", 0.5), score("a", 0.25), score("c", null, "x"), score("c", null, "y")]);
  expect(groups.map((group) => [group.name, group.text])).toEqual([["a", "⌀ 0.375"], ["b", "1"], ["c", "2 labels"]]);
});

test("the first span shows what was said of the whole trace", () => {
  const all = [score("trace", 1), score("span", 1, "", "01"), score("other", 1, "", "02")];
  expect(scoresOf(all, "01", false).map((each) => each.name)).toEqual(["span"]);
  expect(scoresOf(all, "01", true).map((each) => each.name)).toEqual(["trace", "span"]);
});
