import { describe, expect, it } from "vitest";
import { cut, pieces } from "./slices";

describe("pieces", () => {
  it("add up to the text", () => {
    const text = `${"word ".repeat(500)}\n`.repeat(40);
    expect(pieces(text, text.length, 3000).join("")).toBe(text);
    expect(pieces(text, 10_000, 3000).join("").length).toBeLessThanOrEqual(10_000);
  });
  it("end at a line's end where one is near", () => {
    expect(cut("aaaa\nbbbb\ncc", 0, 11)).toBe("aaaa\nbbbb\n");
  });
  it("never split a character of two halves", () => {
    const text = "😀".repeat(100);
    for (const piece of pieces(text, text.length, 7)) expect(piece).toMatch(/^(?:😀)+$/);
    expect(pieces(text, text.length, 7).join("")).toBe(text);
  });
  it("handle nothing", () => {
    expect(pieces("", 0, 10)).toEqual([]);
    expect(pieces("😀", 10, 1).join("")).toBe("");
  });
});
