import { ActionIcon, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import { gpusQuery, queryClient } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { readGpusSearch } from "../../lib/search";
import { describeRange, type TimeRange } from "../../lib/time";
import { AgentLines } from "./AgentLines";
import { EnginePanel } from "./EnginePanel";
import styles from "./Gpus.module.css";
import { HeatMap } from "./HeatMap";
import { Starts } from "./Starts";

const route = getRouteApi("/gpus");

/** What boards and engines did, and the way to what was asked of them then. */
export function GpusPage() {
  const said = route.useSearch();
  const navigate = useNavigate();
  const range = useMemo<TimeRange>(() => {
    const { range: preset, from, to } = readGpusSearch({ ...said });
    return from === undefined ? { range: preset ?? "1h" } : { from, to };
  }, [said]);
  const asked = useMemo(() => gpusQuery(range), [range]);
  const gpus = useQuery(asked);
  const { data } = gpus;
  useEffect(() => {
    document.title = "GPUs · Spanglass";
  }, []);
  const change = (next: TimeRange): void => void navigate({ to: "/gpus", search: readGpusSearch({ ...next }) });
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["gpus"] });
  useKeys({ r: refresh });
  const open = useCallback(
    (from: number, to: number) => void navigate({ to: "/traces", search: { from: new Date(from).toISOString(), to: new Date(to).toISOString() } }),
    [navigate],
  );
  return (
    <>
      <PageBar title={<h1>GPUs</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={change} />
      </PageBar>
      <div className={page["page"]}>
        {gpus.isError && !data ? (
          <Problem error={gpus.error} retry={refresh} />
        ) : !data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading GPUs and engines" />
        ) : data.boards.length === 0 && data.engines.length === 0 ? (
          <AgentLines range={describeRange(range)} isLive={range.from === undefined} onWiden={() => change({ range: "30d" })} />
        ) : (
          <div className={page["content"]} data-stale={gpus.isPlaceholderData || undefined}>
            {gpus.isError && <p role="alert" className={page["broken"]}>Not up to date: {gpus.error.message}</p>}
            <p className={styles["hint"]}>
              Click a moment to see what was asked then, or open <Link to="/traces" search={range}>all traces of this range</Link>.
            </p>
            {data.boards.length > 0 ? (
              <HeatMap boards={data.boards} series={data.series} onPick={open} />
            ) : (
              <section className={panel["panel"]} aria-label="GPUs">
                <h2>GPUs</h2>
                <p className={panel["note"]}>No board was read. <code>spanglass agent --once</code> on the node says why.</p>
              </section>
            )}
            {data.engines.map((each) => (
              <EnginePanel key={`${each.project} ${each.host} ${each.instance}`} engine={each} series={data.series} onPick={open} />
            ))}
            <Starts starts={data.starts} />
            {data.engines.length === 0 && (
              <section className={panel["panel"]} aria-label="Engines">
                <h2>Engines</h2>
                <p className={panel["note"]}>No engine was asked. Start the agent with <code>--engine http://127.0.0.1:8000</code>, the address of the engine's metrics.</p>
              </section>
            )}
          </div>
        )}
      </div>
    </>
  );
}
