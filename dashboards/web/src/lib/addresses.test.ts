import { expect, it } from "vitest";
import { reachable } from "./addresses";

it.each([
  ["127.0.0.1:4318", "localhost", "127.0.0.1:4318"],
  ["0.0.0.0:9000", "traces.example.com", "traces.example.com:9000"],
  [":::4318", "box", "box:4318"],
  ["::1:4318", "localhost", "[::1]:4318"],
  ["", "box", "box:4318"],
])("%s seen from a page on %s is %s", (listened, hostname, expected) => {
  expect(reachable(listened, { hostname }, 4318)).toBe(expected);
});
