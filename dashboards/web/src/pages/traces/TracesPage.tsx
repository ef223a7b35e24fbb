import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChartHistogram, IconFilterOff, IconLayoutSidebarRight, IconRefresh } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { facetsQuery, queryClient, sessionQuery, tracesQuery, understoodQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { useOnboarding } from "../../components/useOnboarding";
import { formatCount } from "../../lib/format";
import { quote, without } from "../../lib/query";
import { isFiltered, rangeOf, readTraceSearch, settled, type Sort, toFilters, type TraceSearch } from "../../lib/search";
import { describeRange, type TimeRange } from "../../lib/time";
import { FilterBar } from "./FilterBar";
import { rememberList } from "./listMemory";
import { LiveSwitch } from "./LiveSwitch";
import { Onboarding } from "../../components/Onboarding";
import { SelectionBar } from "./SelectionBar";
import { TableSkeleton } from "./TableSkeleton";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { TimeStrip } from "./TimeStrip";
import { TraceTable } from "./TraceTable";
import styles from "./TracesPage.module.css";

const route = getRouteApi("/traces");

const TraceChart = lazy(async () => ({ default: (await import("./TraceChart")).TraceChart }));
const PeekPanel = lazy(async () => ({ default: (await import("./PeekPanel")).PeekPanel }));

/** Milliseconds between two looks in live mode. */
const LIVE_EVERY = 3_000;
export function TracesPage() {
  // The router hands on what the address says beside what the page understands.
  const said = route.useSearch();
  const search = useMemo(() => settled(readTraceSearch(said as Record<string, unknown>)), [said]);
  const query = search.q ?? "";
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [cursor, setCursor] = useState(-1);
  const [atTop, setAtTop] = useState(true);

  const range = useMemo(() => rangeOf(search), [search]);
  const filters = useMemo(() => toFilters(search), [search]);
  const options = useMemo(() => tracesQuery(filters, range), [filters, range]);
  const live = search.live === true && search.to === undefined;
  const following = live && atTop;
  const list = useInfiniteQuery({ ...options, refetchInterval: following ? LIVE_EVERY : false });
  const facets = useQuery({ ...facetsQuery(range), refetchInterval: following ? 5 * LIVE_EVERY : false });
  const traces = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data]);
  const empty = list.isSuccess && traces.length === 0 && !list.isPlaceholderData;
  const unfiltered = !isFiltered(search);
  const onboarding = useOnboarding(empty && unfiltered, list.refetch);

  // While following, only the first page is kept up to date.
  const queryKey = options.queryKey;
  useEffect(() => {
    if (!following) return;
    queryClient.setQueryData(queryKey, (data) =>
      data && data.pages.length > 1 ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) } : data,
    );
  }, [following, queryKey]);

  const fresh = useFresh(traces, queryKey);
  useEffect(() => rememberList(search, traces.map((trace) => trace.trace_id)), [search, traces]);
  useEffect(() => {
    document.title = "Traces · Spanglass";
  }, []);

  const change = useCallback(
    (changed: Partial<TraceSearch>, replace = false) => {
      setCursor(-1);
      void navigate({ to: "/traces", search: (before) => ({ ...settled(readTraceSearch(before)), ...changed }), replace });
    },
    [navigate],
  );
  const ask = useCallback((q: string, typed = false) => change({ q: q || undefined }, typed), [change]);
  const clear = useCallback(() => ask(""), [ask]);
  const open = useCallback(
    (index: number) => {
      const trace = traces[index];
      if (trace) void navigate({ to: "/traces/$traceId", params: { traceId: trace.trace_id } });
    },
    [navigate, traces],
  );
  const wide = useMediaQuery("(min-width: 1000px)", true, { getInitialValueInEffect: false });
  const peeking = wide && search.peek !== undefined;
  const show = useCallback(
    (peek: string | undefined) => void navigate({ to: "/traces", search: (before) => ({ ...settled(readTraceSearch(before)), peek }), replace: true }),
    [navigate],
  );
  const peekAt = useCallback(
    (index: number) => {
      setCursor(index);
      const trace = traces[index];
      if (trace) show(trace.trace_id);
    },
    [show, traces],
  );
  const togglePeek = (): void => (search.peek ? show(undefined) : peekAt(Math.max(0, cursor)));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const choose = useCallback((traceId: string) => setChosen((before) => toggled(before, traceId)), []);
  const sortBy = useCallback(
    (sort: Sort) => {
      const again = sort === (search.sort ?? "start_time");
      change({ sort: sort === "start_time" ? undefined : sort, order: again && search.order !== "asc" ? "asc" : undefined });
    },
    [change, search.sort, search.order],
  );
  const { hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = list;
  const more = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const refresh = useCallback(() => {
    void refetch();
    void queryClient.invalidateQueries({ queryKey: ["facets"] });
  }, [refetch]);
  const move = (step: number): void => {
    const next = Math.max(0, Math.min(traces.length - 1, cursor + step));
    if (peeking) peekAt(next);
    else setCursor(next);
  };
  const pick = (from: number, to: number): void => change({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString(), live: undefined });
  const chart = search.view === "chart";
  const toggleChart = (): void => change({ view: chart ? undefined : "chart", peek: undefined });
  const toggleLive = (): void => change({ live: live ? undefined : true });
  useKeys({
    "/": () => input.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => open(cursor),
    Escape: () => (peeking ? show(undefined) : cursor >= 0 ? setCursor(-1) : input.current?.blur()),
    p: togglePeek,
    x: () => {
      const trace = traces[cursor];
      if (trace) choose(trace.trace_id);
    },
    l: toggleLive,
    v: toggleChart,
    r: refresh,
  });

  return (
    <>
      <PageBar title={<h1>Traces</h1>}>
        <LiveSwitch on={live} paused={live && !atTop} available={search.to === undefined} onToggle={toggleLive} />
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} loading={list.isRefetching && !live} aria-label="Refresh">
            <IconRefresh size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={chart ? "As a table (V)" : "As a chart (V)"}>
          <ActionIcon variant={chart ? "light" : "subtle"} color="gray" onClick={toggleChart} aria-label="Chart" aria-pressed={chart}>
            <IconChartHistogram size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        {wide && !chart && (
          <Tooltip label="Peek at traces beside the list (P)">
            <ActionIcon variant={peeking ? "light" : "subtle"} color="gray" onClick={togglePeek} aria-label="Peek" aria-pressed={peeking}>
              <IconLayoutSidebarRight size={18} stroke={1.6} />
            </ActionIcon>
          </Tooltip>
        )}
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to, ...(next.to && { live: undefined }) })} />
      </PageBar>
      {onboarding.stage ? (
        <Onboarding arrived={onboarding.stage === "arrived"} />
      ) : (
        <>
          <FilterBar search={search} range={range} facets={facets.data} input={input} onChange={ask} />
          {!chart && <TimeStrip query={query} range={range} every={following ? LIVE_EVERY : false} onPick={pick} />}
          {chart && !(list.isError && traces.length === 0) ? (
            <Suspense fallback={<TableSkeleton />}>
              <TraceChart query={query} range={range} metric={search.metric ?? "traces"} by={search.by} every={live ? 2 * LIVE_EVERY : false} onChange={change} onAsk={ask} onPick={pick} />
            </Suspense>
          ) : list.isPending || onboarding.isPending ? (
            <TableSkeleton />
          ) : list.isError && traces.length === 0 ? (
            <Problem error={list.error} retry={refresh} action={query && <Button onClick={clear}>Clear the query</Button>} />
          ) : empty ? (
            <NothingFound query={query} range={range} onAsk={ask} onWiden={() => change({ range: "90d", from: undefined, to: undefined })} />
          ) : (
            <div className={styles["split"]}>
            <TraceTable
              traces={traces}
              fresh={fresh}
              chosen={chosen}
              current={cursor}
              sort={search.sort ?? "start_time"}
              ascending={search.order === "asc"}
              more={hasNextPage}
              loadingMore={isFetchingNextPage}
              stale={list.isPlaceholderData}
              onSort={sortBy}
              onOpen={peeking ? peekAt : open}
              onChoose={choose}
              onMore={more}
              onScrolled={setAtTop}
            />
            {peeking && search.peek && <Suspense><PeekPanel traceId={search.peek} onClose={() => show(undefined)} /></Suspense>}
            </div>
          )}
          {traces.length > 0 && !chart && (
            <footer className={styles["foot"]}>
              {list.isError ? (
                <span role="alert" className={styles["broken"]}>Not up to date: {list.error.message} <button type="button" onClick={refresh}>Try again</button></span>
              ) : (
                <span role="status">
                  {hasNextPage ? `${formatCount(traces.length)} loaded, more below` : traces.length === 1 ? "1 trace" : `${formatCount(traces.length)} traces`}
                  {isFetchingNextPage && ", loading"}
                </span>
              )}
              {chosen.size > 0 ? <SelectionBar traces={traces.filter((trace) => chosen.has(trace.trace_id))} onClear={() => setChosen(new Set())} /> : <span>{describeRange(range)}</span>}
            </footer>
          )}
        </>
      )}
    </>
  );
}

interface NothingProps {
  query: string;
  range: TimeRange;
  onAsk: (query: string) => void;
  onWiden: () => void;
}

function NothingFound({ query, range, onAsk, onWiden }: NothingProps) {
  const { data: understood } = useQuery({ ...understoodQuery(query), enabled: query !== "" });
  const { data: session } = useQuery(sessionQuery);
  const words = understood?.terms.filter((term) => term.field === "" && !term.negated) ?? [];
  // Words are looked for in names: what was meant may be what people and models said.
  const inContent = words.length > 0 && session?.payload
    ? words.reduce((text, { values: [word = ""] }) => `${text} content:${quote(word)}`, without(query, words, () => true)).trim()
    : undefined;
  return (
    <State
      icon={<IconFilterOff />}
      title={query ? "No trace fits this query" : "No traces in this range of time"}
      action={<>
        {inContent && <Button onClick={() => onAsk(inContent)}>Search in messages instead</Button>}
        {query && <Button variant={inContent ? "default" : "filled"} onClick={() => onAsk("")}>Clear the query</Button>}
        <Button variant={query ? "default" : "filled"} onClick={onWiden}>Look at the last 90 days</Button>
      </>}
    >
      {describeRange(range)}{query ? ", with everything that is asked above." : " has none; there are older ones."}
    </State>
  );
}

function toggled(before: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(before);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** The traces that came after the first answer to the same question. */
function useFresh(traces: readonly { trace_id: string }[], key: unknown): ReadonlySet<string> {
  const [seen, setSeen] = useState<{ key: unknown; ids: ReadonlySet<string>; fresh: ReadonlySet<string> }>({ key: undefined, ids: new Set(), fresh: new Set() });
  const [last, setLast] = useState(traces);
  if (last !== traces || seen.key !== key) {
    setLast(traces);
    const known = seen.key === key && seen.ids.size > 0;
    const first = known ? traces.findIndex((trace) => seen.ids.has(trace.trace_id)) : 0;
    const fresh = new Set(traces.slice(0, Math.max(0, first)).map((trace) => trace.trace_id));
    setSeen({ key, ids: new Set(traces.map((trace) => trace.trace_id)), fresh });
  }
  return seen.fresh;
}
