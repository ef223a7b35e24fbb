import { describe, expect, it } from "vitest";
import { isOutside, reachable } from "./addresses";

it.each([
  ["127.0.0.1:4318", "localhost", "127.0.0.1:4318"],
  ["0.0.0.0:9000", "traces.example.com", "traces.example.com:9000"],
  [":::4318", "box", "box:4318"],
  ["::1:4318", "localhost", "[::1]:4318"],
  ["", "box", "box:4318"],
])("%s seen from a page on %s is %s", (listened, hostname, expected) => {
  expect(reachable(listened, { hostname }, 4318)).toBe(expected);
});

describe("isOutside", () => {
  it.each([
    ["https://status.example.org/a?b=c", true],
    ["HTTP://status.example.org", true],
    ["javascript:alert(1)", false],
    ["data:text/html,x", false],
    ["/settings", false],
    ["//example.org", false],
    ["https:evil", false],
  ])("%s", (address, outside) => {
    expect(isOutside(address)).toBe(outside);
  });
});
