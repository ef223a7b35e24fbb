import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import type { Trace } from "../../api/client";
import { save } from "../../components/save";
import { toCsv } from "../../lib/csv";
import { formatCount } from "../../lib/format";
import styles from "./TracesPage.module.css";

const AddToQueue = lazy(async () => ({ default: (await import("../review/AddToQueue")).AddToQueue }));
const AddToDataset = lazy(async () => ({ default: (await import("../trace/AddToDataset")).AddToDataset }));

interface Props {
  traces: readonly Trace[];
  onClear: () => void;
}

/** What can be done with the rows that were chosen. */
export function SelectionBar({ traces, onClear }: Props) {
  const jsonl = (): void => save(traces.map((trace) => JSON.stringify(trace)).join("\n") + "\n", "traces.jsonl");
  const csv = (): void => {
    const columns = Object.keys(traces[0] ?? {}) as (keyof Trace)[];
    save(toCsv(columns, traces.map((trace) => columns.map((column) => trace[column]))), "traces.csv");
  };
  return (
    <div className={styles["selection"]} role="group" aria-label="Chosen traces">
      <b>{formatCount(traces.length)} chosen</b>
      {traces.length === 2 && <Link to="/compare" search={pairOf(traces)}>Compare</Link>}
      <Suspense>
        <AddToDataset targets={traces.map((trace) => ({ trace_id: trace.trace_id, span_id: "" }))} button={(toggle) => <button type="button" onClick={toggle}>Add to dataset</button>} />
      </Suspense>
      <Suspense><AddToQueue traces={traces.map((trace) => trace.trace_id)} /></Suspense>
      <button type="button" onClick={jsonl}>Export JSONL</button>
      <button type="button" onClick={csv}>Export CSV</button>
      <button type="button" onClick={onClear}>Choose none</button>
    </div>
  );
}

/** The earlier one comes first. */
function pairOf(traces: readonly Trace[]): { a?: string; b?: string } {
  const [one, other] = [...traces].sort((a, b) => (a.start_time < b.start_time ? -1 : 1));
  return one && other ? { a: one.trace_id, b: other.trace_id } : {};
}
