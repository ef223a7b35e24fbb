import { useMemo } from "react";
import type { Figures, Overview } from "../../api/client";
import { TimeChart } from "../../components/TimeChart";
import { formatCompact, formatCost, formatSeconds, NONE } from "../../lib/format";
import type { TraceSearch } from "../../lib/search";
import { changeOf, formatShare } from "../../lib/series";
import { millisOf } from "../../lib/time";
import { Tile } from "./Tile";
import styles from "./Charts.module.css";

type Show = (wanted: TraceSearch) => void;

const shareFailed = (figures: Figures): number | null => (figures.requests > 0 ? Math.min(1, figures.failed / figures.requests) : null);
const tokens = (figures: Figures): number => figures.input_tokens + figures.output_tokens;
const count = (value: number): string => formatCompact(Math.round(value));
const seconds = (value: number | null): string => (value === null ? NONE : formatSeconds(value));

export function Charts({ overview, onShow }: { overview: Overview; onShow: Show }) {
  const { total, before, series, step_s: step } = overview;
  const times = useMemo(() => series.map((each) => millisOf(each.time) / 1000), [series]);
  const pick = (more: TraceSearch = {}) => (from: number, to: number): void =>
    onShow({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString(), ...more });
  const lines = useMemo(() => {
    const values = (of: (figures: Figures) => number | null) => series.map(of);
    return {
      requests: [
        { label: "fine", color: "--accent", values: values((each) => Math.max(0, each.requests - each.failed)) },
        { label: "failed", color: "--error", values: values((each) => each.failed) },
      ],
      duration: [
        { label: "p95", color: "--llm", values: values((each) => each.duration_p95_s) },
        { label: "p50", color: "--retrieval", values: values((each) => each.duration_p50_s) },
      ],
      firstToken: [
        { label: "p95", color: "--llm", values: values((each) => each.first_token_p95_s) },
        { label: "p50", color: "--retrieval", values: values((each) => each.first_token_p50_s) },
      ],
      tokens: [
        { label: "in", color: "--retrieval", values: values((each) => each.input_tokens) },
        { label: "out", color: "--llm", values: values((each) => each.output_tokens) },
      ],
      cost: [{ label: "cost", color: "--tool", values: values((each) => each.cost_usd) }],
      calls: [
        { label: "fine", color: "--llm", values: values((each) => Math.max(0, each.calls - each.failed_calls)) },
        { label: "failed", color: "--error", values: values((each) => each.failed_calls) },
      ],
    };
  }, [series]);
  const chart = { times, step };
  return (
    <div className={styles["charts"]}>
      <Tile
        title="Requests"
        value={count(total.requests)}
        change={changeOf(total.requests, before.requests)}
        detail={<button type="button" onClick={() => onShow({ status: "error" })}>{count(total.failed)} failed, {formatShare(shareFailed(total) ?? 0)}</button>}
        onOpen={() => onShow({})}
      >
        <TimeChart label="Requests, by step" kind="bars" lines={lines.requests} format={count} onPick={pick()} {...chart} />
      </Tile>
      <Tile title="Duration" hint="Of whole requests" value={seconds(total.duration_p95_s)} change={changeOf(total.duration_p95_s, before.duration_p95_s)} worse="up" detail={<>p95; p50 {seconds(total.duration_p50_s)}</>} onOpen={() => onShow({ sort: "duration" })}>
        <TimeChart label="Duration, by step" kind="lines" lines={lines.duration} format={formatSeconds} onPick={pick({ sort: "duration" })} {...chart} />
      </Tile>
      <Tile title="First token" hint="Until a streamed answer begins" value={seconds(total.first_token_p95_s)} change={changeOf(total.first_token_p95_s, before.first_token_p95_s)} worse="up" detail={<>p95; p50 {seconds(total.first_token_p50_s)}</>} onOpen={() => onShow({ operation: "chat" })}>
        <TimeChart label="First token, by step" kind="lines" lines={lines.firstToken} format={formatSeconds} onPick={pick({ operation: "chat" })} {...chart} />
      </Tile>
      <Tile title="Model calls" value={count(total.calls)} change={changeOf(total.calls, before.calls)} detail={<>{count(total.failed_calls)} failed{total.calls > 0 && `, ${formatShare(total.failed_calls / total.calls)}`}</>} onOpen={() => onShow({})}>
        <TimeChart label="Model calls, by step" kind="bars" lines={lines.calls} format={count} onPick={pick()} {...chart} />
      </Tile>
      <Tile title="Tokens" value={formatCompact(Math.round(tokens(total)))} change={changeOf(tokens(total), tokens(before))} detail={<>{count(total.input_tokens)} in, {count(total.output_tokens)} out</>} onOpen={() => onShow({ sort: "tokens" })}>
        <TimeChart label="Tokens, by step" kind="bars" lines={lines.tokens} format={count} onPick={pick({ sort: "tokens" })} {...chart} />
      </Tile>
      <Tile title="Cost" value={formatCost(total.cost_usd)} change={changeOf(total.cost_usd, before.cost_usd)} worse="up" detail={total.requests > 0 ? <>{formatCost(total.cost_usd / total.requests)} a request</> : null} onOpen={() => onShow({ sort: "cost" })}>
        <TimeChart label="Cost, by step" kind="bars" lines={lines.cost} format={formatCost} onPick={pick({ sort: "cost" })} {...chart} />
      </Tile>
    </div>
  );
}
