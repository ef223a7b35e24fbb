import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconBellCheck, IconPlus, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { alertsQuery, queryClient, rulesQuery, sessionQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import filters from "../../components/Filters.module.css";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { readAlertsSearch } from "../../lib/search";
import { AlertCard } from "./AlertCard";
import { Incidents } from "./Incidents";
import { RuleTable } from "./RuleTable";
import styles from "./AlertsPage.module.css";

const route = getRouteApi("/alerts");

const RuleEditor = lazy(async () => ({ default: (await import("./RuleEditor")).RuleEditor }));

const VIEWS = [
  { value: undefined, label: "Now" },
  { value: "incidents", label: "Incidents" },
  { value: "resolved", label: "Resolved" },
  { value: "rules", label: "Rules" },
] as const;

export function AlertsPage() {
  const { show, rule } = readAlertsSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const refresh = (): void => {
    void queryClient.invalidateQueries({ queryKey: ["alerts"] });
    void queryClient.invalidateQueries({ queryKey: ["alert-rules"] });
    void queryClient.invalidateQueries({ queryKey: ["incidents"] });
  };
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = "Alerts · Spanglass";
  }, []);
  return (
    <>
      <PageBar title={<h1>Alerts</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        <div className={`${filters["segments"] ?? ""} ${styles["views"] ?? ""}`} role="group" aria-label="What to show">
          {VIEWS.map((view) => (
            <button key={view.label} type="button" aria-pressed={view.value === show} onClick={() => void navigate({ to: "/alerts", search: { show: view.value } })}>{view.label}</button>
          ))}
        </div>
        {show === "incidents" ? <Incidents /> : show === "rules" ? <Rules edited={rule} onEdit={(name) => void navigate({ to: "/alerts", search: { show: "rules", rule: name } })} /> : <Alerts key={show ?? ""} resolved={show === "resolved"} onRules={() => void navigate({ to: "/alerts", search: { show: "rules" } })} />}
      </div>
    </>
  );
}

function Alerts({ resolved, onRules }: { resolved: boolean; onRules: () => void }) {
  const alerts = useQuery(alertsQuery(resolved));
  if (alerts.isError && !alerts.data) return <Problem error={alerts.error} retry={() => void alerts.refetch()} />;
  if (!alerts.data) return <i className={page["waiting"]} role="status" aria-label="Loading the alerts" />;
  if (alerts.data.items.length === 0) {
    return (
      <State icon={<IconBellCheck />} title={resolved ? "Nothing was resolved of late" : "Nothing fires"} action={<Button variant="default" onClick={onRules}>Show the rules</Button>}>
        {resolved ? "What has ended stays here for a while." : "Who is on call can sleep."}
      </State>
    );
  }
  return (
    <>
      {alerts.isError && <p role="alert" className={page["broken"]}>Not up to date: {alerts.error.message}</p>}
      <ul className={styles["list"]} aria-label="Alerts">
        {alerts.data.items.map((alert) => <AlertCard key={alert.id} alert={alert} />)}
      </ul>
      {alerts.data.truncated && <p className={styles["more"]}>There are more.</p>}
    </>
  );
}

function Rules({ edited, onEdit }: { edited: string | undefined; onEdit: (name: string | undefined) => void }) {
  const rules = useQuery(rulesQuery);
  const session = useQuery(sessionQuery);
  if (rules.isError && !rules.data) return <Problem error={rules.error} retry={() => void rules.refetch()} />;
  if (!rules.data) return <i className={page["waiting"]} role="status" aria-label="Loading the rules" />;
  const mayChange = session.data?.scope === "admin";
  if (edited !== undefined) {
    const found = rules.data.find((each) => each.rule["name"] === edited);
    return <Suspense><RuleEditor key={edited} rule={found} mayChange={mayChange} onClose={() => onEdit(undefined)} /></Suspense>;
  }
  const add = mayChange && <Button leftSection={<IconPlus size={16} />} variant="default" onClick={() => onEdit("+")} className={styles["add"] ?? ""}>New rule</Button>;
  if (rules.data.length === 0) {
    return (
      <State icon={<IconBellCheck />} title="There are no rules" action={add || undefined}>
        <code>spanglass serve --alerts shipped</code> begins with a set that suits most; <code>spanglass alerts init FILE</code> writes it down, to be changed.
      </State>
    );
  }
  return (
    <>
      {add}
      <RuleTable rules={rules.data} onEdit={onEdit} />
    </>
  );
}
