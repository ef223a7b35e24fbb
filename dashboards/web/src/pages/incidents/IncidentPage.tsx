import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconDownload, IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect } from "react";
import type { IncidentDetail } from "../../api/client";
import { incidentQuery, incidents, queryClient } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { save } from "../../components/save";
import { useNow, When } from "../../components/When";
import { formatSpan } from "../../lib/incidents";
import { millisOf } from "../../lib/time";
import { Gathered } from "./Gathered";
import styles from "./Incident.module.css";
import { Owner } from "./Owner";
import { Playbooks } from "./Playbooks";
import { Timeline } from "./Timeline";

const route = getRouteApi("/incidents/$number");
const STATES = { open: "Open", acknowledged: "Acknowledged", resolved: "Resolved" } as const;

/** What is wrong, since when, who sees to it, and everything that was found and done. */
export function IncidentPage() {
  const number = Number(route.useParams().number);
  const incident = useQuery({ ...incidentQuery(number), enabled: Number.isInteger(number) && number > 0 });
  const refresh = (): void => void incident.refetch();
  useKeys({ r: refresh });
  const title = incident.data?.title;
  useEffect(() => {
    document.title = `${title ?? `Incident ${String(number)}`} · Spanglass`;
  }, [number, title]);
  return (
    <>
      <PageBar title={<h1 className={styles["crumbs"]}><Link to="/alerts" search={{ show: "incidents" }}>Incidents</Link> <span aria-hidden>/</span> {Number.isInteger(number) ? number : "?"}</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {!Number.isInteger(number) || number < 1 ? (
          <p role="alert" className={page["broken"]}>An incident has a number. The list shows them.</p>
        ) : incident.isError && !incident.data ? (
          <Problem error={incident.error} retry={refresh} />
        ) : !incident.data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the incident" />
        ) : (
          <>
            {incident.isError && <p role="alert" className={page["broken"]}>Not up to date: {incident.error.message}</p>}
            <Incident incident={incident.data} />
          </>
        )}
      </div>
    </>
  );
}

function Incident({ incident }: { incident: IncidentDetail }) {
  const now = useNow();
  const keep = {
    onSuccess: (data: IncidentDetail) => {
      queryClient.setQueryData(["incident", incident.id], data);
      void queryClient.invalidateQueries({ queryKey: ["incidents"] });
      void queryClient.invalidateQueries({ queryKey: ["alerts"] });
    },
  };
  const taking = useMutation({ mutationFn: () => incidents.acknowledge(incident.id), ...keep });
  const ending = useMutation({ mutationFn: () => incidents.resolve(incident.id), ...keep });
  const exporting = useMutation({ mutationFn: () => incidents.postmortem(incident.id), onSuccess: (text) => save(text, `incident-${String(incident.id)}.md`) });
  const failed = taking.error ?? ending.error ?? exporting.error;
  const began = millisOf(incident.opened_at);
  const labels = Object.entries(incident.labels).filter(([, value]) => value !== "");
  return (
    <div className={styles["incident"]} data-state={incident.state} data-severity={incident.severity}>
      <header className={styles["head"]}>
        <h2 dir="auto">{incident.title}</h2>
        <p className={styles["states"]}><span data-what="state">{STATES[incident.state]}</span><span>{incident.severity}</span>{labels.map(([name, value]) => <span key={name}>{name} <b dir="auto">{value}</b></span>)}</p>
        <div className={styles["actions"]}>
          {incident.state === "open" && <Button size="compact-sm" onClick={() => taking.mutate()} loading={taking.isPending}>Acknowledge</Button>}
          {incident.state !== "resolved" && <Button size="compact-sm" variant="default" onClick={() => ending.mutate()} loading={ending.isPending}>Resolve</Button>}
          <Button size="compact-sm" variant="default" leftSection={<IconDownload size={15} stroke={1.6} />} onClick={() => exporting.mutate()} loading={exporting.isPending}>Post-mortem draft</Button>
        </div>
        {failed && <p role="alert" className={styles["failed"]}>{failed.message}</p>}
      </header>
      <dl className={styles["facts"]}>
        <div><dt>Owner</dt><dd><Owner key={incident.owner} incident={incident} onChanged={keep.onSuccess} /></dd></div>
        <div><dt>Opened</dt><dd><When time={incident.opened_at} now={now} />{incident.opened_by && <> by {incident.opened_by}</>}</dd></div>
        <div><dt>Acknowledged</dt><dd>{incident.acknowledged_at ? <>after {formatSpan(millisOf(incident.acknowledged_at) - began)} by {incident.acknowledged_by || "somebody"}</> : "by nobody"}</dd></div>
        <div><dt>{incident.resolved_at ? "Resolved" : "Lasts"}</dt><dd>{incident.resolved_at ? <>after {formatSpan(millisOf(incident.resolved_at) - began)}{incident.resolved_by && <> by {incident.resolved_by}</>}</> : formatSpan(now - began)}</dd></div>
      </dl>
      <div className={styles["columns"]}>
        <Timeline incident={incident} now={now} onChanged={keep.onSuccess} />
        <Gathered incident={incident} now={now} />
      </div>
      <Playbooks alerts={incident.gathered} />
    </div>
  );
}
