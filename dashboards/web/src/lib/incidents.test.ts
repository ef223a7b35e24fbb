import { describe, expect, it } from "vitest";
import { readEvidence } from "./evidence";
import { formatSpan, playbooksOf, wordOf } from "./incidents";

describe("formatSpan", () => {
  it.each([
    [-5, "0 s"],
    [59_400, "59 s"],
    [60_000, "1 min"],
    [3_720_000, "1 h 2 min"],
    [86_400_000 * 3 + 3_600_000, "3 d 1 h"],
  ])("%d", (millis, text) => {
    expect(formatSpan(millis)).toBe(text);
  });
});

describe("playbooksOf", () => {
  it("names each once, with an alert that fires", () => {
    const alerts = [
      { id: "a-1", playbook: "errors", state: "resolved" },
      { id: "b-1", playbook: "errors", state: "firing" },
      { id: "c-1", playbook: "", state: "firing" },
      { id: "d-1", playbook: "cost", state: "resolved" },
    ];
    expect(playbooksOf(alerts)).toEqual([{ name: "errors", alert: "b-1" }, { name: "cost", alert: "" }]);
  });
});

describe("wordOf", () => {
  it("shows what it does not know as it is", () => {
    expect([wordOf("fired"), wordOf("later")]).toEqual(["Alert", "later"]);
  });
});

describe("readEvidence", () => {
  it("places the change in the line", () => {
    const read = readEvidence({ series: [1, 1, 5, 5, 5], step_s: 10, end: 1040, change_point: 1020, changes: [{ what: "release", value: "v2", at: 1000 }, { what: 1 }] });
    expect([read.turn, read.changedAt]).toEqual([50, 1_020_000]);
    expect(read.changes).toEqual([{ what: "release", value: "v2", at: 1_000_000 }]);
    expect(readEvidence({ series: [1], change_point: "x" }).turn).toBeUndefined();
  });
});
