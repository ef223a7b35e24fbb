import { NativeSelect } from "@mantine/core";
import type { RulePreview as Preview } from "../../api/client";
import { TimeChart } from "../../components/TimeChart";
import { formatCompact, formatDuration } from "../../lib/format";
import styles from "./RuleEditor.module.css";

const RANGES = [{ value: "3", label: "3 hours" }, { value: "24", label: "24 hours" }, { value: "168", label: "7 days" }];
const COLORS = ["--accent", "--llm", "--retrieval", "--warning", "--error"];
const EPISODES = 8;
const number = (value: number): string => (Math.abs(value) < 10 && value !== 0 ? String(Number(value.toPrecision(3))) : formatCompact(Math.round(value)));

interface Props {
  preview: Preview | undefined;
  error: string | undefined;
  isWaiting: boolean;
  isRight: boolean;
  hours: string;
  onHours: (hours: string) => void;
  condition: string;
}

/** When a rule would have fired, over the past. */
export function RulePreview({ preview, error, isWaiting, isRight, hours, onHours, condition }: Props) {
  const of = (labels: Record<string, string>): string => Object.values(labels).filter(Boolean).join(" · ") || "all";
  const fired = preview?.episodes ?? [];
  const lines = (preview?.series ?? []).slice(0, COLORS.length).map((each, index) => ({ label: of(each.labels), color: COLORS[index] ?? "--accent", values: each.values }));
  const start = preview ? Date.parse(preview.start) / 1000 : 0;
  const times = lines[0]?.values.map((_, index) => start + index * (preview?.step_s ?? 1)) ?? [];
  return (
    <div className={styles["preview"]} data-waiting={isWaiting || undefined} role="group" aria-label="What it would have done">
      <div className={styles["head"]}>
        <h3>{!isRight ? "Preview" : preview === undefined ? "Looking at the past" : fired.length === 0 ? "It would not have fired" : `It would have fired ${preview.truncated ? "more than " : ""}${formatCompact(fired.length)} time${fired.length === 1 ? "" : "s"}`}</h3>
        <NativeSelect size="xs" aria-label="Over how long" data={RANGES} value={hours} onChange={(event) => onHours(event.currentTarget.value)} />
      </div>
      {!isRight && <p>As soon as the rule is right, what it would have done is here.</p>}
      {error && <p role="alert" className={styles["wrong"]}>{error}</p>}
      {isRight && !error && lines.length > 0 && <TimeChart label={`Value over time, ${condition}`} kind="lines" times={times} step={preview?.step_s ?? 1} lines={lines} format={number} />}
      {isRight && !error && preview !== undefined && lines.length === 0 && <p>There was nothing to measure.</p>}
      {isRight && fired.length > 0 && (
        <ul>
          {fired.slice(0, EPISODES).map((each) => (
            <li key={`${of(each.labels)} ${each.fired_at}`}>
              <b>{of(each.labels)}</b> {new Date(each.fired_at).toLocaleString()}
              <small>{each.resolved_at ? ` for ${formatDuration((Date.parse(each.resolved_at) - Date.parse(each.fired_at)) * 1e6)}` : " and still"}{each.worst !== null && `, worst ${number(each.worst)}`}</small>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
