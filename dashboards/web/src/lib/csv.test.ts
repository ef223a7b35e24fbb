import { expect, test } from "vitest";
import { toCsv } from "./csv";

test("values keep their commas, quotes and lines", () => {
  expect(toCsv(["a", "b"], [["x,y", 'say "no"'], [null, 1.5], [["p", 1], "two\nlines"]])).toBe(
    'a,b\r\n"x,y","say ""no"""\r\n,1.5\r\n"[""p"",1]","two\nlines"\r\n',
  );
});

test("text is no formula, and a number below zero stays one", () => {
  expect(toCsv(["a"], [["=1+1"], ["@x"], [-3]])).toBe("a\r\n'=1+1\r\n'@x\r\n-3\r\n");
});
