import { expect, test } from "vitest";
import { diffLines } from "./diff";

const SIGN = { same: " ", added: "+", removed: "-", gap: "~" };
const shown = (before: string, after: string): string[] => diffLines(before, after).map(({ kind, text }) => SIGN[kind] + text);

test.each([
  ["the same", "a\nb", "a\nb", []],
  ["a line changed", "a\nb\nc", "a\nx\nc", [" a", "-b", "+x", " c"]],
  ["a line added", "a\nc", "a\nb\nc", [" a", "+b", " c"]],
  ["from nothing", "", "a", ["-", "+a"]],
  ["moved", "a\nb", "b\na", ["-a", " b", "+a"]],
  ["far apart", "1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\nx", ["~2 lines the same", " 3", " 4", " 5", "-6", "+x"]],
])("%s", (_, before, after, expected) => expect(shown(before, after)).toEqual(expected));

test("texts of many lines end soon, and lose no line", () => {
  const text = (letter: string): string => Array.from({ length: 5_000 }, (_, n) => `${letter}${n}`).join("\n");
  const lines = diffLines(text("a"), text("b"));
  expect(lines.filter(({ kind }) => kind === "removed")).toHaveLength(5_000);
  expect(lines.filter(({ kind }) => kind === "added")).toHaveLength(5_000);
});

test("numbers of lines are those of each text", () => {
  expect(diffLines("a\nb", "x\na\nc").map(({ before, after }) => [before, after])).toEqual([[null, 1], [1, 2], [2, null], [null, 3]]);
});
