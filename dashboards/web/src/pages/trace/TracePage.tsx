import { ActionIcon, Button, SegmentedControl, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconFileText, IconSitemap } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import type { Score } from "../../api/client";
import type { LightSpan } from "../../api/tree";
import { queryClient, scoresQuery, traceQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Problem } from "../../components/Problem";
import type { SpanSearch } from "../../lib/search";
import { scoresOf } from "../../lib/scores";
import { kindOfSpan, startingSpan, summarise } from "../../lib/summary";
import { ancestorKeys, buildTree, visibleNodes } from "../../lib/tree";
import { lastList } from "../traces/listMemory";
import { SpanDetail } from "./SpanDetail";
import { SpanTree } from "./SpanTree";
import { Split } from "./Split";
import { TraceHeader, TraceTitle, TraceTools } from "./TraceHeader";
import { TraceSkeleton } from "./TraceSkeleton";
import { useTraceSearch } from "./traceSearch";
import styles from "./TracePage.module.css";

const route = getRouteApi("/traces/$traceId");

/** Milliseconds between two looks at a trace that is still arriving. */
const ARRIVING_EVERY = 3_000;
/** Milliseconds after which a root span that is missing counts as lost. */
const GIVEN_UP_AFTER = 600_000;

const TraceLogs = lazy(async () => ({ default: (await import("./TraceLogs")).TraceLogs }));
const TraceGraph = lazy(async () => ({ default: (await import("./TraceGraph")).TraceGraph }));

const NO_SCORES: readonly Score[] = [];

/** Whether the root span is still to come: exporters send children first. */
function isArriving(spans: readonly LightSpan[]): boolean {
  const first = spans[0];
  if (!first || spans.some((span) => span.parent_span_id === "")) return false;
  return Date.now() - Number(first.start_unix_nano) / 1e6 < GIVEN_UP_AFTER;
}

export function TracePage() {
  const { traceId } = route.useParams();
  const trace = useQuery({
    ...traceQuery(traceId.toLowerCase()),
    refetchInterval: ({ state }) => (state.data && isArriving(state.data.spans) ? ARRIVING_EVERY : false),
  });
  const back = lastList();
  useEffect(() => {
    if (!trace.data) document.title = "Trace · Spanglass";
  }, [trace.data]);
  if (trace.data) return <LoadedTrace key={trace.data.traceId} {...trace.data} />;
  const toList = <Button renderRoot={(props) => <Link {...props} to="/traces" search={back.search} />} variant="default">Back to the traces</Button>;
  return (
    <>
      <PageBar title={<TraceTitle name="Trace" list={back.search} />} />
      {trace.isError ? <Problem error={trace.error} retry={() => void trace.refetch()} action={toList} /> : <TraceSkeleton />}
    </>
  );
}

function LoadedTrace({ traceId, spans, truncated }: { traceId: string; spans: readonly LightSpan[]; truncated: boolean }) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const tree = useMemo(() => buildTree(spans), [spans]);
  const summary = useMemo(() => summarise(spans), [spans]);
  const scores = useQuery(scoresQuery(traceId));
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const phone = useMediaQuery("(max-width: 900px)", false, { getInitialValueInEffect: false });
  const [onlyCritical, setOnlyCritical] = useState(false);
  const [pane, setPane] = useState<"spans" | "detail">(search.span ? "detail" : "spans");

  const change = useCallback(
    (changed: Partial<SpanSearch>) =>
      void navigate({ to: "/traces/$traceId", params: { traceId }, search: (before: SpanSearch) => ({ ...before, ...changed }), replace: true }),
    [navigate, traceId],
  );
  const searchFor = useCallback((q: string) => change({ q: q || undefined }), [change]);
  // Who comes for the scores of the whole trace finds them at its root.
  const [forScores] = useState(search.tab === "scores" && search.span === undefined);
  const start = useMemo(() => (forScores ? summary.root : undefined) ?? startingSpan(spans, tree), [forScores, summary, spans, tree]);
  const wanted = search.span ? tree.byId.get(search.span) : undefined;
  const selected = wanted ?? (start ? tree.byId.get(start.span_id) : undefined) ?? 0;
  const node = tree.nodes[selected];
  const span = node?.span;
  const lostSpan = search.span !== undefined && wanted === undefined;

  const reveal = useCallback(
    (index: number) => {
      const above = ancestorKeys(tree, index);
      setCollapsed((before) => (above.some((key) => before.has(key)) ? new Set([...before].filter((key) => !above.includes(key))) : before));
    },
    [tree],
  );
  const select = useCallback(
    (index: number, show = false) => {
      const next = tree.nodes[index]?.span;
      if (!next) return;
      reveal(index);
      change({ span: next.span_id });
      if (show) setPane("detail");
    },
    [tree, change, reveal],
  );
  const showScore = (score: Score): void => {
    const id = score.span_id || (summary.root?.span_id ?? "");
    const index = tree.byId.get(id);
    if (index === undefined) return;
    reveal(index);
    change({ span: id, tab: "scores" });
    setPane("detail");
  };
  const toggle = useCallback((key: string) => {
    setCollapsed((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);
  const shown = useMemo(() => visibleNodes(tree, collapsed), [tree, collapsed]);
  const found = useTraceSearch(traceId, tree, search.q ?? "");

  const step = (by: 1 | -1): void => {
    let place = shown.indexOf(selected);
    do place += by;
    while (shown[place] !== undefined && !tree.nodes[shown[place] ?? 0]?.span);
    const next = shown[place];
    if (next !== undefined) select(next);
  };
  const order = useMemo(() => visibleNodes(tree, new Set()), [tree]);
  const nextWhere = (test: (span: LightSpan) => boolean): void => {
    const place = order.indexOf(selected);
    const around = [...order.slice(place + 1), ...order.slice(0, place)];
    const next = around.find((index) => {
      const candidate = tree.nodes[index]?.span;
      return candidate !== undefined && test(candidate);
    });
    if (next !== undefined) select(next);
  };
  const neighbour = (by: 1 | -1): void => {
    const { ids } = lastList();
    const place = ids.indexOf(traceId);
    const next = place < 0 ? undefined : ids[place + by];
    if (next) void navigate({ to: "/traces/$traceId", params: { traceId: next } });
  };
  const focusSearch = (): void => document.getElementById("trace-search")?.focus();
  const toggleShape = (shape: "graph" | "logs"): void => change({ shape: search.shape === shape ? undefined : shape });
  useKeys({
    "/": focusSearch,
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    ArrowRight: () => {
      if (node && collapsed.has(node.key)) toggle(node.key);
    },
    ArrowLeft: () => {
      if (node && node.children.length > 0 && !collapsed.has(node.key)) toggle(node.key);
      else if (node && tree.nodes[node.parent]?.span) select(node.parent);
    },
    Enter: () => setPane("detail"),
    e: () => nextWhere((each) => each.status === "error"),
    c: () => setOnlyCritical(!onlyCritical),
    l: () => toggleShape("logs"),
    v: () => toggleShape("graph"),
    m: () => nextWhere((each) => kindOfSpan(each) === "llm"),
    r: () => void queryClient.invalidateQueries({ queryKey: ["trace", traceId] }),
    "[": () => neighbour(-1),
    "]": () => neighbour(1),
    Escape: () => {
      if (phone && pane === "detail") setPane("spans");
      else if (search.q) change({ q: undefined });
      else void navigate({ to: "/traces", search: lastList().search });
    },
  });
  useEffect(() => {
    document.title = `${summary.name || "Trace"} · Spanglass`;
  }, [summary.name]);

  const graph = search.shape === "graph";
  const logs = search.shape === "logs";
  const left = logs ? (
    <Suspense><TraceLogs traceId={traceId} tree={tree} selected={span?.span_id} onSelect={select} /></Suspense>
  ) : graph ? (
    <Suspense><TraceGraph tree={tree} selected={selected} onSelect={select} /></Suspense>
  ) : (
    <SpanTree
      tree={tree}
      shown={shown}
      selected={selected}
      collapsed={collapsed}
      found={found}
      query={search.q ?? ""}
      onlyCritical={onlyCritical}
      onCritical={() => setOnlyCritical(!onlyCritical)}
      onQuery={searchFor}
      onSelect={select}
      onToggle={toggle}
      onCollapseAll={() => setCollapsed(new Set(tree.nodes.filter((each) => each.depth > 0 && each.children.length > 0).map((each) => each.key)))}
      onExpandAll={() => setCollapsed(new Set())}
    />
  );
  const right = span ? (
    <SpanDetail
      key={span.span_id}
      traceId={traceId}
      span={span}
      node={node}
      tree={tree}
      scores={scoresOf(scores.data ?? NO_SCORES, span.span_id, span.span_id === summary.root?.span_id)}
      tab={search.tab}
      onTab={(tab) => change({ tab })}
      onSelect={select}
    />
  ) : null;
  return (
    <>
      <PageBar title={<TraceTitle name={summary.name} failed={summary.failed} sample={summary.sample} list={lastList().search} />}>
        {!phone && (
          <>
            <Tooltip label={graph ? "As a tree (V)" : "As a graph of agents and tools (V)"}>
              <ActionIcon variant={graph ? "light" : "subtle"} color="gray" onClick={() => toggleShape("graph")} aria-label="Graph" aria-pressed={graph}><IconSitemap size={18} stroke={1.6} /></ActionIcon>
            </Tooltip>
            <Tooltip label={logs ? "As a tree (L)" : "Its log records (L)"}>
              <ActionIcon variant={logs ? "light" : "subtle"} color="gray" onClick={() => toggleShape("logs")} aria-label="Logs" aria-pressed={logs}><IconFileText size={18} stroke={1.6} /></ActionIcon>
            </Tooltip>
          </>
        )}
        <TraceTools traceId={traceId} spanId={search.span} />
      </PageBar>
      <TraceHeader summary={summary} tree={tree} spans={spans} scores={scores.data ?? NO_SCORES} onSelect={select} onScore={showScore} />
      {truncated && <p className={styles["notice"]} role="status">This trace is very long: its first {spans.length.toLocaleString("en-US")} spans are shown.</p>}
      {scores.isError && <p className={styles["notice"]} role="status">Scores can't be shown: {scores.error.message}</p>}
      {lostSpan && <p className={styles["notice"]} role="status">This trace has no span {search.span}. It may not have arrived yet; another one is shown.</p>}
      {phone ? (
        <>
          <div className={styles["panes"]}>
            <SegmentedControl
              fullWidth
              data={[
                { value: "spans", label: `Spans (${spans.length.toLocaleString("en-US")})` },
                { value: "graph", label: "Graph" },
                { value: "logs", label: "Logs" },
                { value: "detail", label: "Details" },
              ]}
              value={pane === "detail" ? "detail" : (search.shape ?? "spans")}
              onChange={(value) => {
                setPane(value === "detail" ? "detail" : "spans");
                if (value !== "detail") change({ shape: value === "graph" || value === "logs" ? value : undefined });
              }}
              aria-label="What to show"
            />
          </div>
          <div className={styles["single"]}>{pane === "spans" ? left : right}</div>
        </>
      ) : (
        <Split left={left} right={right} />
      )}
    </>
  );
}
