// Numbers over time, as charts draw them.

export type Values = readonly (number | null)[];

/** Each row with those after it added: drawn one over the other, they look stacked. */
export function stacked(rows: readonly Values[]): number[][] {
  const sums: number[][] = [];
  for (const row of [...rows].reverse()) {
    const above = sums[0];
    sums.unshift(row.map((value, index) => (value ?? 0) + (above?.[index] ?? 0)));
  }
  return sums;
}

/** By how much something changed, as a share of what it was; undefined where that says nothing. */
export function changeOf(now: number | null, before: number | null): number | undefined {
  return now === null || before === null || before === 0 ? undefined : now / before - 1;
}

/** "+12 %", "−3.4 %", "no change", "×25". */
export function formatChange(change: number): string {
  const percent = Math.abs(change * 100);
  if (percent < 0.5) return "no change";
  if (change >= 9) return `×${Math.round(change + 1)}`;
  return `${change < 0 ? "−" : "+"}${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** A share as "0.4 %", "12 %". */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "<0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}
