import type { TraceSearch } from "../../lib/search";

/** The filters that have no button of their own in the bar. */
export const MORE_FIELDS = ["environment", "feature", "tag", "session", "user", "min_ms", "max_ms", "min_tokens", "min_cost", "sample"] as const;

export type MoreFields = Pick<TraceSearch, (typeof MORE_FIELDS)[number]>;
