import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { TraceChart as Chart } from "../../api/client";
import { traceChartQuery, understoodQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { type Line, TimeChart } from "../../components/TimeChart";
import { LINE_COLOURS } from "../../lib/colours";
import { formatCompact, formatCost, formatSeconds, plural } from "../../lib/format";
import { withValue } from "../../lib/query";
import { CHART_GROUPS, CHART_METRICS, type ChartGroup, type ChartMetric } from "../../lib/search";
import { formatShare } from "../../lib/series";
import { millisOf, type TimeRange } from "../../lib/time";
import styles from "./TraceChart.module.css";

interface Props {
  query: string;
  range: TimeRange;
  metric: ChartMetric;
  by: ChartGroup | undefined;
  /** Milliseconds between two looks, in live mode. */
  every: number | false;
  onChange: (changed: { metric?: ChartMetric | undefined; by?: ChartGroup | undefined }) => void;
  onAsk: (query: string) => void;
  onPick: (from: number, to: number) => void;
}

interface Shown {
  label: string;
  format: (value: number) => string;
  /** Whether groups add up: then they are stacked. */
  sums: boolean;
}

const count = (value: number): string => formatCompact(Math.round(value));
const METRICS: Readonly<Record<ChartMetric, Shown>> = {
  traces: { label: "Traces", format: count, sums: true },
  errors: { label: "Error rate", format: formatShare, sums: false },
  duration_p50: { label: "Duration p50", format: formatSeconds, sums: false },
  duration_p95: { label: "Duration p95", format: formatSeconds, sums: false },
  cost: { label: "Cost", format: formatCost, sums: true },
  tokens: { label: "Tokens", format: count, sums: true },
};

/** The same traces as lines over time, and as a ranking. */
export function TraceChart({ query, range, metric, by, every, onChange, onAsk, onPick }: Props) {
  const chart = useQuery({ ...traceChartQuery(query, range, metric, by ?? ""), refetchInterval: every });
  const understood = useQuery({ ...understoodQuery(query), enabled: query !== "" });
  const terms = (query === "" ? undefined : understood.data?.terms) ?? [];
  const shown = METRICS[metric];
  return (
    <div className={styles["page"]}>
      <section className={panel["panel"]} aria-label={by ? `${shown.label} by ${by}` : shown.label} data-stale={chart.isPlaceholderData || undefined}>
        <div className={styles["tools"]}>
          <div className={styles["metrics"]} role="group" aria-label="What the chart shows">
            {CHART_METRICS.map((each) => (
              <button key={each} type="button" aria-pressed={each === metric} onClick={() => onChange({ metric: each === "traces" ? undefined : each })}>{METRICS[each].label}</button>
            ))}
          </div>
          <label className={styles["by"]}>
            by
            <select aria-label="Told apart by" value={by ?? ""} onChange={(event) => onChange({ by: CHART_GROUPS.find((each) => each === event.currentTarget.value) })}>
              <option value="">all together</option>
              {CHART_GROUPS.map((each) => <option key={each} value={each}>{each}</option>)}
            </select>
          </label>
        </div>
        {chart.isError && !chart.data ? (
          <Problem error={chart.error} retry={() => void chart.refetch()} />
        ) : chart.data ? (
          <Lines chart={chart.data} metric={metric} by={by} onPick={onPick} />
        ) : <div className={styles["waiting"]} role="status" aria-label="Loading the chart" />}
      </section>
      {by && chart.data && (
        <Ranking
          chart={chart.data}
          by={by}
          shown={shown}
          onAsk={(value) => onAsk(withValue(query, terms, by, value))}
        />
      )}
    </div>
  );
}

function Lines({ chart, metric, by, onPick }: { chart: Chart; metric: ChartMetric; by: ChartGroup | undefined; onPick: Props["onPick"] }) {
  const { format, label, sums } = METRICS[metric];
  const times = useMemo(() => chart.times.map((time) => millisOf(time) / 1000), [chart]);
  const lines = useMemo<Line[]>(() => {
    const named = chart.lines.slice(0, LINE_COLOURS.length);
    if (named.length === 0) return [{ label, color: "--plain", values: times.map(() => (sums ? 0 : null)) }];
    return named.map((line, index) => ({ label: by ? line.name || "(none)" : label, color: LINE_COLOURS[index] ?? "--plain", values: line.values }));
  }, [chart, by, label, sums, times]);
  return <TimeChart label={by ? `${label} by ${by}, over time` : `${label} over time`} kind={sums ? "bars" : "lines"} times={times} step={chart.step_s} lines={lines} format={format} height={220} onPick={onPick} />;
}

interface RankingProps {
  chart: Chart;
  by: ChartGroup;
  shown: Shown;
  onAsk: (value: string) => void;
}

function Ranking({ chart, by, shown, onAsk }: RankingProps) {
  const most = Math.max(...chart.lines.map(({ value }) => value), 0);
  return (
    <section className={panel["panel"]} aria-label={`Ranking by ${by}`}>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={panel["table"]}>
          <thead><tr><th>{by}</th><th>{shown.label}</th>{shown.label !== "Traces" && <th>Traces</th>}</tr></thead>
          <tbody>
            {chart.lines.map((line, index) => (
              <tr key={line.name}>
                <td className={styles["group"]}>
                  <i className={styles["dot"]} style={{ background: `var(${LINE_COLOURS[index] ?? "--plain"})` }} aria-hidden />
                  {line.name ? <button type="button" dir="auto" onClick={() => onAsk(line.name)} title="Only these">{line.name}</button> : <span>(none)</span>}
                  <i className={panel["bar"]} aria-hidden><i style={{ width: `${most > 0 ? (100 * line.value) / most : 0}%` }} /></i>
                </td>
                <td><b>{shown.format(line.value)}</b></td>
                {shown.label !== "Traces" && <td>{formatCompact(line.traces)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {chart.lines.length === 0 && <p className={panel["note"]}>No trace fits.</p>}
      <p className={panel["note"]}>
        {chart.groups > chart.lines.length && `The largest ${chart.lines.length} of ${plural(chart.groups, "group")}. `}
        {chart.lines.length > LINE_COLOURS.length && `Lines are drawn for the first ${LINE_COLOURS.length}. `}
        {(by === "model" || by === "tag" || by === "operation") && `A trace with several of them is in each one's line.`}
      </p>
    </section>
  );
}
