import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { arrivalQuery, channelsQuery, installationQuery, jobsQuery, queryClient, sessionQuery, unpricedQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Problem } from "../../components/Problem";
import { Light, SendLines, useDoors } from "../../components/SendLines";
import { useNow } from "../../components/When";
import { formatCompact, NONE } from "../../lib/format";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { formatBytes, lagOf } from "./sizes";
import { KeyPanel } from "./KeyPanel";
import { MemberPanel } from "./MemberPanel";
import { OwnAccount } from "./OwnAccount";
import styles from "./SettingsPage.module.css";

/** What this service is set up as, and how it does. */
export function SettingsPage() {
  const session = useQuery(sessionQuery);
  useEffect(() => {
    document.title = "Settings · Spanglass";
  }, []);
  useKeys({ r: () => void queryClient.invalidateQueries() });
  const administrator = session.data?.scope === "admin";
  if (session.isError) return <><PageBar title={<h1>Settings</h1>} /><Problem error={session.error} retry={() => void session.refetch()} /></>;
  return (
    <>
      <PageBar title={<h1>Settings</h1>} />
      <div className={page["page"]}>
        <div className={styles["columns"]}>
          <Sending />
          {session.data && administrator ? <KeyPanel session={session.data} /> : session.data && !session.data.account && <Section title="Keys"><p className={panel["note"]}>Yours reads{session.data.payload ? ", prompts and answers too" : ", but no prompts and answers"}, in project {session.data.project}. An administrator makes others.</p></Section>}
          {session.data?.account && <OwnAccount session={session.data} />}
          {session.data?.rights?.includes("manage") && <MemberPanel session={session.data} />}
          <Section title="Projects"><Projects /></Section>
          {administrator && <Section title="Storage"><Storage /></Section>}
          {administrator && <Section title="Jobs and detectors"><Jobs /></Section>}
          <Section title="Alert channels"><Channels /></Section>
          <Section title="Prices"><Prices /></Section>
        </div>
      </div>
    </>
  );
}

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return <section className={panel["panel"]} aria-label={title}><h2>{title}</h2>{children}</section>;
}

function Sending() {
  const { http, grpc } = useDoors();
  const arrival = useQuery(arrivalQuery);
  const last = arrival.data?.last;
  return (
    <Section title="Send data here">
      <dl className={styles["doors"]}>
        <div><dt>OTLP over HTTP</dt><dd><code>http://{http}</code></dd></div>
        <div><dt>OTLP over gRPC</dt><dd><code>{grpc}</code></dd></div>
        <div><dt>This page and the API</dt><dd><code>{location.origin}</code></dd></div>
      </dl>
      <SendLines />
      <Light on={last !== undefined}>{last !== undefined ? "Data arrives" : arrival.isPending ? "Looking for data …" : "No span began in the last 15 minutes; this turns green when one arrives"}</Light>
    </Section>
  );
}

/** A question's answer, or why there is none. */
function Answer<T>({ asked, children }: { asked: { data: T | undefined; isError: boolean; error: Error | null; refetch: () => unknown }; children: (data: T) => ReactNode }) {
  if (asked.data !== undefined) return children(asked.data);
  if (!asked.isError) return <p className={panel["note"]} role="status">Loading …</p>;
  return <p className={styles["problem"]} role="alert">{asked.error?.message} <button type="button" onClick={() => void asked.refetch()}>Try again</button></p>;
}

function Projects() {
  const session = useQuery(sessionQuery);
  return (
    <Answer asked={session}>
      {({ projects = [], project }) => (
        <>
          {projects.length > 0 ? (
            <ul className={styles["list"]}>{projects.map((name) => <li key={name}><Link to="/traces" search={{ q: `project:${name}` }}>{name}</Link>{name === project && <small> your key&apos;s own</small>}</li>)}</ul>
          ) : <p>No project has traces yet.</p>}
          <p className={panel["note"]}>A key belongs to a project, and so does what is sent with it. A new project begins with its first key.</p>
        </>
      )}
    </Answer>
  );
}

function Storage() {
  const installation = useQuery(installationQuery);
  return (
    <Answer asked={installation}>
      {({ tables, retention_days: days, payload_retention_days: payload, version, clickhouse_version: clickhouse }) => (
        <>
          <div className={panel["scroll"]} tabIndex={0} role="group" aria-label="Sizes of tables">
            <table className={panel["table"]}>
              <thead><tr><th scope="col">Table</th><th scope="col">Rows</th><th scope="col">On disk</th><th scope="col">Raw</th><th scope="col">Since</th></tr></thead>
              <tbody>
                {tables.map((each) => (
                  <tr key={each.table}>
                    <td>{each.table}</td>
                    <td>{formatCompact(each.rows)}</td>
                    <td>{formatBytes(each.stored_bytes)}</td>
                    <td>{formatBytes(each.raw_bytes)}</td>
                    <td>{each.first_day ?? NONE}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {tables.length === 0 && <p>Nothing is stored yet.</p>}
          <p className={panel["note"]}>
            Spans are kept {days > 0 ? `for ${days} days` : "for ever"}; what people and models wrote, {payload > 0 ? `for ${payload} days` : "as long as its span"}: <code>--retention-days</code>, <code>--payload-retention-days</code>. Rows that were replaced count until they are merged away.
          </p>
          <p className={panel["note"]}>Spanglass {version}, ClickHouse {clickhouse}. <a href="/licences.txt">Licences</a> of what these pages are made of.</p>
        </>
      )}
    </Answer>
  );
}

function Jobs() {
  const jobs = useQuery(jobsQuery);
  const now = useNow();
  return (
    <Answer asked={jobs}>
      {(found) => found.length === 0 ? <p>No job judges spans. <code>--detect</code> sets some up.</p> : (
        <div className={panel["scroll"]} tabIndex={0} role="group" aria-label="Jobs">
          <table className={panel["table"]}>
            <thead><tr><th scope="col">Job</th><th scope="col">State</th><th scope="col">Behind</th><th scope="col">Sample</th><th scope="col">This hour</th><th scope="col">Cost today</th></tr></thead>
            <tbody>
              {found.map((job) => (
                <tr key={job.job}>
                  <td>{job.job} {job.detector !== job.job && <small>{job.detector}</small>}</td>
                  <td>{!job.is_enabled ? "off" : job.retry_at ? <span data-bad>tries again</span> : job.is_running ? "running" : "waiting"}</td>
                  <td>{job.is_enabled ? lagOf(job.judged_until, now) : NONE}</td>
                  <td>{Math.round(job.sample * 100)} %</td>
                  <td>{job.seconds_this_hour.toFixed(1)} s</td>
                  <td>${job.cost_usd_today.toFixed(2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Answer>
  );
}

function Channels() {
  const channels = useQuery(channelsQuery);
  return (
    <Answer asked={channels}>
      {(found) => found.length === 0 ? <p>Nobody is told of alerts yet: they are shown on <Link to="/alerts">Alerts</Link> only. A <code>channels</code> section in the file of <code>--alerts</code> names a Slack webhook, PagerDuty, a mail server or any address.</p> : (
        <ul className={styles["list"]}>
          {found.map((each) => (
            <li key={each.name}>{each.name} <small>{each.type}{each.waiting > 0 && `, ${each.waiting} waiting`}</small>{each.fails && <span data-bad> fails: {each.reason}</span>}</li>
          ))}
        </ul>
      )}
    </Answer>
  );
}

function Prices() {
  const unpriced = useQuery(unpricedQuery);
  return (
    <Answer asked={unpriced}>
      {(found) => (
        <p>{found.length === 0 ? "Every model that was called lately has a price." : <>{found.length === 1 ? "One model has" : `${found.length} models have`} no price: {found.slice(0, 5).map((each) => each.model).join(", ")}{found.length > 5 && " …"}. <Link to="/cost">Cost</Link> has the commands that price them.</>}</p>
      )}
    </Answer>
  );
}
