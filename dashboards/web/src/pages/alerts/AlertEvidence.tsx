import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useNow, When } from "../../components/When";
import { readEvidence, sparkline } from "../../lib/evidence";
import { formatShare } from "../../lib/series";
import { formatExact } from "../../lib/time";
import styles from "./AlertEvidence.module.css";

/** How the value went and where it changed, what stands out, what was new, and traces to look at. */
export function AlertEvidence({ evidence: raw }: { evidence: Readonly<Record<string, unknown>> }) {
  const now = useNow();
  const evidence = useMemo(() => readEvidence(raw), [raw]);
  const { series, explained, traces, changes, changedAt, turn } = evidence;
  const points = sparkline(series);
  if (!points && explained.length === 0 && traces.length === 0 && changes.length === 0) return null;
  return (
    <div className={styles["evidence"]}>
      {points && (
        <svg viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={changedAt === undefined ? "How the value went" : `How the value went; it changed at ${formatExact(changedAt)}`}>
          {turn !== undefined && <line x1={turn} x2={turn} y1="0" y2="24" vectorEffect="non-scaling-stroke" />}
          <polyline points={points} vectorEffect="non-scaling-stroke" />
        </svg>
      )}
      {changedAt !== undefined && <p>Changed <When time={new Date(changedAt).toISOString()} now={now} /></p>}
      {explained.length > 0 && (
        <ul aria-label="What stands out">
          {explained.map((each) => (
            <li key={`${each.dimension} ${each.value}`}>{each.dimension} <b dir="auto">{each.value || "(none)"}</b> <small>{formatShare(each.share)} of it, {formatShare(each.usual)} of all</small></li>
          ))}
        </ul>
      )}
      {changes.length > 0 && (
        <ul aria-label="What was new">
          {changes.map((each) => (
            <li key={`${each.what} ${each.value}`}>{each.what} <b dir="auto">{each.value}</b> <small>{each.what !== "label" && "first seen "}<When time={new Date(each.at).toISOString()} now={now} /></small></li>
          ))}
        </ul>
      )}
      {traces.length > 0 && (
        <p>For example {traces.map((id, index) => <span key={id}>{index > 0 && ", "}<Link to="/traces/$traceId" params={{ traceId: id }}><code>{id.slice(0, 8)}</code></Link></span>)}</p>
      )}
    </div>
  );
}
