import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconFilterOff, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import { costChangesQuery, costQuery, facetsQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { FacetFilter } from "../../components/FacetFilter";
import filters from "../../components/Filters.module.css";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { Onboarding } from "../../components/Onboarding";
import { State } from "../../components/State";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { useOnboarding } from "../../components/useOnboarding";
import { COST_GROUPS, type CostGroup, type CostSearch, rangeOf, readCostSearch, type TraceSearch } from "../../lib/search";
import { describeRange, type TimeRange, windowOf } from "../../lib/time";
import { Ahead } from "./Ahead";
import { Changes } from "./Changes";
import { CostChart } from "./CostChart";
import { CostTable } from "./CostTable";
import { Savings } from "./Savings";
import { Totals } from "./Totals";
import { Unpriced } from "./Unpriced";

const route = getRouteApi("/cost");

/** Days that advice is given of: what can't be told from fewer, and what is too long to look at. */
const [FEWEST_DAYS, USUAL_DAYS, MOST_DAYS] = [3, 7, 31];

const LABELS: Record<CostGroup, string> = {
  model: "Model", service: "Service", feature: "Feature", user: "User", session: "Session",
  prompt_version: "Prompt", tag: "Tag", provider: "Provider", project: "Project",
};

export function CostPage() {
  const said = route.useSearch();
  const search = useMemo(() => readCostSearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const by = search.by ?? "model";
  const { service, environment, model, feature } = search;
  const filtersOf = useMemo(() => ({ service: service ?? "", environment: environment ?? "", model: model ?? "", feature: feature ?? "" }), [service, environment, model, feature]);
  const asked = useMemo(
    () => costQuery({ group_by: by, ...filtersOf }, range),
    [by, filtersOf, range],
  );
  const isSpend = search.view !== "savings";
  const compared = useMemo(() => costChangesQuery({ group_by: by, ...filtersOf }, range), [by, filtersOf, range]);
  const days = useMemo(() => daysOf(range), [range]);
  const cost = useQuery({ ...asked, enabled: isSpend });
  const facets = useQuery(facetsQuery(range));
  const { data, refetch } = cost;
  useEffect(() => {
    document.title = "Cost · Spanglass";
  }, []);
  const change = useCallback(
    (changed: Partial<CostSearch>) => void navigate({ to: "/cost", search: (before) => ({ ...readCostSearch(before), ...changed }) }),
    [navigate],
  );
  /** The traces behind what is shown. */
  const show = useCallback(
    (wanted: TraceSearch) => void navigate({ to: "/traces", search: { ...range, service, environment, model, feature, sort: "cost", ...wanted } }),
    [navigate, range, service, environment, model, feature],
  );
  const refresh = (): void => void refetch();
  useKeys({ r: refresh });
  const filtered = [service, environment, model, feature].some((each) => each !== undefined);
  const onboarding = useOnboarding(data?.total.calls === 0 && !filtered, refetch);
  return (
    <>
      <PageBar title={<h1>Cost</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      {onboarding.stage ? <Onboarding arrived={onboarding.stage === "arrived"} /> : <div className={page["page"]}>
        <div className={page["filters"]}>
          <div className={filters["segments"]} role="group" aria-label="View">
            <button type="button" aria-pressed={isSpend} onClick={() => change({ view: undefined })}>Spend</button>
            <button type="button" aria-pressed={!isSpend} onClick={() => change({ view: "savings" })}>Savings</button>
          </div>
        </div>
        {!isSpend ? <Savings days={days} /> : <>
        <div className={page["filters"]} role="search" aria-label="What is shown">
          <div className={filters["segments"]} role="group" aria-label="Told apart by">
            {COST_GROUPS.map((each) => (
              <button key={each} type="button" aria-pressed={each === by} onClick={() => change({ by: each === "model" ? undefined : each })}>{LABELS[each]}</button>
            ))}
          </div>
          <FacetFilter label="Service" value={service} options={facets.data?.service ?? []} onChange={(next) => change({ service: next })} />
          <FacetFilter label="Environment" value={environment} options={facets.data?.environment ?? []} onChange={(next) => change({ environment: next })} />
          <FacetFilter label="Model" value={model} options={facets.data?.model ?? []} onChange={(next) => change({ model: next })} />
          <FacetFilter label="Feature" value={feature} options={facets.data?.feature ?? []} onChange={(next) => change({ feature: next })} />
        </div>
        {cost.isError && !data ? (
          <Problem error={cost.error} retry={refresh} />
        ) : !data || onboarding.isPending ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the cost" />
        ) : data.total.calls === 0 ? (
          <State
            icon={<IconFilterOff />}
            title="No call of a model in this range of time"
            action={<>
              {filtered && <Button onClick={() => change({ service: undefined, environment: undefined, model: undefined, feature: undefined })}>Clear the filters</Button>}
              <Button variant={filtered ? "default" : "filled"} onClick={() => change({ range: "90d", from: undefined, to: undefined })}>Look at the last 90 days</Button>
            </>}
          >
            {describeRange(range)}{filtered ? ", with what is set above." : "."}
          </State>
        ) : (
          <div className={page["content"]} data-stale={cost.isPlaceholderData || undefined}>
            <Totals total={data.total} />
            {data.total.unknown_calls > 0 && <Unpriced calls={data.total.unknown_calls} />}
            <CostChart cost={data} window={data.window} interval={data.interval} onShow={show} />
            <CostTable cost={data} by={by} label={LABELS[by]} onShow={show} />
            <Changes asked={compared} />
            <Ahead filters={filtersOf} />
          </div>
        )}
        </>}
      </div>}
    </>
  );
}

/** Whole days of a range; a week where it is too short to say anything of a month. */
function daysOf(range: TimeRange): number {
  const { start, end } = windowOf(range, Date.now());
  const days = Math.floor(((end === undefined ? Date.now() : Date.parse(end)) - Date.parse(start)) / 86_400_000);
  return days < FEWEST_DAYS ? USUAL_DAYS : Math.min(days, MOST_DAYS);
}
