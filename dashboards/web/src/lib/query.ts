// Changes to a query's text by buttons beside it. What a text means, the service says.

/** A term as the service read it. */
export interface Term {
  field: string;
  negated: boolean;
  operator: string;
  values: readonly string[];
  number: number | null;
  exact: boolean;
  start: number;
  end: number;
}

/** A value as it has to be written to be taken as it is. */
export function quote(value: string): string {
  return /^[^\s,"\\*<>=][^\s,"*]*$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** The one value that a query asks of a field, if it does just that. */
export function valueOf(terms: readonly Term[], field: string): string | undefined {
  const about = terms.filter((term) => term.field === field && !term.negated);
  const [only] = about;
  return about.length === 1 && only?.exact && only.operator === "=" ? only.values[0] : undefined;
}

/** The bound that a query sets to a number, in the field's unit. */
export function boundOf(terms: readonly Term[], field: string, operators: readonly string[]): number | undefined {
  return terms.find((term) => term.field === field && !term.negated && operators.includes(term.operator))?.number ?? undefined;
}

/** The text without some of its terms. */
export function without(text: string, terms: readonly Term[], unwanted: (term: Term) => boolean): string {
  return terms
    .filter(unwanted)
    .sort((a, b) => b.start - a.start)
    .reduce((left, term) => `${left.slice(0, term.start).trimEnd()} ${left.slice(term.end).trimStart()}`.trim(), text);
}

/** The text with a field asked for one value, or for none. */
export function withValue(text: string, terms: readonly Term[], field: string, value: string | undefined): string {
  const rest = without(text, terms, (term) => term.field === field && !term.negated);
  return value === undefined ? rest : `${rest} ${field}:${quote(value)}`.trim();
}
