// What the keys of the labelling screen mean.

import type { Answer, Answers, Criterion } from "../../api/review";

export interface Option {
  /** The key that chooses it. */
  key: string;
  label: string;
  means: string;
  answer: Answer;
}

/** Whole numbers of a scale that have a key each, at most. */
const MOST_STEPS = 9;

/** What can be answered to a question by a key; none where a number has to be typed. */
export function optionsOf(criterion: Criterion): Option[] {
  if (criterion.kind === "boolean") {
    return [{ key: "1", label: "Yes", means: "", answer: true }, { key: "2", label: "No", means: "", answer: false }];
  }
  if (criterion.kind === "categorical") {
    return (criterion.choices ?? []).map((each, index) => ({ key: index < 9 ? String(index + 1) : "", label: each.name, means: each.means, answer: each.name }));
  }
  const { low, high } = criterion;
  if (!Number.isInteger(low) || !Number.isInteger(high) || high - low >= MOST_STEPS) return [];
  return Array.from({ length: high - low + 1 }, (_, index) => ({
    key: String(index + 1), label: String(low + index), means: index === 0 ? "least" : index === high - low ? "most" : "", answer: low + index,
  }));
}

/** The question that number keys answer: the first without an answer, or the last. */
export function currentOf(criteria: readonly Criterion[], answers: Answers, chosen: number | undefined): number {
  if (chosen !== undefined && chosen < criteria.length) return chosen;
  const open = criteria.findIndex((each) => answers[each.name] === undefined);
  return open === -1 ? criteria.length - 1 : open;
}

/** What is missing before a label can be sent. */
export function missingOf(criteria: readonly Criterion[], answers: Answers): string[] {
  const needed = criteria.filter((each) => each.required && answers[each.name] === undefined).map((each) => each.name);
  if (needed.length === 0 && criteria.every((each) => answers[each.name] === undefined)) return [criteria[0]?.name ?? ""];
  return needed;
}

/** A figure as people read it: a share in percent, a mean as a number. */
export function figure(value: number | null, kind: Criterion["kind"]): string {
  if (value === null) return "?";
  return kind === "numeric" ? value.toFixed(2) : `${(100 * value).toFixed(1)} %`;
}
