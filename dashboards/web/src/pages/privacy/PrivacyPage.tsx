import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconEyeOff, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { piiQuery, queryClient } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { TimeChart } from "../../components/TimeChart";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { useNow, When } from "../../components/When";
import { LINE_COLOURS } from "../../lib/colours";
import { formatCount } from "../../lib/format";
import { rangeOf, readOverviewSearch } from "../../lib/search";
import { describeRange, millisOf, type TimeRange } from "../../lib/time";
import { Missed } from "./Missed";
import { Subject } from "./Subject";
import styles from "./Privacy.module.css";

const route = getRouteApi("/privacy");
/** What personal data is where, what slipped through, and whose it is. */
export function PrivacyPage() {
  const said = route.useSearch();
  const search = useMemo(() => readOverviewSearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const { service } = search;
  const places = useQuery(useMemo(() => piiQuery(range, service, "place"), [range, service]));
  const now = useNow();
  useEffect(() => {
    document.title = "Privacy · Spanglass";
  }, []);
  const change = (changed: Partial<typeof search>) => void navigate({ to: "/privacy", search: { ...search, ...changed } });
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["pii"] });
  useKeys({ r: refresh });
  const { data } = places;
  return (
    <>
      <PageBar title={<h1>Privacy</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      <div className={page["page"]}>
        {service !== undefined && <div className={page["filters"]}><Button size="compact-sm" variant="default" onClick={() => change({ service: undefined })}>Only {service}: show all</Button></div>}
        {places.isError && !data ? (
          <Problem error={places.error} retry={refresh} />
        ) : !data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading what was found" />
        ) : (
          <div className={page["content"]} data-stale={places.isPlaceholderData || undefined}>
            {data.groups.length === 0 ? (
              <State icon={<IconEyeOff />} title="No personal data was found in this range of time">
                {describeRange(range)}. Every span is looked through within seconds where <code>spanglass serve</code> has the role <code>jobs</code>.
              </State>
            ) : (
              <section className={panel["panel"]} aria-label="Personal data">
                <h2>What is where</h2>
                <Course range={range} service={service} />
                <div className={panel["scroll"]} tabIndex={0}>
                  <table className={panel["table"]}>
                    <thead><tr><th>Entity</th><th>Service</th><th>Field</th><th>Findings</th><th>Spans</th><th>Traces</th><th>Last</th></tr></thead>
                    <tbody>
                      {data.groups.map(({ group: { entity, service: name = "", field }, ...row }) => (
                        <tr key={`${entity} ${name} ${field}`}>
                          <td>{entity}</td>
                          <td><button type="button" onClick={() => change({ service: name === "" ? undefined : name })} dir="auto">{name === "" ? "(no service)" : name}</button></td>
                          <td dir="auto">{field}</td>
                          <td><b>{formatCount(row.findings)}</b></td>
                          <td>{formatCount(row.spans)}</td>
                          <td><Link to="/traces" search={{ ...range, service: name === "" ? undefined : name }} className={styles["link"]}>{formatCount(row.traces)}</Link></td>
                          <td><When time={row.last} now={now} /></td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </section>
            )}
            <Missed range={range} service={service} />
            <Subject />
          </div>
        )}
      </div>
    </>
  );
}

/** Findings over time, of the kinds that there are most of. */
function Course({ range, service }: { range: TimeRange; service: string | undefined }) {
  const { data } = useQuery(useMemo(() => piiQuery(range, service, "entity"), [range, service]));
  const { times, step, lines } = useMemo(() => {
    const groups = (data?.groups ?? []).slice(0, LINE_COLOURS.length);
    const times = [...new Set(groups.flatMap((each) => each.series.map((at) => millisOf(at.time) / 1000)))].sort((a, b) => a - b);
    const step = times.length > 1 ? Math.min(...times.slice(1).map((at, place) => at - (times[place] ?? 0))) : 3_600;
    const lines = groups.map((each, place) => {
      const found = new Map(each.series.map((at) => [millisOf(at.time) / 1000, at.findings]));
      return { label: each.group["entity"] ?? "", color: LINE_COLOURS[place] ?? "--plain", values: times.map((at) => found.get(at) ?? 0) };
    });
    return { times, step, lines };
  }, [data]);
  if (times.length < 2) return null;
  return <TimeChart label="Findings over time" kind="bars" times={times} step={step} lines={lines} format={formatCount} height={150} />;
}
