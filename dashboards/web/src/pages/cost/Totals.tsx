import type { Cost } from "../../api/client";
import { formatCompact, formatCost, formatEnergy, NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";
import styles from "./Totals.module.css";

/** What it comes to. */
export function Totals({ total }: { total: Cost["total"] }) {
  const each = (count: number, per = 1): string => (count > 0 ? formatCost((per * total.cost_usd) / count) : NONE);
  const tokens = total.input_tokens + total.output_tokens;
  return (
    <dl className={styles["totals"]} aria-label="Totals">
      <div data-strong><dt>Cost</dt><dd>{formatCost(total.cost_usd)}</dd></div>
      <div><dt>A call</dt><dd>{each(total.calls - total.unknown_calls)}</dd></div>
      <div><dt>A thousand tokens</dt><dd>{total.unknown_calls > 0 ? NONE : each(tokens, 1000)}</dd></div>
      <div><dt>Of it for output</dt><dd>{total.cost_usd > 0 ? formatShare(total.output_cost_usd / total.cost_usd) : NONE}</dd></div>
      <div><dt>Calls</dt><dd>{formatCompact(Math.round(total.calls))}</dd></div>
      <div><dt>Tokens</dt><dd>{formatCompact(Math.round(total.input_tokens))} <small>in</small> {formatCompact(Math.round(total.output_tokens))} <small>out</small></dd></div>
      {total.energy_j > 0 && <div title="Of calls on GPUs of your own that are watched"><dt>Energy</dt><dd>{formatEnergy(total.energy_j)}</dd></div>}
    </dl>
  );
}
