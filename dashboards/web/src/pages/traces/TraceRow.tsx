import { IconAlertCircleFilled, IconCircleCheck, IconCircleDashed } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { Trace } from "../../api/client";
import { Badge } from "../../components/Badge";
import { When } from "../../components/When";
import { formatCompact, formatCost, formatCount, formatDuration, NONE, plural } from "../../lib/format";
import styles from "./TraceTable.module.css";

interface Props {
  trace: Trace;
  now: number;
  /** Nanoseconds that fill the bar. */
  scale: number;
  index: number;
  current: boolean;
  fresh: boolean;
  chosen: boolean;
  top: number;
  onOpen: (index: number) => void;
  onChoose: (traceId: string) => void;
}

export const TraceRow = memo(function TraceRow({ trace, now, scale, index, current, fresh, chosen, top, onOpen, onChoose }: Props) {
  const failed = trace.status === "error";
  const name = trace.root_name || "(no name)";
  const models = trace.models.join(", ");
  const who = [trace.session_id, trace.user_id].filter(Boolean).join(" · ");
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={styles["row"]}
      data-current={current || undefined}
      data-fresh={fresh || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => {
        const modified = event.ctrlKey || event.metaKey || event.shiftKey;
        const marked = getSelection()?.toString();
        if (!modified && !marked && !(event.target as HTMLElement).closest("a, input")) onOpen(index);
      }}
    >
      <div role="cell" className={styles["name"]}>
        <input type="checkbox" className={styles["choose"]} checked={chosen} onChange={() => onChoose(trace.trace_id)} aria-label={`Choose ${name}`} tabIndex={current ? 0 : -1} />
        {failed ? (
          <IconAlertCircleFilled size={16} className={styles["failed"]} aria-label="Error" />
        ) : trace.complete ? (
          <IconCircleCheck size={16} stroke={1.6} className={styles["fine"]} aria-label="OK" />
        ) : (
          <IconCircleDashed size={16} stroke={1.6} className={styles["open"]} aria-label="The root span has not arrived" />
        )}
        <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }} className={styles["link"]} tabIndex={current ? 0 : -1} title={name} dir="auto">
          {name}
        </Link>
        {trace.sample_data && <Badge label="sample" />}
        {!trace.complete && <Badge label="no root yet" title="The root span has not arrived" />}
      </div>
      <div role="cell" className={styles["service"]} title={trace.services.join(", ")}>
        <span>{trace.root_service || NONE}</span>
        {trace.services.length > 1 && <small>+{trace.services.length - 1}</small>}
      </div>
      <div role="cell" className={styles["start"]}><When time={trace.start_time} now={now} /></div>
      <div role="cell" className={styles["duration"]}>
        <span>{formatDuration(trace.duration_ns)}</span>
        <i aria-hidden><b style={{ width: `${Math.max(2, Math.min(100, (100 * trace.duration_ns) / scale))}%` }} data-failed={failed || undefined} /></i>
      </div>
      <div role="cell" className={styles["spans"]}>
        {trace.errors > 0 && <em title={plural(trace.errors, "error")}>{formatCompact(trace.errors)}</em>}
        {formatCompact(trace.spans)}
      </div>
      <div role="cell" className={styles["tokens"]} title={trace.total_tokens > 0 ? `${formatCount(trace.input_tokens)} in, ${formatCount(trace.output_tokens)} out` : undefined}>
        {trace.total_tokens > 0 ? (
          <>{formatCompact(trace.input_tokens)}<small aria-hidden> → </small>{formatCompact(trace.output_tokens)}</>
        ) : <span className={styles["none"]}>{NONE}</span>}
      </div>
      <div role="cell" className={styles["cost"]}>
        {trace.cost_usd > 0 ? formatCost(trace.cost_usd) : <span className={styles["none"]}>{NONE}</span>}
      </div>
      <div role="cell" className={styles["models"]} title={models}>{models || <span className={styles["none"]}>{NONE}</span>}</div>
      <div role="cell" className={styles["who"]} title={who}>{who || <span className={styles["none"]}>{NONE}</span>}</div>
    </div>
  );
});
