import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconFilterOff, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import type { Overview } from "../../api/client";
import { facetsQuery, overviewQuery, queryClient } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { FacetFilter } from "../../components/FacetFilter";
import { Onboarding } from "../../components/Onboarding";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { useOnboarding } from "../../components/useOnboarding";
import { type OverviewSearch, rangeOf, readOverviewSearch, type TraceSearch } from "../../lib/search";
import { describeRange } from "../../lib/time";
import { Charts } from "./Charts";
import { ModelTable } from "./ModelTable";
import { OverviewSkeleton } from "./OverviewSkeleton";
import { ScoreMeans } from "./ScoreMeans";
import styles from "./OverviewPage.module.css";

const route = getRouteApi("/overview");

/** Milliseconds between two looks, where the range goes on. */
const AGAIN_EVERY = 15_000;

export function OverviewPage() {
  const said = route.useSearch();
  const search = useMemo(() => readOverviewSearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const overview = useQuery({ ...overviewQuery(search, range), refetchInterval: search.to === undefined ? AGAIN_EVERY : false });
  const facets = useQuery(facetsQuery(range));
  const { data, refetch } = overview;
  const nothing = data !== undefined && isEmpty(data) && !overview.isPlaceholderData;
  const filtered = search.service !== undefined || search.environment !== undefined;
  const onboarding = useOnboarding(nothing && !filtered, refetch);
  useEffect(() => {
    document.title = "Overview · Spanglass";
  }, []);

  const change = useCallback(
    (changed: Partial<OverviewSearch>) => void navigate({ to: "/overview", search: (before) => ({ ...readOverviewSearch(before), ...changed }) }),
    [navigate],
  );
  const { service, environment } = search;
  /** The traces behind what is shown. */
  const show = useCallback(
    (wanted: TraceSearch) => void navigate({ to: "/traces", search: { ...range, service, environment, ...wanted } }),
    [navigate, range, service, environment],
  );
  const refresh = (): void => {
    void refetch();
    void queryClient.invalidateQueries({ queryKey: ["facets"] });
  };
  useKeys({ r: refresh });

  return (
    <>
      <PageBar title={<h1>Overview</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh">
            <IconRefresh size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      {onboarding.stage ? (
        <Onboarding arrived={onboarding.stage === "arrived"} />
      ) : (
        <div className={page["page"]}>
          <div className={page["filters"]} role="search" aria-label="What is shown">
            <FacetFilter label="Service" value={service} options={facets.data?.service ?? []} onChange={(next) => change({ service: next })} />
            <FacetFilter label="Environment" value={environment} options={facets.data?.environment ?? []} onChange={(next) => change({ environment: next })} />
            {overview.isError && data && <span role="alert" className={page["broken"]}>Not up to date: {overview.error.message}</span>}
          </div>
          {overview.isError && !data ? (
            <Problem error={overview.error} retry={refresh} />
          ) : !data || onboarding.isPending ? (
            <OverviewSkeleton />
          ) : nothing ? (
            <State
              icon={<IconFilterOff />}
              title="Nothing in this range of time"
              action={<>
                {filtered && <Button onClick={() => change({ service: undefined, environment: undefined })}>Clear the filters</Button>}
                <Button variant={filtered ? "default" : "filled"} onClick={() => change({ range: "90d", from: undefined, to: undefined })}>Look at the last 90 days</Button>
              </>}
            >
              {describeRange(range)}{filtered ? ", with what is set above." : " has no spans; there are older ones."}
            </State>
          ) : (
            <div className={page["content"]} data-stale={overview.isPlaceholderData || undefined}>
              <Charts overview={data} onShow={show} />
              <div className={styles["lists"]}>
                <ModelTable models={data.models} onShow={show} />
                <ScoreMeans scores={data.scores} />
              </div>
            </div>
          )}
        </div>
      )}
    </>
  );
}

function isEmpty({ total, before }: Overview): boolean {
  return [total, before].every((each) => each.requests + each.calls + each.failed === 0);
}
