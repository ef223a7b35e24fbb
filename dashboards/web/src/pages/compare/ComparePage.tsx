import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowsLeftRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { traceQuery } from "../../api/queries";
import type { LightSpan } from "../../api/tree";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { alignTrees } from "../../lib/align";
import { readCompareSearch } from "../../lib/search";
import { summarise } from "../../lib/summary";
import { buildTree } from "../../lib/tree";
import { lastList } from "../traces/listMemory";
import { Choose } from "./Choose";
import { Facts } from "./Facts";
import { StepDiff } from "./StepDiff";
import { Steps } from "./Steps";
import styles from "./Compare.module.css";

const route = getRouteApi("/compare");

/** Two traces side by side: what they took, their steps, and what was said otherwise in them. */
export function ComparePage() {
  const { a, b } = readCompareSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  useEffect(() => {
    document.title = "Compare traces · Spanglass";
  }, []);
  useKeys({ Escape: () => void navigate({ to: "/traces", search: lastList().search }) });
  const swap = (): void => void navigate({ to: "/compare", search: { ...(b && { a: b }), ...(a && { b: a }) }, replace: true });
  return (
    <>
      <PageBar title={<h1>Compare traces</h1>}>
        {a && b && (
          <Tooltip label="Swap the two">
            <ActionIcon variant="subtle" color="gray" onClick={swap} aria-label="Swap the two"><IconArrowsLeftRight size={18} stroke={1.6} /></ActionIcon>
          </Tooltip>
        )}
      </PageBar>
      <div className={page["page"]}>{a && b ? <Both key={`${a} ${b}`} a={a} b={b} /> : <Choose chosen={a ?? b} />}</div>
    </>
  );
}

function Both({ a, b }: { a: string; b: string }) {
  const one = useQuery(traceQuery(a));
  const other = useQuery(traceQuery(b));
  const failed = one.error ?? other.error;
  if (failed) {
    const toList = <Button variant="default" renderRoot={(props) => <Link {...props} to="/traces" search={lastList().search} />}>Back to the traces</Button>;
    return <Problem error={failed} retry={() => void Promise.all([one.refetch(), other.refetch()])} action={toList} />;
  }
  if (!one.data || !other.data) return <div className={page["waiting"]} role="status" aria-label="Loading both traces" />;
  return <Compared a={a} b={b} left={one.data.spans} right={other.data.spans} cut={one.data.truncated || other.data.truncated} />;
}

interface Sides {
  a: string;
  b: string;
  left: readonly LightSpan[];
  right: readonly LightSpan[];
  cut: boolean;
}

function Compared({ a, b, left, right, cut }: Sides) {
  const { step } = readCompareSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const trees = useMemo(() => ({ a: buildTree(left), b: buildTree(right) }), [left, right]);
  const summaries = useMemo(() => ({ a: summarise(left), b: summarise(right) }), [left, right]);
  const pairs = useMemo(() => alignTrees(trees.a, trees.b), [trees]);
  // Who says nothing comes for the answer: the last model call that both have.
  const usual = useMemo(() => {
    const talks = (index: number | undefined): boolean => index !== undefined && trees.a.nodes[index]?.span?.operation === "chat";
    const found = pairs.findLastIndex((pair) => pair.b !== undefined && talks(pair.a));
    return Math.max(0, found);
  }, [pairs, trees]);
  const current = step !== undefined && step < pairs.length ? step : usual;
  const show = (next: number): void => {
    if (next >= 0 && next < pairs.length) void navigate({ to: "/compare", search: { a, b, step: next }, replace: true });
  };
  useKeys({ j: () => show(current + 1), k: () => show(current - 1), ArrowDown: () => show(current + 1), ArrowUp: () => show(current - 1) });
  const pair = pairs[current];
  return (
    <div className={page["content"]}>
      {cut && <p className={panel["note"]} role="status">One of them is very long: only its first spans are compared.</p>}
      <Facts a={{ id: a, summary: summaries.a, duration: trees.a.total, spans: left.length }} b={{ id: b, summary: summaries.b, duration: trees.b.total, spans: right.length }} />
      <div className={styles["parts"]}>
        <Steps trees={trees} pairs={pairs} current={current} onSelect={show} />
        {pair && (
          <StepDiff
            key={current}
            a={pair.a === undefined ? undefined : { traceId: a, span: trees.a.nodes[pair.a]?.span }}
            b={pair.b === undefined ? undefined : { traceId: b, span: trees.b.nodes[pair.b]?.span }}
          />
        )}
      </div>
    </div>
  );
}
