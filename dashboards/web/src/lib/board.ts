// A dashboard, as it is kept: the ids of its saved queries in order.

/** Tiles of a dashboard at most: each is a query. */
export const MOST_TILES = 24;

export function tilesOf(search: string): string[] {
  const ids = (new URLSearchParams(search).get("tiles") ?? "").split(",").filter((id) => /^[0-9a-f]{1,16}$/.test(id));
  return [...new Set(ids)].slice(0, MOST_TILES);
}

export function withTiles(ids: readonly string[]): string {
  return ids.length > 0 ? `tiles=${ids.join(",")}` : "";
}

/** The same with a tile one place further to the front or the back. */
export function moved(ids: readonly string[], id: string, by: 1 | -1): string[] {
  const from = ids.indexOf(id);
  const to = from + by;
  const next = [...ids];
  const other = next[to];
  if (from < 0 || other === undefined) return next;
  next[to] = id;
  next[from] = other;
  return next;
}
