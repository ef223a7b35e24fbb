import { Button } from "@mantine/core";
import { IconAlertCircleFilled, IconAlertTriangleFilled, IconCircleCheck, IconClock, IconInfoCircleFilled, IconUserCheck } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import type { Alert } from "../../api/client";
import { acknowledge, queryClient, silence } from "../../api/queries";
import { useNow, When } from "../../components/When";
import { exactly, formatValue, readEvidence } from "../../lib/evidence";
import { readTraceSearch } from "../../lib/search";
import styles from "./AlertCard.module.css";
import { AlertEvidence } from "./AlertEvidence";

const Playbook = lazy(() => import("../../components/Playbook").then((module) => ({ default: module.Playbook })));

const ICONS = { pending: IconClock, acknowledged: IconUserCheck, resolved: IconCircleCheck } as const;
const SEVERITIES: Readonly<Record<string, typeof IconClock>> = { critical: IconAlertCircleFilled, warning: IconAlertTriangleFilled, info: IconInfoCircleFilled };
const STATES = { pending: "Pending", firing: "Firing", acknowledged: "Acknowledged", resolved: "Resolved" } as const;

export function AlertCard({ alert }: { alert: Alert }) {
  const now = useNow();
  const evidence = useMemo(() => readEvidence(alert.evidence), [alert.evidence]);
  const [reading, setReading] = useState(false);
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
        {alert.value !== null && <> · {formatValue(alert.value)}{alert.threshold !== null && <> against {formatValue(alert.threshold)}</>}</>}
        {alert.no_data && <> · no data</>}
        {alert.flapping && <> · flapping</>}
        {alert.held && <> · {alert.held}</>}
        {alert.acknowledged_by && <> · taken by {alert.acknowledged_by}</>}
        {alert.incident > 0 && <> · <Link to="/incidents/$number" params={{ number: String(alert.incident) }} className={styles["incident"]}>incident {alert.incident}</Link></>}
      </p>
      {Object.keys(alert.labels).length > 0 && (
        <ul className={styles["labels"]} aria-label="Labels">
          {Object.entries(alert.labels).map(([name, value]) => <li key={name}>{name} <b dir="auto">{value || "(none)"}</b></li>)}
        </ul>
      )}
      <AlertEvidence evidence={alert.evidence} />
      <footer>
        {alert.state === "firing" && <Button size="compact-sm" onClick={() => taking.mutate()} loading={taking.isPending}>Acknowledge</Button>}
        {alert.state !== "resolved" && <Button size="compact-sm" variant="default" onClick={() => silencing.mutate()} loading={silencing.isPending}>Silence for 1 h</Button>}
        {evidence.link && <Button size="compact-sm" variant="default" renderRoot={(props) => <Link {...props} to="/traces" search={readTraceSearch(evidence.link ?? {})} />}>Traces</Button>}
        {alert.playbook && <Button size="compact-sm" variant="default" aria-expanded={reading} onClick={() => setReading(!reading)}>Playbook</Button>}
      </footer>
      {failed && <p role="alert" className={styles["failed"]}>{failed.message}</p>}
      {reading && <div className={styles["playbook"]}><Suspense fallback={<p role="status">Running its checks …</p>}><Playbook name={alert.playbook} alert={alert.id} /></Suspense></div>}
    </li>
  );
}
