import { expect, test } from "vitest";
import { claimsOf } from "./grounded";

const WRITTEN = [
  "0.21 (nothing like it says 90; one of the two says not): “Items “as new” can be returned within 90 days.”",
  "    nearest, from document: “Unused items can be returned\nwithin 60 days.”",
  "0.45: “They are free.”",
  "    nearest, from the input: “Shipping costs 4.90 EUR.”",
].join("\n");

test("claims with their passages", () => {
  expect(claimsOf(WRITTEN)).toEqual([
    { support: 0.21, reason: "nothing like it says 90; one of the two says not", sentence: "Items “as new” can be returned within 90 days.", from: "document", passage: "Unused items can be returned\nwithin 60 days." },
    { support: 0.45, reason: "", sentence: "They are free.", from: "the input", passage: "Shipping costs 4.90 EUR." },
  ]);
});

test("what is written in another way has none", () => {
  expect(claimsOf("The user was insulted.")).toEqual([]);
  expect(claimsOf("")).toEqual([]);
});
