// The list that a trace was opened from, so that its page leads back there and on to the next.

import type { TraceSearch } from "../../lib/search";

interface Memory {
  search: TraceSearch;
  ids: readonly string[];
}

let memory: Memory = { search: {}, ids: [] };

export function rememberList(search: TraceSearch, ids: readonly string[]): void {
  memory = { search, ids };
}

export function lastList(): Memory {
  return memory;
}
