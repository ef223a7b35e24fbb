import { lazy, Suspense, useState } from "react";
import type { GatheredAlert } from "../../api/client";
import { playbooksOf } from "../../lib/incidents";
import styles from "./Incident.module.css";

const Playbook = lazy(() => import("../../components/Playbook").then((module) => ({ default: module.Playbook })));

/** The playbooks of the alerts, the first one open: its checks run when it is read. */
export function Playbooks({ alerts }: { alerts: readonly GatheredAlert[] }) {
  const playbooks = playbooksOf(alerts);
  const [open, setOpen] = useState<string | undefined>(playbooks[0]?.name);
  if (playbooks.length === 0) return null;
  return (
    <section className={styles["part"]} aria-label="Playbooks">
      <h3>What to do</h3>
      {playbooks.map(({ name, alert }) => (
        <div key={name} className={styles["playbook"]}>
          <button type="button" aria-expanded={open === name} onClick={() => setOpen(open === name ? undefined : name)}>{open === name ? "Hide" : "Show"} the playbook {name}</button>
          {open === name && <Suspense fallback={<p role="status" className={styles["quiet"]}>Running its checks …</p>}><Playbook name={name} alert={alert} /></Suspense>}
        </div>
      ))}
    </section>
  );
}
