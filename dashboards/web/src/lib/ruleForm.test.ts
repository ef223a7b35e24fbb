import { describe, expect, it } from "vitest";
import { fieldValue, withField } from "./ruleForm";

describe("a rule as a form", () => {
  it("is written back as it was read", () => {
    const rule = { name: "a", group_by: ["service", "model"], where: { service: "shop", model: ["x", "y"] }, percentile: 99.5, windows: [{ long: "1h" }] };
    for (const name of ["group_by", "where", "percentile"]) {
      expect(withField(rule, name, fieldValue(rule, name))).toEqual(rule);
    }
  });

  it("leaves out what is empty, and keeps what it has no field for", () => {
    expect(withField({ name: "a", window: "5m", labels: { team: "x" } }, "window", "")).toEqual({ name: "a", labels: { team: "x" } });
    expect(withField({ name: "a" }, "name", "")).toEqual({ name: "" });
  });

  it("keeps what is no number as it was written, to be told so", () => {
    expect(withField({}, "limit", "ten")).toEqual({ limit: "ten" });
  });
});
