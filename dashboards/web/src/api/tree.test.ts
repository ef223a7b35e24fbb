import { expect, it } from "vitest";
import { spansOf } from "./tree";

it("takes columns by name, whatever their order", () => {
  const [span] = spansOf({ columns: ["new_column", "duration_ns", "span_id"], rows: [["?", 5, "00aa"]] });
  expect(span).toMatchObject({ span_id: "00aa", duration_ns: 5, status: "unset", input_tokens: null });
  expect(span).not.toHaveProperty("new_column");
});
