import { expect, test } from "vitest";
import { moved, MOST_TILES, tilesOf, withTiles } from "./board";

test("what is kept is read again", () => expect(tilesOf(withTiles(["a1", "b2"]))).toEqual(["a1", "b2"]));

test.each([["", []], ["tiles=", []], ["tiles=a1,a1,<b>,zz,c3", ["a1", "c3"]], ["other=1", []]])("%s", (search, ids) => expect(tilesOf(search)).toEqual(ids));

test("there is an end to tiles", () => expect(tilesOf(withTiles(Array.from({ length: 99 }, (_, n) => n.toString(16))))).toHaveLength(MOST_TILES));

test.each([["a", 1, "bac"], ["c", -1, "acb"], ["a", -1, "abc"], ["c", 1, "abc"], ["x", 1, "abc"]] as const)("%s by %s", (id, by, order) => expect(moved(["a", "b", "c"], id, by).join("")).toBe(order));
