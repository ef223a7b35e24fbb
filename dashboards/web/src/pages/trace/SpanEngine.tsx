import type { Surroundings } from "../../api/client";
import { formatCompact, formatCost, formatEnergy, formatSeconds, NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";
import styles from "./SpanEngine.module.css";

const amount = (value: number): string => formatCompact(Math.round(value * 10) / 10);
const of = (value: number | null | undefined, format: (value: number) => string): string => (value == null ? NONE : format(value));
const clock = (value: number): string => `${Math.round(value)} MHz`;
const watts = (value: number): string => `${Math.round(value)} W`;

/** What the engines of a call's model, and their boards, did while it was there. */
export function SpanEngine({ around }: { around: Surroundings }) {
  return (
    <div className={styles["engine"]}>
      <dl aria-label="Its share">
        <div><dt>Energy</dt><dd>{of(around.energy_j, formatEnergy)}</dd></div>
        {around.usd !== null && <div><dt>GPU time</dt><dd>{formatCost(around.usd)}</dd></div>}
      </dl>
      {around.energy_j === null && <p>Its share of the energy is known once its boards are: start the agent with <code>#gpus=</code> behind the engine's address.</p>}
      {around.engines.map(({ instance, host, name, mean, peak, times }) => (
        <section key={`${host} ${instance}`} aria-label={`Engine ${instance}`}>
          <h3>{name || "engine"} <small>{instance}{host && ` on ${host}`}</small></h3>
          <dl>
            <div><dt>Running</dt><dd>{of(mean["requests_running"], amount)} <small>most {of(peak["requests_running"], amount)}</small></dd></div>
            <div><dt>Waiting</dt><dd data-bad={(mean["requests_waiting"] ?? 0) >= 1 || undefined}>{of(mean["requests_waiting"], amount)} <small>most {of(peak["requests_waiting"], amount)}</small></dd></div>
            <div><dt>KV cache</dt><dd data-bad={(mean["kv_cache_usage"] ?? 0) >= 0.9 || undefined}>{of(mean["kv_cache_usage"], formatShare)}</dd></div>
            {mean["batch_size"] !== undefined && <div><dt>Batch</dt><dd>{amount(mean["batch_size"])}</dd></div>}
            <div><dt>Queue, p95</dt><dd>{of(times["queue_time"]?.["p95"], formatSeconds)}</dd></div>
            <div><dt>First token, p95</dt><dd>{of(times["time_to_first_token"]?.["p95"], formatSeconds)}</dd></div>
          </dl>
        </section>
      ))}
      {around.gpus.map((board) => (
        <section key={board.id} aria-label={`GPU ${board.id}`}>
          <h3>{board.name || "GPU"} <small>{board.index === null ? board.id : `GPU ${board.index}`}{board.host && ` on ${board.host}`}</small></h3>
          <dl>
            <div><dt>Busy</dt><dd>{of(board.utilization_mean, formatShare)}</dd></div>
            <div><dt>Power</dt><dd>{of(board.power_mean_w, watts)}</dd></div>
            {board.sm_clock_mean_mhz !== null && <div><dt>Clock</dt><dd>{clock(board.sm_clock_mean_mhz)}</dd></div>}
            {Object.entries(board.throttled).map(([reason, share]) => <div key={reason}><dt>Held back</dt><dd data-bad>{formatShare(share)} <small>{reason.replaceAll("_", " ")}</small></dd></div>)}
          </dl>
        </section>
      ))}
      <p>Readings from {new Date(around.start).toLocaleTimeString()} to {new Date(around.end).toLocaleTimeString()}: in its time, and shortly before and after.</p>
    </div>
  );
}
