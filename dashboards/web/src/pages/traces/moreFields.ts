// The filters that have no button of their own in the bar, as terms of a query.

import { boundOf, quote, type Term, valueOf, without } from "../../lib/query";

export interface MoreFields {
  environment?: string | undefined;
  feature?: string | undefined;
  tag?: string | undefined;
  session?: string | undefined;
  user?: string | undefined;
  sample?: string | undefined;
  min_ms?: number | undefined;
  max_ms?: number | undefined;
  min_tokens?: number | undefined;
  min_cost?: number | undefined;
}

const TEXTS = ["environment", "feature", "tag", "session", "user", "sample"] as const;
const LEAST: readonly string[] = [">", ">="];
const MOST: readonly string[] = ["<", "<="];
const BOUNDS = [
  { key: "min_ms", field: "latency", operators: LEAST, scale: 1000, write: (value: number) => `>=${value}ms` },
  { key: "max_ms", field: "latency", operators: MOST, scale: 1000, write: (value: number) => `<=${value}ms` },
  { key: "min_tokens", field: "tokens", operators: LEAST, scale: 1, write: (value: number) => `>=${value}` },
  { key: "min_cost", field: "cost", operators: LEAST, scale: 1, write: (value: number) => `>=${value}` },
] as const;

export function readFields(terms: readonly Term[]): MoreFields {
  const found: MoreFields = {};
  for (const field of TEXTS) found[field] = valueOf(terms, field);
  for (const { key, field, operators, scale } of BOUNDS) {
    const bound = boundOf(terms, field, operators);
    found[key] = bound === undefined ? undefined : Number((bound * scale).toPrecision(12));
  }
  return found;
}

/** The query with what was changed in the form; what was not stays as it was written. */
export function writeFields(query: string, terms: readonly Term[], before: MoreFields, after: MoreFields): string {
  const gone = new Set<Term>();
  const added: string[] = [];
  const replace = (written: string | undefined, old: (term: Term) => boolean): void => {
    for (const term of terms) if (!term.negated && old(term)) gone.add(term);
    if (written !== undefined) added.push(written);
  };
  for (const field of TEXTS) {
    const value = after[field];
    if (before[field] !== value) replace(value === undefined ? undefined : `${field}:${quote(value)}`, (term) => term.field === field);
  }
  for (const { key, field, operators, write } of BOUNDS) {
    const value = after[key];
    if (before[key] !== value) replace(value === undefined ? undefined : `${field}:${write(value)}`, (term) => term.field === field && operators.includes(term.operator));
  }
  return [without(query, terms, (term) => gone.has(term)), ...added].join(" ").trim();
}
