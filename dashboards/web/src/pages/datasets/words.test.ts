import { expect, test } from "vitest";
import { wordsOf } from "./words";

test.each([
  ["a text", "a text"],
  [null, ""],
  [{ question: "Why?" }, "Why?"],
  [{ a: 1, b: 2 }, '{"a":1,"b":2}'],
  [[{ role: "system", content: "Be kind." }, { role: "user", content: "Why?" }], "Why?"],
  [[{ role: "assistant", parts: [{ type: "text", content: "Because." }] }], "Because."],
  [[1, 2], "[1,2]"],
  [[{ role: "user", content: null }], '[{"role":"user","content":null}]'],
])("%j", (value, words) => {
  expect(wordsOf(value)).toBe(words);
});
