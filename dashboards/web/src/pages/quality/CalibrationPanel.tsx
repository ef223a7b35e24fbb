import { useQuery } from "@tanstack/react-query";
import type { Calibration } from "../../api/client";
import { calibrationQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { formatCount, NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";
import type { TimeRange } from "../../lib/time";
import styles from "./Quality.module.css";

/** What a machine's score is worth, by what people said of the same. */
export function CalibrationPanel({ range, name }: { range: TimeRange; name: string }) {
  const calibration = useQuery(calibrationQuery(range, name));
  const rows = calibration.data?.items ?? [];
  // Without people's labels the panel above says what to do.
  if (calibration.data && rows.length === 0) return null;
  return (
    <section className={panel["panel"]} aria-label="Calibration">
      <h2>What the score is worth</h2>
      {calibration.isError && <p role="alert" className={styles["failed"]}>{calibration.error.message}</p>}
      {calibration.isPending && <p className={panel["note"]} role="status">Fitting…</p>}
      {rows.map((row) => <One key={`${row.source} ${row.evaluator}`} row={row} />)}
    </section>
  );
}

function One({ row }: { row: Calibration }) {
  const by = row.evaluator || row.source;
  if (row.why_not) return <p className={panel["note"]}><b dir="auto">{by}</b>: too few labels to calibrate it. {row.why_not}</p>;
  return (
    <>
      <p className={panel["plain"]}>
        <span dir="auto">{by}</span>:{" "}
        {row.threshold == null
          ? <>no score parts yes from no.</>
          : <>from <b>{row.threshold.toFixed(2)}</b>{row.threshold_low != null && row.threshold_high != null && <small> ({row.threshold_low.toFixed(2)} to {row.threshold_high.toFixed(2)})</small>} on, people say yes more often than no.</>}
      </p>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={panel["table"]}>
          <thead><tr><th>Score</th><th>Both judged</th><th>People say yes</th><th>95 % interval</th><th>Calibrated</th></tr></thead>
          <tbody>
            {row.groups.map((each) => (
              <tr key={each.score}>
                <td>{each.score.toFixed(2)}</td><td>{formatCount(each.n)}</td><td>{formatShare(each.share)}</td>
                <td>{formatShare(each.low)} to {formatShare(each.high)}</td><td><b>{formatShare(each.calibrated)}</b></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={panel["note"]}>
        {row.method === "isotonic" ? "By steps that never fall (isotonic)" : "By a logistic curve (Platt)"}, from {formatCount(row.n)} labels. A yes has the higher score in {row.auc == null ? NONE : formatShare(row.auc)} of pairs{row.auc_low != null && row.auc_high != null && ` (${formatShare(row.auc_low)} to ${formatShare(row.auc_high)})`}; 50 % says nothing. It holds for traffic like the labelled one.
      </p>
    </>
  );
}
