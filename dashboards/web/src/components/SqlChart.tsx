import { useMemo } from "react";
import { LINE_COLOURS } from "../lib/colours";
import { plural } from "../lib/format";
import { formatNumber, type SqlChart as Drawn } from "../lib/sqlChart";
import panel from "./Panel.module.css";
import styles from "./SqlChart.module.css";
import { TimeChart } from "./TimeChart";

/** An answer of SQL, drawn: a number, lines over time, or bars. */
export function SqlChart({ chart, title, height }: { chart: Drawn; title: string; height: number }) {
  const lines = useMemo(
    () => (chart.kind === "time" ? chart.series.map(({ label, values }, index) => ({ label, values, color: LINE_COLOURS[index] ?? "--plain" })) : []),
    [chart],
  );
  if (chart.kind === "number") return <p className={styles["number"]}><b>{formatNumber(chart.value)}</b> <small>{chart.label}</small></p>;
  if (chart.kind === "time") {
    return (
      <>
        <TimeChart label={title} kind="lines" times={chart.times} step={chart.step} lines={lines} format={formatNumber} height={height} />
        {chart.more > 0 && <p className={panel["note"]}>{plural(chart.more, "more line")} not drawn.</p>}
      </>
    );
  }
  const most = Math.max(...chart.rows.map(({ value }) => value), 0);
  return (
    <>
      <ul className={styles["ranking"]} aria-label={`${title}: ${chart.label}`}>
        {chart.rows.map(({ name, value }, index) => (
          <li key={index}>
            <span title={name} dir="auto">{name || "(none)"}</span>
            <b>{formatNumber(value)}</b>
            <i className={panel["bar"]} aria-hidden><i style={{ width: `${most > 0 ? Math.max(0, (100 * value) / most) : 0}%` }} /></i>
          </li>
        ))}
      </ul>
      {chart.more > 0 && <p className={panel["note"]}>{plural(chart.more, "more row")} not drawn.</p>}
    </>
  );
}
