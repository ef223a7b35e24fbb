// What a word of a SQL statement may become.

export interface Completion {
  name: string;
  /** "table", "function", "keyword", or the type of a column. */
  kind: string;
}

const KEYWORDS = ["SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "HAVING", "WITH", "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL", "DESC", "ASC", "JOIN", "LEFT JOIN", "ON", "USING", "UNION ALL", "DISTINCT", "CASE WHEN", "THEN", "ELSE", "END", "INTERVAL", "ARRAY JOIN", "LIMIT 1 BY"];
/** ClickHouse's, those that questions about traces take. */
const FUNCTIONS = ["count", "countIf", "sum", "sumIf", "avg", "avgIf", "min", "minIf", "max", "maxIf", "any", "argMin", "argMax", "uniq", "uniqExact", "uniqIf", "quantile", "quantileIf", "quantiles", "quantileTDigest", "median", "stddevPop", "corr", "topK", "groupArray", "groupUniqArray", "now", "today", "toDate", "toDateTime", "toStartOfMinute", "toStartOfFiveMinutes", "toStartOfHour", "toStartOfDay", "toStartOfWeek", "toStartOfInterval", "toIntervalSecond", "dateDiff", "formatDateTime", "if", "multiIf", "ifNull", "nullIf", "coalesce", "assumeNotNull", "round", "floor", "greatest", "least", "lower", "upper", "length", "substring", "concat", "position", "positionCaseInsensitive", "match", "extract", "replaceAll", "splitByChar", "has", "hasAny", "arrayJoin", "arrayMap", "arrayFilter", "arrayStringConcat", "mapKeys", "mapValues", "mapContains", "JSONExtractString", "JSONExtractFloat", "JSONExtractInt", "JSONExtractRaw", "toString", "toFloat64", "toInt64", "toUInt64", "cityHash64", "row_number", "lagInFrame", "leadInFrame"];
/** Options that are shown at most. */
const MOST = 8;

/** Where the word before the caret begins; undefined within a text, a comment, or without a word. */
export function wordBefore(text: string, caret: number): number | undefined {
  const before = text.slice(0, caret);
  const bare = before.replace(/'(?:[^'\\]|\\.|'')*'|--[^\n]*\n|\/\*[\s\S]*?\*\//g, (part) => " ".repeat(part.length));
  if (/'|--|\/\*/.test(bare)) return undefined;
  const word = /[A-Za-z_]\w*$/.exec(before)?.[0];
  return word === undefined ? undefined : caret - word.length;
}

/** The tables that a statement names. */
export function tablesIn(text: string, known: readonly string[]): string[] {
  const named = new Set([...text.matchAll(/\b(?:from|join)\s+(?:spanglass\.)?(\w+)/gi)].map(([, name]) => name?.toLowerCase()));
  return known.filter((name) => named.has(name));
}

/** Whether what comes now is a table. */
export function isTablePlace(before: string): boolean {
  return /\b(?:from|join)\s+(?:spanglass\.)?$/i.test(before);
}

/**
 * What `word` may become, those of which it is the beginning first; nothing if it is whole already.
 * Without columns, a table is wanted and nothing else.
 */
export function completions(word: string, tables: readonly string[], columns: readonly { name: string; type: string }[] | undefined): Completion[] {
  const typed = word.toLowerCase();
  const named = tables.map((name) => ({ name, kind: "table" }));
  const all: Completion[] = columns === undefined ? named : [
    ...columns.map(({ name, type }) => ({ name, kind: type })),
    ...named,
    ...FUNCTIONS.map((name) => ({ name, kind: "function" })),
    ...KEYWORDS.map((name) => ({ name, kind: "keyword" })),
  ];
  const unique = [...new Map(all.map((each) => [each.name, each])).values()];
  if (unique.some(({ name }) => name === word)) return [];
  const begins = unique.filter(({ name }) => name.toLowerCase().startsWith(typed));
  const within = typed.length < 2 ? [] : unique.filter(({ name }) => !name.toLowerCase().startsWith(typed) && name.toLowerCase().includes(typed));
  return [...begins, ...within].slice(0, MOST);
}

/** What is written for it: a function is called. */
export function written({ name, kind }: Completion): string {
  return kind === "function" ? `${name}(` : name;
}
