import { IconFileText } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { logsQuery } from "../../api/queries";
import type { LightSpan } from "../../api/tree";
import { LongText } from "../../components/LongText";
import { MoreButton } from "../../components/MoreButton";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { formatDuration } from "../../lib/format";
import { millisOf } from "../../lib/time";
import type { Tree } from "../../lib/tree";
import { Attributes } from "./Attributes";
import styles from "./TraceLogs.module.css";

interface Props {
  traceId: string;
  tree: Tree<LightSpan>;
  /** The span whose records stand out. */
  selected: string | undefined;
  onSelect: (index: number, show?: boolean) => void;
}

/** What was logged while a trace went on, with the spans that it belongs to. */
export function TraceLogs({ traceId, tree, selected, onSelect }: Props) {
  const logs = useInfiniteQuery(logsQuery(traceId));
  const records = useMemo(() => logs.data?.pages.flatMap((page) => page.items) ?? [], [logs.data]);
  const start = useMemo(() => tree.nodes.reduce((first, { span }) => (span ? Math.min(first, Number(span.start_unix_nano) / 1e6) : first), Infinity), [tree]);
  if (logs.isError) return <Problem error={logs.error} retry={() => void logs.refetch()} />;
  if (!logs.data) return <p className={styles["waiting"]} role="status" aria-label="Loading the log records" />;
  if (records.length === 0) {
    return (
      <State icon={<IconFileText />} title="No log record of this trace">
        A record belongs to a trace if it was written while a span was current, by a logger that exports OTLP with the trace&apos;s id:
        in Python, OpenTelemetry&apos;s <code>LoggingHandler</code>.
      </State>
    );
  }
  return (
    <section className={styles["logs"]} aria-label="Log records">
      {records.map((record, index) => {
        const at = tree.byId.get(record.span_id);
        const said = textOf(record.body) || textOf(record.payload_body);
        const values = { ...record.attributes, ...record.payload_attributes };
        const after = millisOf(record.time) - start;
        return (
          <article key={index} data-level={levelOf(record.severity_number)} data-current={record.span_id === selected || undefined}>
            <header>
              <time dateTime={record.time} title={record.time}>{after < 0 ? "−" : "+"}{formatDuration(Math.abs(after) * 1e6)}</time>
              {(record.severity_text || record.severity_number > 0) && <b>{record.severity_text || `level ${record.severity_number}`}</b>}
              {record.event_name && <span dir="auto">{record.event_name}</span>}
              {at !== undefined && <button type="button" onClick={() => onSelect(at)} title="Show this span beside">{tree.nodes[at]?.span?.name ?? "Its span"}</button>}
            </header>
            {said && <LongText text={said} mono />}
            {Object.keys(values).length > 0 && (
              <details>
                <summary>{Object.keys(values).length === 1 ? "1 attribute" : `${Object.keys(values).length} attributes`}</summary>
                <Attributes groups={[{ title: "Attributes", values }]} />
              </details>
            )}
          </article>
        );
      })}
      {logs.hasNextPage && <MoreButton onClick={() => void logs.fetchNextPage()}>More records</MoreButton>}
    </section>
  );
}

function textOf(body: unknown): string {
  if (body === null || body === undefined) return "";
  return typeof body === "string" ? body : JSON.stringify(body, undefined, 2);
}

/** OpenTelemetry's ranges of numbers. */
function levelOf(severity: number): "error" | "warning" | undefined {
  if (severity >= 17) return "error";
  return severity >= 13 ? "warning" : undefined;
}
