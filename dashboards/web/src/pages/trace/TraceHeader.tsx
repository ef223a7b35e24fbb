import { ActionIcon, Tooltip } from "@mantine/core";
import { IconAlertCircleFilled, IconArrowsDiff, IconChevronLeft, IconChevronRight, IconCircleCheck, IconLink, IconTablePlus } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Score } from "../../api/client";
import type { LightSpan } from "../../api/tree";
import { Badge } from "../../components/Badge";
import { Copy } from "../../components/Copy";
import { useNow, When } from "../../components/When";
import { formatCompact, formatCost, formatCount, formatDuration, formatSeconds } from "../../lib/format";
import { groupScores } from "../../lib/scores";
import { timeOfNano } from "../../lib/time";
import type { TraceSearch } from "../../lib/search";
import type { Summary } from "../../lib/summary";
import type { Tree } from "../../lib/tree";
import { AddToDataset } from "./AddToDataset";
import styles from "./TraceHeader.module.css";

export function TraceTitle({ name, failed, sample, list }: { name: string; failed?: boolean; sample?: boolean; list: TraceSearch }) {
  return (
    <div className={styles["title"]}>
      <Link to="/traces" search={list} className={styles["crumb"]}>
        <IconChevronLeft size={18} stroke={1.8} aria-hidden />
        <span>Traces</span>
      </Link>
      <IconChevronRight size={14} className={styles["separator"]} aria-hidden />
      {failed === true && <IconAlertCircleFilled size={17} className={styles["failed"]} aria-label="Error" />}
      {failed === false && <IconCircleCheck size={17} stroke={1.7} className={styles["fine"]} aria-label="OK" />}
      <h1 title={name} dir="auto">{name || "(no name)"}</h1>
      {sample && <span className={styles["sample"]}><Badge label="sample" /></span>}
    </div>
  );
}

interface Props {
  summary: Summary;
  tree: Tree<LightSpan>;
  spans: readonly LightSpan[];
  scores: readonly Score[];
  onSelect: (index: number, show?: boolean) => void;
  onScore: (score: Score) => void;
}

/** Names of scores that have room above a trace. */
const MOST_SCORES = 4;

export function TraceTools({ traceId, spanId }: { traceId: string; spanId: string | undefined }) {
  return (
    <div className={styles["tools"]}>
      <Tooltip label="Compare with another trace">
        <ActionIcon variant="subtle" color="gray" aria-label="Compare with another trace" renderRoot={(props) => <Link {...props} to="/compare" search={{ a: traceId }} />}>
          <IconArrowsDiff size={18} stroke={1.6} />
        </ActionIcon>
      </Tooltip>
      <AddToDataset
        targets={[{ trace_id: traceId, span_id: spanId ?? "" }]}
        button={(toggle) => (
          <Tooltip label="Add to dataset">
            <ActionIcon variant="subtle" color="gray" onClick={toggle} aria-label="Add to dataset"><IconTablePlus size={17} stroke={1.6} /></ActionIcon>
          </Tooltip>
        )}
      />
      <code title="Trace id">{traceId.slice(0, 8)}…</code>
      <span className={styles["id"]}><Copy value={traceId} label="Copy the trace id" size={16} /></span>
      <Copy value={() => location.href} label="Copy a link to this view" size={16} icon={<IconLink size={17} stroke={1.6} />} />
    </div>
  );
}

export function TraceHeader({ summary, tree, spans, scores, onSelect, onScore }: Props) {
  const now = useNow();
  const { root, firstToken } = summary;
  const groups = groupScores(scores);
  const first = tree.nodes.findIndex((node) => node.span?.status === "error" && node.failures === 0);
  return (
    <div className={styles["header"]}>
      <dl className={styles["facts"]}>
        {root && <Fact label="Started"><When time={timeOfNano(root.start_unix_nano)} now={now} /></Fact>}
        <Fact label="Duration" strong>{formatDuration(tree.total)}</Fact>
        {firstToken && <Fact label="First token" title={`Of ${firstToken.span.name}`}>{formatSeconds(firstToken.seconds)}</Fact>}
        <Fact label="Spans">
          {formatCount(spans.length)}
          {tree.orphans > 0 && <small title="Their parent has not arrived"> · {formatCount(tree.orphans)} loose</small>}
        </Fact>
        {summary.errors > 0 && (
          <Fact label="Errors">
            <button type="button" className={styles["errors"]} onClick={() => onSelect(first, true)} title="Show the first one">{formatCount(summary.errors)}</button>
          </Fact>
        )}
        {summary.inputTokens + summary.outputTokens > 0 && (
          <Fact label="Tokens" title={`${formatCount(summary.inputTokens)} in${summary.cachedTokens ? `, of which ${formatCount(summary.cachedTokens)} cached` : ""}; ${formatCount(summary.outputTokens)} out`}>
            {formatCompact(summary.inputTokens)} <small>in</small> {formatCompact(summary.outputTokens)} <small>out</small>
          </Fact>
        )}
        {summary.costUsd > 0 && <Fact label="Cost" {...(summary.estimated && { title: "Estimated" })}>{summary.estimated ? "≈ " : ""}{formatCost(summary.costUsd)}</Fact>}
        {groups.slice(0, MOST_SCORES).map(({ name, text, scores: [score, ...more] }) => score && (
          <Fact key={name} label={name}>
            <button type="button" className={styles["score"]} onClick={() => onScore(score)} title={more.length > 0 ? `${formatCount(more.length + 1)} scores; show the latest` : "Show who said so"}>
              {text}
            </button>
          </Fact>
        ))}
        {groups.length > MOST_SCORES && <Fact label="More scores" title={groups.slice(MOST_SCORES).map(({ name, text }) => `${name} ${text}`).join("\n")}>{formatCount(groups.length - MOST_SCORES)}</Fact>}
        {summary.models.length > 0 && <Fact label={summary.models.length === 1 ? "Model" : "Models"} title={summary.models.join(", ")}><List values={summary.models} /></Fact>}
        <Fact label={summary.services.length === 1 ? "Service" : "Services"} title={summary.services.join(", ")}><List values={summary.services} /></Fact>
        {summary.environment && <Fact label="Environment">{summary.environment}</Fact>}
        {summary.sessionId && (
          <Fact label="Session"><Link to="/traces" search={{ session: summary.sessionId, range: "90d" }} title="All traces of this session">{summary.sessionId}</Link></Fact>
        )}
        {summary.userId && (
          <Fact label="User"><Link to="/traces" search={{ user: summary.userId, range: "90d" }} title="All traces of this user">{summary.userId}</Link></Fact>
        )}
      </dl>
    </div>
  );
}

function Fact({ label, title, strong, children }: { label: string; title?: string; strong?: boolean; children: ReactNode }) {
  return (
    <div title={title} data-strong={strong}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function List({ values }: { values: readonly string[] }) {
  if (values.length === 0) return "–";
  return <>{values[0]}{values.length > 1 && <small> +{values.length - 1}</small>}</>;
}
