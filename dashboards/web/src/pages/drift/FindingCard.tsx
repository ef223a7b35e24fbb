import { Button } from "@mantine/core";
import { IconWaveSine } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { DriftFinding, DriftFindingWhole } from "../../api/client";
import { findingQuery } from "../../api/queries";
import { Distribution } from "../../components/Distribution";
import { type Line, TimeChart } from "../../components/TimeChart";
import { useNow, When } from "../../components/When";
import { millisOf } from "../../lib/time";
import { formatEffect, formatP, formatValue } from "./values";
import styles from "./Drift.module.css";

/** Metrics of a finding that are listed at once. */
const SHOWN = 6;
const HOUR_S = 3_600;

export function FindingCard({ finding, isFirst }: { finding: DriftFinding; isFirst: boolean }) {
  const now = useNow();
  const [open, setOpen] = useState(isFirst);
  const [all, setAll] = useState(false);
  const whole = useQuery({ ...findingQuery(finding.id, finding.project), enabled: open });
  const began = finding.changed_at ?? finding.first;
  const metrics = all ? finding.metrics : finding.metrics.slice(0, SHOWN);
  return (
    <li className={styles["card"]} data-open={finding.is_open || undefined} aria-label={`${finding.model || finding.service}: ${finding.metrics[0]?.metric ?? ""}`}>
      <header>
        <IconWaveSine size={18} className={styles["icon"]} aria-hidden />
        <h2>{finding.summary}</h2>
        <span className={styles["state"]}>{finding.is_open ? "Open" : "Over"}</span>
      </header>
      <p className={styles["about"]}>
        <b dir="auto">{finding.kind === "provider" ? `provider of ${finding.model}` : finding.service || "(no service)"}</b> · {finding.changed_at ? "changed" : "seen"} <When time={began} now={now} />
        {finding.changed_from && finding.changed_until && finding.changed_from !== finding.changed_until && <> (between <When time={finding.changed_from} now={now} /> and <When time={finding.changed_until} now={now} />)</>}
      </p>
      {(finding.segments.length > 0 || finding.new.length > 0 || finding.near.length > 0) && (
        <ul className={styles["why"]} aria-label="What explains it">
          {finding.segments.map((each) => <li key={`${each.dimension} ${each.value}`} dir="auto">{each.words}</li>)}
          {finding.near.map((each) => <li key={`${each.at} ${each.words}`} dir="auto">{each.words}</li>)}
          {finding.new.map((each) => <li key={each}>new: <b dir="auto">{each}</b></li>)}
        </ul>
      )}
      <div className={styles["scroll"]} tabIndex={0}>
        <table className={styles["metrics"]} aria-label="Metrics">
          <thead><tr><th>Metric</th><th>Then</th><th>Now</th><th>Effect</th><th>p</th><th>Calls</th></tr></thead>
          <tbody>
            {metrics.map((row) => (
              <tr key={`${row.metric} ${row.model}`}>
                <td>{row.metric}{row.model && <small dir="auto"> {row.model}</small>}</td>
                <td>{formatValue(row, row.reference_value)}</td>
                <td><b>{formatValue(row, row.current_value)}</b></td>
                <td>{formatEffect(row)}</td>
                <td>{formatP(row.p_corrected ?? row.p)}</td>
                <td>{row.n_reference.toLocaleString("en-US")} / {row.n_current.toLocaleString("en-US")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {open && (whole.isError ? <p role="alert" className={styles["failed"]}>{whole.error.message}</p> : whole.data ? <Evidence finding={whole.data} /> : <p role="status">Loading …</p>)}
      <footer>
        <Button size="compact-sm" variant="default" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "Less" : "Show it"}</Button>
        {finding.metrics.length > SHOWN && <Button size="compact-sm" variant="default" onClick={() => setAll(!all)}>{all ? "Fewer metrics" : `All ${finding.metrics.length} metrics`}</Button>}
        <Button size="compact-sm" variant="default" renderRoot={(props) => <Link {...props} to="/traces" search={{ ...(finding.service ? { service: finding.service } : {}), from: finding.first, to: finding.last }} />}>Traces</Button>
      </footer>
    </li>
  );
}

/** The clearest metric, hour by hour, and both of its distributions. */
function Evidence({ finding }: { finding: DriftFindingWhole }) {
  const main = finding.metrics[0];
  const row = finding.rows.find((each) => each.metric === main?.metric && each.model === main.model && each.window_end === main.window_end);
  const { times, lines } = useMemo(() => seriesOf(finding), [finding]);
  if (!main) return null;
  return (
    <div className={styles["evidence"]}>
      {times.length > 1 && (
        <section>
          <h3>{main.metric}, hour by hour</h3>
          <TimeChart label={`${main.metric}, hour by hour`} kind="lines" times={times} step={HOUR_S} lines={lines} format={(value) => formatValue(main, value)} />
        </section>
      )}
      {row?.distribution && (
        <section>
          <h3>Then and now</h3>
          <Distribution shown={row.distribution} label={`${main.metric}, then and now`} format={(value) => formatValue(main, value)} />
        </section>
      )}
    </div>
  );
}

function seriesOf(finding: DriftFindingWhole): { times: number[]; lines: Line[] } {
  const steps = finding.series;
  const places = new Map(steps.map((step) => [millisOf(step.time) / 1000, step]));
  const first = Math.min(...places.keys());
  const times = steps.length > 0 ? Array.from({ length: (Math.max(...places.keys()) - first) / HOUR_S + 1 }, (_, n) => first + n * HOUR_S) : [];
  const at = (value: (step: (typeof steps)[number]) => number | null | undefined) => times.map((time) => {
    const step = places.get(time);
    return step ? (value(step) ?? null) : null;
  });
  const shares = steps.some((step) => Object.keys(step.shares).length > 0);
  if (!shares) {
    return {
      times,
      lines: [
        { label: "upper quartile", color: "--line-strong", values: at((step) => step.high) },
        { label: "lower quartile", color: "--line-strong", values: at((step) => step.low) },
        { label: "median", color: "--accent", values: at((step) => step.middle) },
      ],
    };
  }
  const totals = new Map<string, number>();
  for (const step of steps) for (const [name, share] of Object.entries(step.shares)) totals.set(name, (totals.get(name) ?? 0) + share * step.count);
  const isTruth = [...totals.keys()].every((name) => name === "true" || name === "false");
  const names = isTruth ? ["true"] : [...totals].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length).map(([name]) => name);
  return { times, lines: names.map((name, index) => ({ label: isTruth ? "share" : name || "(none)", color: COLOURS[index] ?? "--plain", values: at((step) => step.shares[name] ?? 0) })) };
}

const COLOURS = ["--accent", "--llm", "--retrieval", "--tool", "--agent"];
