import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { AgreementRow } from "../../api/client";
import { agreementQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { formatCount, NONE, plural } from "../../lib/format";
import { formatShare } from "../../lib/series";
import type { TimeRange } from "../../lib/time";
import styles from "./Quality.module.css";

/** How far judges and detectors say what people say: of all scores, or of one with where they differ. */
export function AgreementTable({ range, name = "" }: { range: TimeRange; name?: string }) {
  const agreement = useQuery(agreementQuery(range, name));
  const rows = agreement.data?.items ?? [];
  return (
    <section className={panel["panel"]} aria-label="Agreement with people">
      <h2>Agreement with people</h2>
      {agreement.isError && <p role="alert" className={styles["failed"]}>{agreement.error.message}</p>}
      {agreement.isPending && <p className={panel["note"]} role="status">Comparing…</p>}
      {agreement.data && rows.length === 0 && (
        <p className={panel["note"]}>
          {name === "" ? "Nobody has scored in this range what a judge or detector has scored, too." : "Nobody has given this score in this range, where a judge or detector has."} What a machine’s scores are worth shows where people score the same spans under the same name:{" "}
          <code>spanglass.score({name === "" ? '"groundedness"' : JSON.stringify(name)}, value=1, source="human", trace_id=…, span_id=…)</code>
        </p>
      )}
      {agreement.data && <p className={panel["note"]}><Link to="/review" className={styles["link"]}>Review queues</Link> show people what to label, and what their labels say of all answers.</p>}
      {rows.length > 0 && (
        <>
          <div className={panel["scroll"]} tabIndex={0}>
            <table className={panel["table"]}>
              <thead><tr><th>Score</th><th>Given by</th><th>Both judged</th><th>Say the same</th><th>Cohen’s κ</th><th>Krippendorff’s α</th><th>People among themselves</th></tr></thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.name} ${row.source} ${row.evaluator}`}>
                    <td><Link to="/quality/$name" params={{ name: row.name }} search={range} dir="auto" className={styles["link"]}>{row.name}</Link></td>
                    <td><span dir="auto">{row.evaluator || row.source}</span></td>
                    <td>{formatCount(row.n)} <small>by {plural(row.people, "person", "people")}</small></td>
                    <td>{row.agreement === null ? NONE : formatShare(row.agreement)}</td>
                    <td><Value of={row.kappa} />{row.kappa && row.kappa_of !== "categories" && <small> {row.kappa_of}</small>}</td>
                    <td><Value of={row.alpha} /></td>
                    <td><Value of={row.alpha_people} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {name !== "" && rows.map((row) => <Disagreements key={`${row.source} ${row.evaluator}`} row={row} />)}
          <p className={panel["note"]}>1 is full agreement, 0 what chance gives; in brackets the 95 % interval. Below 0.67 conclusions are shaky (Krippendorff). Where nearly all have one value, both are low although most say the same.</p>
        </>
      )}
    </section>
  );
}

function Value({ of }: { of: AgreementRow["kappa"] }) {
  if (!of) return <span title="Fewer than five, or all say the same">{NONE}</span>;
  return <span title={`Of ${plural(of.n, "thing")} that were judged`}><b>{of.value.toFixed(2)}</b> <small>({of.low.toFixed(2)} to {of.high.toFixed(2)})</small></span>;
}

function Disagreements({ row }: { row: AgreementRow }) {
  if (row.disagreements.length === 0) return null;
  return (
    <ul className={styles["apart"]} aria-label={`Where people and ${row.evaluator || row.source} differ most`}>
      {row.disagreements.map((each) => (
        <li key={`${each.trace_id} ${each.span_id}`}>
          People say <b dir="auto">{each.people || "nothing"}</b>, {row.evaluator || row.source} says <b dir="auto">{each.machine || "nothing"}</b>{" "}
          <Link to="/traces/$traceId" params={{ traceId: each.trace_id }} search={{ span: each.span_id || undefined, tab: "scores" }} className={styles["link"]}>Show it</Link>
        </li>
      ))}
    </ul>
  );
}
