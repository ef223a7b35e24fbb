import { expect, test } from "vitest";
import { marksOf, piecesOf } from "./marks";

const score = (label: string, explanation: string) => ({ name: "s", value: 0, label, span_id: "", explanation });

test("marks are the sentences of what was found", () => {
  const claims = "0.10: “It is free (always).”\n    nearest, from document: “It costs 5.”\n0.90: “It is fast and easy.”\n    nearest, from document: “It is fast.”";
  expect(marksOf([score("ungrounded", claims), score("", "Nothing was found here."), score("refused", "I can't help with that."), score("not_json", "short")]))
    .toEqual(["It is free (always).", "I can't help with that."]);
});

test("marks are found whatever the spaces between words", () => {
  expect(piecesOf("Yes.\nIt is\n  free (always). Bye. It is free (always).", ["It is free (always)."])).toEqual([
    { text: "Yes.\n", isMarked: false },
    { text: "It is\n  free (always).", isMarked: true },
    { text: " Bye. ", isMarked: false },
    { text: "It is free (always).", isMarked: true },
  ]);
  expect(piecesOf("Nothing.", [])).toEqual([{ text: "Nothing.", isMarked: false }]);
  expect(piecesOf("a (b) c", ["(b) c"])).toEqual([{ text: "a ", isMarked: false }, { text: "(b) c", isMarked: true }]);
});
