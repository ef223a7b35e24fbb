// What an alert carries as its evidence, read with care: it is as old as the alert.

export interface Explanation {
  dimension: string;
  value: string;
  /** Of what is bad, and of everything. */
  share: number;
  usual: number;
}

/** A release, prompt or model that had not been seen before, or a label that was moved. */
export interface Newcomer {
  what: string;
  value: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Evidence {
  series: (number | null)[];
  /** When the series changed, in milliseconds since 1970, and where that is in a box of 100. */
  changedAt: number | undefined;
  turn: number | undefined;
  changes: Newcomer[];
  explained: Explanation[];
  traces: string[];
  /** Where the traces of the alert are listed: search of the page of traces. */
  link: Record<string, string> | undefined;
  incomplete: string;
}

type Raw = Readonly<Record<string, unknown>>;

export function readEvidence(raw: Raw): Evidence {
  const link = typeof raw["link"] === "string" && raw["link"].startsWith("/traces?") ? raw["link"].slice("/traces?".length) : undefined;
  const { change_point: change, end, step_s: step } = raw;
  const count = list(raw["series"]).length;
  const isKnown = typeof change === "number" && typeof end === "number" && typeof step === "number" && step > 0 && count > 1;
  return {
    changedAt: isKnown ? change * 1000 : undefined,
    turn: isKnown ? Math.min(100, Math.max(0, 100 - (100 * (end - change)) / (step * (count - 1)))) : undefined,
    changes: list(raw["changes"]).flatMap((each) => {
      const { what, value, at } = each as Raw;
      return typeof what === "string" && typeof value === "string" && typeof at === "number" ? [{ what, value, at: at * 1000 }] : [];
    }),
    series: list(raw["series"]).map((each) => (typeof each === "number" ? each : null)),
    explained: list(raw["explained"]).flatMap((each) => {
      const { dimension, value, share, usual } = each as Raw;
      return typeof dimension === "string" && typeof value === "string" && typeof share === "number" && typeof usual === "number" ? [{ dimension, value, share, usual }] : [];
    }),
    traces: list(raw["traces"]).flatMap((each) => {
      const id = (each as Raw)["trace_id"];
      return typeof id === "string" && /^[0-9a-f]{32}$/.test(id) ? [id] : [];
    }),
    link: link === undefined ? undefined : Object.fromEntries(new URLSearchParams(link)),
    incomplete: typeof raw["incomplete"] === "string" ? raw["incomplete"] : "",
  };
}

function list(value: unknown): object[] | number[] {
  return Array.isArray(value) ? (value.filter((each) => each !== undefined) as object[]) : [];
}

/** Points of a polyline in a box of 100 by 24; gaps are left out. Empty where there is no line to draw. */
export function sparkline(values: readonly (number | null)[]): string {
  const there = values.filter((value) => value !== null);
  if (there.length < 2) return "";
  const most = Math.max(...there);
  const least = Math.min(0, ...there);
  const height = most - least || 1;
  return values
    .flatMap((value, index) => (value === null ? [] : [`${((100 * index) / Math.max(1, values.length - 1)).toFixed(1)},${(23 - (22 * (value - least)) / height).toFixed(1)}`]))
    .join(" ");
}

/** Labels as a silence names them: senders choose names, and a name is no pattern. */
export function exactly(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, /^[!=]|\*/.test(value) ? `=${value}` : value]));
}

/** A number as alerts show it. */
export function formatValue(value: number): string {
  return Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4) ? value.toExponential(2) : value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}
