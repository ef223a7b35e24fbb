import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { missedQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { formatCount, plural } from "../../lib/format";
import { formatShare } from "../../lib/series";
import type { TimeRange } from "../../lib/time";
import styles from "./Privacy.module.css";

/** What the first look missed, as a second one over a sample says. */
export function Missed({ range, service }: { range: TimeRange; service: string | undefined }) {
  const missed = useQuery(useMemo(() => missedQuery(range, service), [range, service]));
  const { data } = missed;
  return (
    <section className={panel["panel"]} aria-label="What slipped through">
      <h2>What slipped through</h2>
      {missed.isError && <p role="alert" className={styles["failed"]}>{missed.error.message}</p>}
      {missed.isPending && <p className={panel["note"]} role="status">Looking…</p>}
      {data?.traces === 0 && (
        <p className={panel["note"]}>No trace of this range was looked through a second time. A sample is, every night, where presidio is installed; <code>spanglass detect run pii_rescan</code> does it now.</p>
      )}
      {data && data.traces > 0 && (
        <>
          <p className={panel["plain"]}>
            In <b>{formatShare(data.share ?? 0)}</b> of traces ({formatShare(data.low)} to {formatShare(data.high)}) something was missed: {formatCount(data.traces_with)} of {plural(data.traces, "trace")} that were looked through again.
          </p>
          {data.kinds.length > 0 && (
            <div className={panel["scroll"]} tabIndex={0}>
              <table className={panel["table"]}>
                <thead><tr><th>Entity</th><th>Found by</th><th>Missed, in all traffic</th><th>Seen in the sample</th><th>Found at first</th></tr></thead>
                <tbody>
                  {data.kinds.map((each) => (
                    <tr key={`${each.entity} ${each.recogniser}`}>
                      <td>{each.entity}</td>
                      <td>{each.recogniser}</td>
                      <td><b>{formatCount(Math.round(each.estimated))}</b> <small>({formatCount(Math.round(each.least))} to {formatCount(Math.round(each.most))})</small></td>
                      <td>{formatCount(each.seen)} <small>in {plural(each.traces, "trace")}</small></td>
                      <td>{formatCount(Math.round(each.found))}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <p className={panel["note"]}>In brackets the 95 % interval. It is presidio’s opinion{data.pipeline === "" ? ", without a pipeline for names" : `, with ${data.pipeline} for names`}: a name that is none counts as missed, and what it can’t find either is not counted.</p>
        </>
      )}
    </section>
  );
}
