// Judgements of a trace, as people read them.

import { formatCount } from "./format";

/** What the functions here need to know of a judgement. */
export interface Judgement {
  name: string;
  value: number | null;
  label: string;
  span_id: string;
}

/** The judgements of one name, together. */
export interface ScoreGroup<S extends Judgement> {
  name: string;
  scores: readonly S[];
  /** The mean of the values, or the label that all share; empty where there is neither. */
  text: string;
}

/** Scores by name, in the order of their names. */
export function groupScores<S extends Judgement>(scores: readonly S[]): ScoreGroup<S>[] {
  const groups = new Map<string, S[]>();
  for (const score of scores) {
    const group = groups.get(score.name);
    if (group) group.push(score);
    else groups.set(score.name, [score]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, group]) => ({ name, scores: group, text: textOf(group) }));
}

/** What a judgement says, in a word: "0.82", "thumbs down". */
export function formatScore({ value, label }: Judgement): string {
  if (label) return label;
  return value === null ? "" : formatValue(value);
}

/** Those of one span: its own, and at the first span those of the whole trace. */
export function scoresOf<S extends Judgement>(scores: readonly S[], spanId: string, isFirst: boolean): S[] {
  return scores.filter((score) => score.span_id === spanId || (isFirst && score.span_id === ""));
}

function textOf(scores: readonly Judgement[]): string {
  const [first] = scores;
  if (first && scores.every((score) => formatScore(score) === formatScore(first))) return formatScore(first);
  const values = scores.map((score) => score.value).filter((value) => value !== null);
  return values.length > 0 ? `⌀ ${formatValue(values.reduce((sum, value) => sum + value, 0) / values.length)}` : `${formatCount(scores.length)} labels`;
}

function formatValue(value: number): string {
  if (Number.isInteger(value)) return formatCount(value);
  return Math.abs(value) < 0.0005 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
