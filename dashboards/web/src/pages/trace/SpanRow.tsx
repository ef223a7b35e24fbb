import { IconAlertCircleFilled, IconChevronRight, IconUnlink } from "@tabler/icons-react";
import { memo } from "react";
import type { LightSpan } from "../../api/tree";
import { KindIcon } from "../../components/KindIcon";
import { formatCompact, formatDuration, plural } from "../../lib/format";
import { kindOfSpan } from "../../lib/summary";
import type { TreeNode } from "../../lib/tree";
import styles from "./SpanTree.module.css";

interface Props {
  node: TreeNode<LightSpan>;
  index: number;
  /** Nanoseconds that the axis spans. */
  total: number;
  top: number;
  selected: boolean;
  collapsed: boolean;
  match: boolean;
  faded: boolean;
  /** Whether the trace's duration hangs on it. */
  critical: boolean;
  onSelect: (index: number, show?: boolean) => void;
  onToggle: (key: string) => void;
}

/** Pixels a level is indented by, and how many levels are. */
const INDENT = 16;
const DEEPEST = 14;

export const SpanRow = memo(function SpanRow({ node, index, total, top, selected, collapsed, match, faded, critical, onSelect, onToggle }: Props) {
  const { span } = node;
  const kind = span ? kindOfSpan(span) : "internal";
  const failed = span?.status === "error";
  const level = Math.min(node.depth, DEEPEST);
  const parent = node.children.length > 0;
  return (
    <div
      role="treeitem"
      aria-level={node.depth + 1}
      aria-selected={selected}
      {...(parent && { "aria-expanded": !collapsed })}
      className={styles["line"]}
      data-kind={kind}
      data-selected={selected || undefined}
      data-failed={failed || undefined}
      data-match={match || undefined}
      data-faded={faded || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => (span ? onSelect(index, true) : onToggle(node.key))}
    >
      <div className={styles["cell"]}>
        <span className={styles["guides"]} style={{ width: level * INDENT }} aria-hidden />
        {node.depth > DEEPEST && <small className={styles["depth"]} title={`Level ${node.depth + 1}`}>{node.depth + 1}</small>}
        {parent ? (
          <button
            type="button"
            tabIndex={-1}
            className={styles["fold"]}
            aria-label={collapsed ? "Expand" : "Collapse"}
            data-open={!collapsed || undefined}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(node.key);
            }}
          >
            <IconChevronRight size={13} stroke={2} />
          </button>
        ) : <span className={styles["fold"]} />}
        {span ? <Label span={span} node={node} collapsed={collapsed} /> : <MissingParent node={node} />}
        <span className={styles["length"]}>{formatDuration(node.duration)}</span>
      </div>
      <div className={styles["waterfall"]}>
        <Bar node={node} total={total} critical={critical} />
      </div>
    </div>
  );
});

function Label({ span, node, collapsed }: { span: LightSpan; node: TreeNode<LightSpan>; collapsed: boolean }) {
  const kind = kindOfSpan(span);
  const model = span.response_model || span.request_model;
  const about = kind === "llm" && model && !span.name.includes(span.request_model || model) ? model : "";
  const tokens = kind === "llm" ? (span.input_tokens ?? 0) + (span.output_tokens ?? 0) : 0;
  return (
    <>
      <KindIcon kind={kind} size={16} />
      <span className={styles["name"]} dir="auto" title={span.name}>{span.name || "(no name)"}</span>
      {about && <small className={styles["about"]}>{about}</small>}
      {tokens > 0 && <small className={styles["about"]}>{formatCompact(tokens)} tok</small>}
      {node.circular && <small className={styles["tag"]} title="Its parents form a circle">circular</small>}
      {collapsed && node.descendants > 0 && <small className={styles["count"]}>{formatCompact(node.descendants)}</small>}
      {span.status === "error" ? (
        <IconAlertCircleFilled size={15} className={styles["failed"]} aria-label="Error" />
      ) : collapsed && node.failures > 0 ? (
        <small className={styles["failures"]} title={`${plural(node.failures, "error")} inside`}>{formatCompact(node.failures)}</small>
      ) : null}
    </>
  );
}

function MissingParent({ node }: { node: TreeNode<LightSpan> }) {
  return (
    <>
      <IconUnlink size={15} stroke={1.7} className={styles["missing"]} aria-hidden />
      <span className={styles["name"]} data-missing title={`Span ${node.missing ?? ""} has not arrived`}>
        Missing parent <code>{node.missing?.slice(0, 8)}</code>
      </span>
    </>
  );
}

function Bar({ node, total, critical }: { node: TreeNode<LightSpan>; total: number; critical: boolean }) {
  const left = Math.min(100, (100 * node.offset) / total);
  const width = Math.min(100 - left, (100 * node.duration) / total);
  const wait = node.span?.time_to_first_token_s;
  const waiting = wait != null && node.duration > 0 ? Math.min(100, (wait * 1e11) / node.duration) : 0;
  return (
    <i className={styles["bar"]} data-parent={node.children.length > 0 || undefined} data-missing={node.span ? undefined : true} data-critical={critical || undefined} title={critical ? "On the critical path: a shorter span here makes the trace shorter" : undefined} style={{ left: `min(${left}%, 100% - 3px)`, width: `${width}%` }}>
      {waiting > 0 && <b style={{ width: `${waiting}%` }} title={`First token after ${formatDuration((wait ?? 0) * 1e9)}`} />}
    </i>
  );
}
