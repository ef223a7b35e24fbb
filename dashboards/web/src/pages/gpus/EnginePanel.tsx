import { useMemo } from "react";
import type { Engine, GpuSeries } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { type Line, TimeChart } from "../../components/TimeChart";
import { formatCompact, formatSeconds, NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";
import styles from "./Gpus.module.css";

interface Props {
  engine: Engine;
  series: GpuSeries;
  onPick: (from: number, to: number) => void;
}

const amount = (value: number): string => formatCompact(Math.round(value * 10) / 10);

interface Chart {
  title: string;
  format: (value: number) => string;
  lines: readonly { key: string; label: string; color: string }[];
}

/** A chart is there where the engine tells any of its lines. */
const CHARTS: readonly Chart[] = [
  { title: "Requests", format: amount, lines: [{ key: "waiting", label: "waiting", color: "--error" }, { key: "running", label: "running", color: "--accent" }] },
  { title: "KV cache in use", format: formatShare, lines: [{ key: "kv_cache_usage", label: "share", color: "--accent" }] },
  { title: "Tokens a second", format: amount, lines: [{ key: "prompt_tokens_per_second", label: "prompt", color: "--llm" }, { key: "generated_tokens_per_second", label: "generated", color: "--accent" }] },
  { title: "Time to first token", format: formatSeconds, lines: [{ key: "time_to_first_token_p95", label: "p95", color: "--llm" }, { key: "time_to_first_token_p50", label: "p50", color: "--accent" }] },
  { title: "Time per output token", format: formatSeconds, lines: [{ key: "time_per_output_token_p95", label: "p95", color: "--llm" }, { key: "time_per_output_token_p50", label: "p50", color: "--accent" }] },
  { title: "Prefix cache hits", format: formatShare, lines: [{ key: "prefix_hit_rate", label: "share", color: "--accent" }] },
];

const BINDS: Readonly<Record<string, string>> = {
  kv_cache: "The KV cache binds", batch_limit: "The batch limit binds", compute: "Compute binds", memory_bandwidth: "Memory bandwidth binds", power: "Power binds", queue: "Requests queue", none: "Nothing binds", unknown: "What binds is not known",
};

/** An engine: what holds it back, its figures, and how they went. */
export function EnginePanel({ engine, series, onPick }: Props) {
  const charts = useMemo(() => {
    const values = series.engines.find((each) => each.project === engine.project && each.host === engine.host && each.id === engine.instance)?.values ?? {};
    return CHARTS.map((chart) => ({
      ...chart,
      lines: chart.lines.flatMap(({ key, label, color }): Line[] => {
        const row = values[key];
        return row ? [{ label, color, values: row }] : [];
      }),
    })).filter((chart) => chart.lines.length > 0);
  }, [engine.project, engine.host, engine.instance, series]);
  const { saturation } = engine;
  const title = [engine.name || "engine", ...engine.models].join(" · ");
  return (
    <section className={panel["panel"]} aria-label={`Engine ${engine.instance}`}>
      <div className={styles["head"]}>
        <h2 className={styles["engine"]}>{title}</h2>
        <small>{engine.instance}{engine.host && ` on ${engine.host}`}</small>
        <span data-state={engine.is_up ? "ok" : "failed"}>{engine.is_up ? "up" : "not answering"}</span>
      </div>
      {!engine.is_up && <p className={panel["note"]}>Its metrics could not be read{engine.reason && `: ${engine.reason}`}. Look at <code>{engine.url}</code>.</p>}
      <div className={styles["binds"]} data-binds={saturation.binds} role="group" aria-label="What binds">
        <b>{BINDS[saturation.binds] ?? saturation.binds}</b>
        {[...saturation.evidence, ...saturation.advice].map((each) => <p key={each}>{each}</p>)}
        {engine.right_size.verdict !== "unknown" && <p>Size: <strong>{engine.right_size.verdict}</strong>. {engine.right_size.reasons.join(" ")}</p>}
      </div>
      <Figures engine={engine} />
      <div className={styles["charts"]}>
        {charts.map((chart) => (
          <div key={chart.title}>
            <h3>{chart.title}</h3>
            <TimeChart label={`${chart.title} of ${engine.instance}`} kind="lines" times={series.times} step={series.step_s} lines={chart.lines} format={chart.format} onPick={onPick} />
          </div>
        ))}
      </div>
      {charts.length === 0 && <p className={panel["note"]}>Nothing was read of it in this range of time.</p>}
    </section>
  );
}

function Figures({ engine }: { engine: Engine }) {
  const { mean, peak, rates, times } = engine;
  const of = (value: number | null | undefined, format: (value: number) => string): string => (value == null ? NONE : format(value));
  return (
    <dl className={styles["sums"]} aria-label="In short">
      <div><dt>Running</dt><dd>{of(mean["requests_running"], amount)} <small>most {of(peak["requests_running"], amount)}</small></dd></div>
      <div><dt>Waiting</dt><dd>{of(mean["requests_waiting"], amount)} <small>most {of(peak["requests_waiting"], amount)}</small></dd></div>
      <div><dt>KV cache</dt><dd>{of(mean["kv_cache_usage"], formatShare)} <small>most {of(peak["kv_cache_usage"], formatShare)}</small></dd></div>
      <div><dt>First token</dt><dd>{of(times["time_to_first_token"]?.["p50"], formatSeconds)} <small>p95 {of(times["time_to_first_token"]?.["p95"], formatSeconds)}</small></dd></div>
      <div><dt>Per token</dt><dd>{of(times["time_per_output_token"]?.["p50"], formatSeconds)} <small>p95 {of(times["time_per_output_token"]?.["p95"], formatSeconds)}</small></dd></div>
      <div><dt>Generated</dt><dd>{of(rates["generated_tokens"], amount)} <small>tokens/s</small></dd></div>
      {engine.scaling.replicas > 1 && <div><dt>Replicas</dt><dd>{engine.scaling.replicas} <small>{of(engine.scaling.waiting_per_replica, amount)} wait at each</small></dd></div>}
      {engine.scaling.seconds_to_ready !== null && <div title="How long a further replica of this model takes to answer"><dt>To start one</dt><dd>{formatSeconds(engine.scaling.seconds_to_ready)}</dd></div>}
      <div><dt>Prefix hits</dt><dd>{of(engine.prefix_cache_hit_rate, formatShare)}</dd></div>
    </dl>
  );
}
