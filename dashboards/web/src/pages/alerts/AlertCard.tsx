import { Button } from "@mantine/core";
import { IconAlertCircleFilled, IconAlertTriangleFilled, IconCircleCheck, IconClock, IconInfoCircleFilled, IconUserCheck } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Alert } from "../../api/client";
import { acknowledge, playbookQuery, queryClient, silence } from "../../api/queries";
import { useNow, When } from "../../components/When";
import { exactly, readEvidence, sparkline } from "../../lib/evidence";
import { readTraceSearch } from "../../lib/search";
import { formatShare } from "../../lib/series";
import styles from "./AlertCard.module.css";

const ICONS = { pending: IconClock, acknowledged: IconUserCheck, resolved: IconCircleCheck } as const;
const SEVERITIES: Readonly<Record<string, typeof IconClock>> = { critical: IconAlertCircleFilled, warning: IconAlertTriangleFilled, info: IconInfoCircleFilled };
const STATES = { pending: "Pending", firing: "Firing", acknowledged: "Acknowledged", resolved: "Resolved" } as const;

export function AlertCard({ alert }: { alert: Alert }) {
  const now = useNow();
  const evidence = useMemo(() => readEvidence(alert.evidence), [alert.evidence]);
  const [reading, setReading] = useState(false);
  const playbook = useQuery({ ...playbookQuery(alert.playbook, alert.id), enabled: reading && alert.playbook !== "" });
  const options = { onSettled: () => queryClient.invalidateQueries({ queryKey: ["alerts"] }) };
  const taking = useMutation({ mutationFn: () => acknowledge(alert.id), ...options });
  const silencing = useMutation({ mutationFn: () => silence(exactly({ rule: alert.rule, ...alert.labels })), ...options });
  const failed = taking.error ?? silencing.error;
  const Icon = alert.state === "firing" ? (SEVERITIES[alert.severity] ?? IconAlertTriangleFilled) : ICONS[alert.state];
  const began = alert.fired_at ?? alert.since;
  return (
    <li className={styles["card"]} data-state={alert.state} data-severity={alert.severity} aria-label={alert.rule}>
      <header>
        <Icon size={18} className={styles["icon"]} aria-hidden />
        <h2>{alert.summary || alert.rule}</h2>
        <span className={styles["state"]}>{STATES[alert.state]}</span>
      </header>
      <p className={styles["about"]}>
        <b>{alert.rule}</b> · {alert.severity} · since <When time={began} now={now} />
        {alert.value !== null && <> · {number(alert.value)}{alert.threshold !== null && <> against {number(alert.threshold)}</>}</>}
        {alert.no_data && <> · no data</>}
        {alert.flapping && <> · flapping</>}
        {alert.held && <> · {alert.held}</>}
        {alert.acknowledged_by && <> · taken by {alert.acknowledged_by}</>}
      </p>
      {Object.keys(alert.labels).length > 0 && (
        <ul className={styles["labels"]} aria-label="Labels">
          {Object.entries(alert.labels).map(([name, value]) => <li key={name}>{name} <b dir="auto">{value || "(none)"}</b></li>)}
        </ul>
      )}
      {(evidence.series.length > 1 || evidence.explained.length > 0 || evidence.traces.length > 0) && (
        <div className={styles["evidence"]}>
          {evidence.series.length > 1 && (
            <svg viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label="How the value went">
              <polyline points={sparkline(evidence.series)} vectorEffect="non-scaling-stroke" />
            </svg>
          )}
          {evidence.explained.length > 0 && (
            <ul aria-label="What stands out">
              {evidence.explained.map((each) => (
                <li key={`${each.dimension} ${each.value}`}>{each.dimension} <b dir="auto">{each.value || "(none)"}</b> <small>{formatShare(each.share)} of it, {formatShare(each.usual)} of all</small></li>
              ))}
            </ul>
          )}
          {evidence.traces.length > 0 && (
            <p>For example {evidence.traces.map((id, index) => <span key={id}>{index > 0 && ", "}<Link to="/traces/$traceId" params={{ traceId: id }}><code>{id.slice(0, 8)}</code></Link></span>)}</p>
          )}
        </div>
      )}
      <footer>
        {alert.state === "firing" && <Button size="compact-sm" onClick={() => taking.mutate()} loading={taking.isPending}>Acknowledge</Button>}
        {alert.state !== "resolved" && <Button size="compact-sm" variant="default" onClick={() => silencing.mutate()} loading={silencing.isPending}>Silence for 1 h</Button>}
        {evidence.link && <Button size="compact-sm" variant="default" renderRoot={(props) => <Link {...props} to="/traces" search={readTraceSearch(evidence.link ?? {})} />}>Traces</Button>}
        {alert.playbook && <Button size="compact-sm" variant="default" aria-expanded={reading} onClick={() => setReading(!reading)}>Playbook</Button>}
      </footer>
      {failed && <p role="alert" className={styles["failed"]}>{failed.message}</p>}
      {reading && <div className={styles["playbook"]}>{playbook.isError ? <p role="alert">{playbook.error.message}</p> : playbook.data ? <pre>{playbook.data.text}</pre> : <p role="status">Running its checks …</p>}</div>}
    </li>
  );
}

function number(value: number): string {
  return Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4) ? value.toExponential(2) : value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}
