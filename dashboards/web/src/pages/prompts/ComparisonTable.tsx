import { useQuery } from "@tanstack/react-query";
import type { Comparison } from "../../api/client";
import { promptComparisonQuery, type PromptKey } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { formatCompared, nameOf, verdictOf } from "../../lib/compared";
import styles from "./Prompts.module.css";

type Value = Comparison["values"][number];

/** What calls with two versions of a prompt took and brought. */
export function ComparisonTable({ asked, before, after }: { asked: PromptKey; before: number; after: number }) {
  const comparison = useQuery(promptComparisonQuery(asked, before, after));
  return (
    <section className={panel["panel"]} aria-label="What it did">
      <h2>Calls of the last thirty days</h2>
      {comparison.isError && <Problem error={comparison.error} retry={() => void comparison.refetch()} />}
      {comparison.isPending && <p className={panel["note"]} role="status">Comparing…</p>}
      {comparison.data?.values.length === 0 && <p className={panel["note"]}>Too few calls with both versions to compare them: five of each are the least.</p>}
      {comparison.data && comparison.data.values.length > 0 && (
        <>
          <div className={panel["scroll"]} tabIndex={0}>
            <table className={`${panel["table"] ?? ""} ${styles["compared"] ?? ""}`}>
              <thead><tr><th>Value</th><th>{`Version ${before}`}</th><th>{`Version ${after}`}</th><th>Difference</th><th>95 % interval</th><th>p</th><th>Calls</th></tr></thead>
              <tbody>{comparison.data.values.map((value) => <Row key={`${value.name} ${value.statistic}`} value={value} />)}</tbody>
            </table>
          </div>
          <p className={panel["note"]}>p is corrected for how many are compared. What differs beside the prompt, time or users, is in these numbers, too.</p>
        </>
      )}
    </section>
  );
}

function Row({ value }: { value: Value }) {
  const show = (number: number, signed = false): string => formatCompared(value.name, value.statistic, number, signed);
  return (
    <tr>
      <td>{nameOf(value.name)} <small>{value.statistic}</small></td>
      <td>{show(value.before)}</td>
      <td>{show(value.after)}</td>
      <td data-verdict={verdictOf(value)}>{show(value.difference, true)}</td>
      <td><small>{show(value.low, true)} to {show(value.high, true)}</small></td>
      <td>{value.p === null ? "" : value.p < 0.001 ? "<0.001" : value.p.toFixed(3)}</td>
      <td>{value.n_before} / {value.n_after}</td>
    </tr>
  );
}
