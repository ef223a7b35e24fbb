import type { IncidentDetail } from "../../api/client";
import { When } from "../../components/When";
import { formatValue } from "../../lib/evidence";
import { formatCount, plural } from "../../lib/format";
import { AlertEvidence } from "../alerts/AlertEvidence";
import styles from "./Incident.module.css";

const FIRST = 20;

/** The alerts that the incident has gathered, each with its evidence. */
export function Gathered({ incident, now }: { incident: IncidentDetail; now: number }) {
  const shown = incident.gathered.slice(0, FIRST);
  const firing = incident.gathered.filter((each) => each.state !== "resolved").length;
  return (
    <section className={styles["part"]} aria-label="Alerts">
      <h3>{plural(incident.alerts, "alert")}{firing > 0 && <small> {formatCount(firing)} {firing === 1 ? "fires" : "fire"}</small>}</h3>
      {shown.length === 0 && <p className={styles["quiet"]}>None yet. <code>spanglass alerts incidents add {incident.id} ALERT</code> puts one here.</p>}
      <ul className={styles["alerts"]}>
        {shown.map((each) => (
          <li key={each.id} data-state={each.state} data-severity={each.severity}>
            <p className={styles["summary"]} dir="auto">{each.summary}</p>
            <p className={styles["about"]}>
              {each.rule} · {each.severity} · {each.state === "resolved" && each.resolved_at ? <>over <When time={each.resolved_at} now={now} /></> : <>{each.state} since <When time={each.fired_at ?? each.since} now={now} /></>}
              {each.value !== null && <> · {formatValue(each.value)}{each.threshold !== null && <> against {formatValue(each.threshold)}</>}</>}
              {each.acknowledged_by && <> · taken by {each.acknowledged_by}</>}
            </p>
            <AlertEvidence evidence={each.evidence} />
          </li>
        ))}
      </ul>
      {incident.alerts > shown.length && <p className={styles["quiet"]}>and {formatCount(incident.alerts - shown.length)} more. The table <code>alert_events</code> has all of them.</p>}
    </section>
  );
}
