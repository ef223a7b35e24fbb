import { Button } from "@mantine/core";
import { IconArrowsDiff } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { traceQuery, tracesQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { useNow, When } from "../../components/When";
import { formatCost, formatDuration, NONE } from "../../lib/format";
import { quote } from "../../lib/query";
import { summarise } from "../../lib/summary";
import styles from "./Compare.module.css";

/** Traces that are offered. */
const MOST = 50;

/** Which trace to set beside the one that is there: the latest of its name. */
export function Choose({ chosen }: { chosen: string | undefined }) {
  const first = useQuery({ ...traceQuery(chosen ?? ""), enabled: chosen !== undefined });
  const name = first.data ? summarise(first.data.spans).name : "";
  const list = useInfiniteQuery({ ...tracesQuery({ query: name ? `name:${quote(name)}` : "" }, { range: "7d" }), enabled: first.data !== undefined });
  const now = useNow();
  const toList = <Button renderRoot={(props) => <Link {...props} to="/traces" />}>Go to the traces</Button>;
  if (!chosen) return <State icon={<IconArrowsDiff />} title="Which two?" action={toList}>Choose two traces in the list (their boxes, or X), then “Compare”.</State>;
  const failed = first.error ?? list.error;
  if (failed) return <Problem error={failed} retry={() => void Promise.all([first.refetch(), list.refetch()])} action={toList} />;
  if (!list.data) return <p className={panel["note"]} role="status">Loading …</p>;
  const others = list.data.pages.flatMap(({ items }) => items).filter(({ trace_id: id }) => id !== chosen).slice(0, MOST);
  if (others.length === 0) return <State icon={<IconArrowsDiff />} title="There is no other of its name" action={toList}>In the last seven days no other trace was called {name || "so"}. Any two can be compared from the list.</State>;
  return (
    <section className={panel["panel"]} aria-label="Traces to compare with">
      <h2>Compare <b dir="auto">{name || "(no name)"}</b> <code>{chosen.slice(0, 8)}</code> with</h2>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={`${panel["table"] ?? ""} ${styles["choose"] ?? ""}`}>
          <thead><tr><th>Trace</th><th>Started</th><th>Duration</th><th>Cost</th><th>Models</th></tr></thead>
          <tbody>
            {others.map((trace) => (
              <tr key={trace.trace_id}>
                <td><Link to="/compare" search={{ a: chosen, b: trace.trace_id }}><code>{trace.trace_id.slice(0, 8)}</code></Link>{trace.status === "error" && <small data-bad> failed</small>}</td>
                <td><When time={trace.start_time} now={now} /></td>
                <td>{formatDuration(trace.duration_ns)}</td>
                <td>{trace.cost_usd > 0 ? formatCost(trace.cost_usd) : NONE}</td>
                <td>{trace.models.join(", ") || NONE}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
