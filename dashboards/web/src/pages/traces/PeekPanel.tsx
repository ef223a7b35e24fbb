import { ActionIcon, Button } from "@mantine/core";
import { IconArrowsDiagonal, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Score } from "../../api/client";
import { scoresQuery, traceQuery } from "../../api/queries";
import type { LightSpan } from "../../api/tree";
import { KindIcon } from "../../components/KindIcon";
import { Problem } from "../../components/Problem";
import { formatCompact, formatCost, formatDuration, plural } from "../../lib/format";
import { scoresOf } from "../../lib/scores";
import { kindOfSpan, startingSpan, summarise } from "../../lib/summary";
import { buildTree, visibleNodes } from "../../lib/tree";
import { SpanDetail } from "../trace/SpanDetail";
import styles from "./PeekPanel.module.css";

/** Lines of the tree that are listed; the trace's own page has all. */
const MOST_LINES = 200;
const NO_SCORES: readonly Score[] = [];

/** A trace beside the list: what it did, and what was said in it. */
export function PeekPanel({ traceId, onClose }: { traceId: string; onClose: () => void }) {
  const trace = useQuery(traceQuery(traceId));
  return (
    <aside className={styles["panel"]} aria-label="Peek">
      {trace.data ? (
        <Peek key={trace.data.traceId} traceId={traceId} spans={trace.data.spans} onClose={onClose} />
      ) : (
        <>
          <header className={styles["head"]}><h2>{trace.isError ? "Not shown" : "Loading …"}</h2><Close onClose={onClose} /></header>
          {trace.isError && <Problem error={trace.error} retry={() => void trace.refetch()} />}
        </>
      )}
    </aside>
  );
}

function Close({ onClose }: { onClose: () => void }) {
  return <ActionIcon variant="subtle" color="gray" onClick={onClose} aria-label="Close the peek panel"><IconX size={17} stroke={1.6} /></ActionIcon>;
}

function Peek({ traceId, spans, onClose }: { traceId: string; spans: readonly LightSpan[]; onClose: () => void }) {
  const tree = useMemo(() => buildTree(spans), [spans]);
  const summary = useMemo(() => summarise(spans), [spans]);
  const shown = useMemo(() => visibleNodes(tree, new Set()).slice(0, MOST_LINES), [tree]);
  const scores = useQuery(scoresQuery(traceId));
  const first = useMemo(() => startingSpan(spans, tree), [spans, tree]);
  const [chosen, setChosen] = useState<number>();
  const [tab, setTab] = useState<string>();
  const selected = chosen ?? (first ? tree.byId.get(first.span_id) : undefined) ?? 0;
  const node = tree.nodes[selected];
  const tokens = summary.inputTokens + summary.outputTokens;
  const facts = [
    formatDuration(tree.total), plural(spans.length, "span"), summary.errors > 0 && plural(summary.errors, "error"),
    tokens > 0 && `${formatCompact(tokens)} tokens`, summary.costUsd > 0 && formatCost(summary.costUsd), summary.models[0],
  ].filter(Boolean);
  return (
    <>
      <header className={styles["head"]}>
        <h2 title={summary.name} dir="auto">{summary.name || "(no name)"}</h2>
        <Button size="compact-sm" variant="default" leftSection={<IconArrowsDiagonal size={15} stroke={1.6} />} renderRoot={(props) => <Link {...props} to="/traces/$traceId" params={{ traceId }} search={node?.span ? { span: node.span.span_id } : {}} />}>Open</Button>
        <Close onClose={onClose} />
      </header>
      <p className={styles["facts"]}>{facts.join(" · ")}</p>
      <ul className={styles["lines"]} aria-label="Spans" tabIndex={0}>
        {shown.map((index) => {
          const each = tree.nodes[index];
          if (!each?.span) return null;
          return (
            <li key={each.key}>
              <button type="button" aria-pressed={index === selected} data-failed={each.span.status === "error" || undefined} style={{ paddingLeft: 8 + 14 * Math.min(each.depth, 10) }} onClick={() => setChosen(index)}>
                <span data-kind={kindOfSpan(each.span)}><KindIcon kind={kindOfSpan(each.span)} size={15} /></span>
                <em dir="auto">{each.span.name || "(no name)"}</em>
                <small>{formatDuration(each.duration)}</small>
              </button>
            </li>
          );
        })}
      </ul>
      {node?.span && (
        <SpanDetail
          key={node.span.span_id}
          traceId={traceId}
          span={node.span}
          node={node}
          tree={tree}
          scores={scoresOf(scores.data ?? NO_SCORES, node.span.span_id, node.span.span_id === summary.root?.span_id)}
          tab={tab}
          onTab={setTab}
          onSelect={(index) => setChosen(index)}
        />
      )}
    </>
  );
}
