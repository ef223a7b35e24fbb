import { describe, expect, it } from "vitest";
import { isFiltered, parseSearch, queryOf, readSpanSearch, readTraceSearch, settled, stringifySearch, toFilters } from "./search";

describe("the address of the list", () => {
  it("goes there and back", () => {
    const search = readTraceSearch(parseSearch("?range=1h&q=refund&min_ms=12.5&min_tokens=3&live=1&status=error&sort=cost&order=asc"));
    expect(search).toEqual({ range: "1h", q: "refund", min_ms: 12.5, min_tokens: 3, live: true, status: "error", sort: "cost", order: "asc" });
    expect(readTraceSearch(parseSearch(stringifySearch(search as Record<string, unknown>)))).toEqual(search);
  });

  it("keeps texts that look like numbers", () => {
    expect(readTraceSearch(parseSearch("?session=0012&user=1e5"))).toEqual({ session: "0012", user: "1e5" });
  });

  it("leaves out what makes no sense", () => {
    expect(readTraceSearch(parseSearch("?min_ms=soon&min_tokens=-4&status=maybe&sort=name&from=yesterday&order=desc&live=2&q=%20&x=y"))).toEqual({});
  });

  it("lets two times win over a preset", () => {
    expect(readTraceSearch({ range: "1h", from: "2026-03-01T00:00:00Z" })).toEqual({ from: "2026-03-01T00:00:00.000Z" });
  });

  it("knows what narrows a list", () => {
    expect(isFiltered({ range: "1h", sort: "cost", live: true })).toBe(false);
    expect(isFiltered({ q: "x" })).toBe(true);
    expect(toFilters({ sample: "hide", session: "s", sort: "cost" })).toEqual({ query: "session:s sample:no", sort: "cost" });
  });

  it("takes what a link says in short into the query", () => {
    const search = { q: " -env:dev ", model: "my model", min_ms: 12.5, max_ms: 50, min_tokens: 3, min_cost: 0.1, range: "1h", live: true as const };
    expect(queryOf(search)).toBe('-env:dev model:"my model" latency:>=12.5ms latency:<=50ms tokens:>=3 cost:>=0.1');
    expect(settled(search)).toEqual({ q: queryOf(search), range: "1h", live: true });
    expect(settled({})).toEqual({});
  });

  it("reads the span", () => {
    expect(readSpanSearch(parseSearch("?span=00aa&tab=raw"))).toEqual({ span: "00aa", tab: "raw" });
  });
});
