import type { ScoreChange } from "../../api/client";
import { formatCompared, verdictOf } from "../../lib/compared";
import { NONE } from "../../lib/format";

/** What a change is shown as: values, difference and interval in their unit. */
export function wordsOf(change: ScoreChange) {
  const show = (value: number | null, signed = false): string => (value === null ? NONE : formatCompared("score", change.statistic, value, signed));
  return {
    before: show(change.before.mean),
    after: show(change.after.mean),
    difference: show(change.difference, true),
    interval: change.low === null || change.high === null ? "" : `${show(change.low, true)} to ${show(change.high, true)}`,
    verdict: change.difference === null ? undefined : verdictOf({ name: `score.${change.name}`, difference: change.difference, is_clear: change.is_clear, p: change.p }),
  };
}
