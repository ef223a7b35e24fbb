import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconChecklist, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import { queryClient, scoreChangesQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { type QualitySearch, rangeOf, readQualitySearch } from "../../lib/search";
import { describeRange } from "../../lib/time";
import { AgreementTable } from "./AgreementTable";
import { QualityFilters } from "./QualityFilters";
import { ScoreTable } from "./ScoreTable";

const route = getRouteApi("/quality");

export function QualityPage() {
  const said = route.useSearch();
  const search = useMemo(() => readQualitySearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const { service, environment, model, prompt, source } = search;
  const asked = useMemo(() => scoreChangesQuery({ service, environment, model, prompt, source }, range, "", "source"), [service, environment, model, prompt, source, range]);
  const scores = useQuery(asked);
  const { data } = scores;
  useEffect(() => {
    document.title = "Quality · Spanglass";
  }, []);
  const change = useCallback(
    (changed: Partial<QualitySearch>) => void navigate({ to: "/quality", search: (before) => ({ ...readQualitySearch(before), ...changed }) }),
    [navigate],
  );
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["quality"] });
  useKeys({ r: refresh });
  const filtered = [service, environment, model, prompt, source].some((each) => each !== undefined);
  return (
    <>
      <PageBar title={<h1>Quality</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      <div className={page["page"]}>
        <QualityFilters search={search} range={range} onChange={change} />
        {scores.isError && !data ? (
          <Problem error={scores.error} retry={refresh} />
        ) : !data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the scores" />
        ) : data.items.length === 0 ? (
          <State
            icon={<IconChecklist />}
            title="Nothing was scored in this range of time"
            action={<>
              {filtered && <Button onClick={() => change({ service: undefined, environment: undefined, model: undefined, prompt: undefined, source: undefined })}>Clear the filters</Button>}
              <Button variant={filtered ? "default" : "filled"} onClick={() => change({ range: "90d", from: undefined, to: undefined })}>Look at the last 90 days</Button>
            </>}
          >
            {describeRange(range)}{filtered ? ", with what is set above." : "."} Answers are judged as they come where <code>spanglass serve</code> has the role <code>jobs</code>, and <code>spanglass.feedback(thumbs="up")</code> records what users say. <code>spanglass detect status</code> shows how far the jobs are.
          </State>
        ) : (
          <div className={page["content"]} data-stale={scores.isPlaceholderData || undefined}>
            {scores.isError && <p role="alert" className={page["broken"]}>Not up to date: {scores.error.message}</p>}
            <ScoreTable scores={data.items} search={search} />
            <AgreementTable range={range} />
          </div>
        )}
      </div>
    </>
  );
}
