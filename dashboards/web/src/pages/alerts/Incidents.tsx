import { IconFirstAidKit } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { incidentsQuery } from "../../api/queries";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { useNow, When } from "../../components/When";
import { plural } from "../../lib/format";
import styles from "./Incidents.module.css";

const STATES = { open: "Open", acknowledged: "Acknowledged", resolved: "Resolved" } as const;

/** Incidents, the latest first. */
export function Incidents() {
  const now = useNow();
  const incidents = useInfiniteQuery(incidentsQuery);
  if (incidents.isError && !incidents.data) return <Problem error={incidents.error} retry={() => void incidents.refetch()} />;
  if (!incidents.data) return <i className={page["waiting"]} role="status" aria-label="Loading the incidents" />;
  const items = incidents.data.pages.flatMap((each) => each.items);
  if (items.length === 0) {
    return (
      <State icon={<IconFirstAidKit />} title="There was no incident">
        A critical alert begins one; <code>incidents:</code> in the file of rules says which others do. <code>spanglass alerts incidents open TITLE</code> begins one by hand.
      </State>
    );
  }
  return (
    <>
      {incidents.isError && <p role="alert" className={page["broken"]}>Not up to date: {incidents.error.message}</p>}
      <ul className={styles["list"]} aria-label="Incidents">
        {items.map((each) => (
          <li key={each.id} data-state={each.state} data-severity={each.severity}>
            <Link to="/incidents/$number" params={{ number: String(each.id) }}><small>{each.id}</small> {each.title}</Link>
            <span className={styles["state"]}>{STATES[each.state]}</span>
            <p>
              {each.severity} · <When time={each.opened_at} now={now} /> · {plural(each.alerts, "alert")}
              {each.owner && <> · {each.owner}</>}
              {each.project && <> · {each.project}</>}
            </p>
          </li>
        ))}
      </ul>
      {incidents.hasNextPage && <MoreButton onClick={() => void incidents.fetchNextPage()}>Show more</MoreButton>}
    </>
  );
}
