import { ActionIcon, TextInput, Tooltip } from "@mantine/core";
import { IconFold, IconFoldDown, IconRoute, IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { LightSpan } from "../../api/tree";
import { useTyped } from "../../app/typed";
import { ticks } from "../../lib/axis";
import { criticalPath } from "../../lib/criticalPath";
import { formatCount, formatDuration, plural } from "../../lib/format";
import type { Tree } from "../../lib/tree";
import { SpanRow } from "./SpanRow";
import styles from "./SpanTree.module.css";
import type { Found } from "./traceSearch";

interface Props {
  tree: Tree<LightSpan>;
  shown: readonly number[];
  selected: number;
  collapsed: ReadonlySet<string>;
  found: Found;
  query: string;
  /** Whether all but the critical path is faded. */
  onlyCritical: boolean;
  onCritical: () => void;
  onQuery: (query: string) => void;
  onSelect: (index: number, show?: boolean) => void;
  onToggle: (key: string) => void;
  onCollapseAll: () => void;
  onExpandAll: () => void;
}

/** Height of a line in pixels; the style sheet has the same. */
const LINE = 30;
/** Height of the axis above the lines. */
const AXIS = 25;

export function SpanTree(props: Props) {
  const { tree, shown, selected, collapsed, found, onlyCritical, onSelect, onToggle } = props;
  const { text, type, settle } = useTyped(props.query, props.onQuery);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 8,
    scrollMargin: AXIS,
    scrollPaddingStart: AXIS + LINE,
    scrollPaddingEnd: 3 * LINE,
  });
  const place = useMemo(() => shown.indexOf(selected), [shown, selected]);
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place);
  }, [virtual, place]);
  const total = Math.max(tree.total, 1);
  const critical = useMemo(() => criticalPath(tree), [tree]);
  const marks = useMemo(() => ticks(total, 4), [total]);

  const nextMatch = (by: 1 | -1): void => {
    const { nodes } = found;
    if (!nodes || nodes.length === 0) return;
    const at = nodes.indexOf(selected);
    const next = at < 0 ? (by > 0 ? 0 : nodes.length - 1) : (at + by + nodes.length) % nodes.length;
    onSelect(nodes[next] ?? selected);
  };
  const matchPlace = found.nodes ? found.nodes.indexOf(selected) + 1 : 0;
  return (
    <section className={styles["tree"]} aria-label="Spans">
      <div className={styles["tools"]}>
        <TextInput
          id="trace-search"
          size="xs"
          className={styles["search"] ?? ""}
          placeholder="Search this trace"
          aria-label="Search this trace"
          value={text}
          maxLength={500}
          leftSection={<IconSearch size={15} stroke={1.6} />}
          onChange={(event) => type(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              if (text.trim() === props.query) nextMatch(event.shiftKey ? -1 : 1);
              else settle(text);
            }
            if (event.key === "Escape") {
              settle("");
              event.currentTarget.blur();
              event.preventDefault();
            }
          }}
        />
        {found.nodes && (
          <span className={styles["matches"]} role="status">
            {found.nodes.length === 0
              ? found.searching ? "Searching…" : "None found"
              : `${matchPlace > 0 ? `${formatCount(matchPlace)} of ` : ""}${plural(found.nodes.length, "match", "matches")}`}
          </span>
        )}
        <div className={styles["folds"]}>
          <Tooltip label="Only the critical path: what the duration hangs on (C)">
            <ActionIcon variant={onlyCritical ? "light" : "subtle"} color="gray" onClick={props.onCritical} aria-label="Critical path" aria-pressed={onlyCritical}><IconRoute size={17} stroke={1.6} /></ActionIcon>
          </Tooltip>
          <Tooltip label="Expand all">
            <ActionIcon variant="subtle" color="gray" onClick={props.onExpandAll} aria-label="Expand all"><IconFoldDown size={17} stroke={1.6} /></ActionIcon>
          </Tooltip>
          <Tooltip label="Collapse below the first level">
            <ActionIcon variant="subtle" color="gray" onClick={props.onCollapseAll} aria-label="Collapse all"><IconFold size={17} stroke={1.6} /></ActionIcon>
          </Tooltip>
        </div>
      </div>
      <div ref={scroller} className={styles["scroller"]} tabIndex={-1}>
        <div className={styles["axis"]} aria-hidden>
          <div />
          <div className={styles["times"]}>
            {marks.map((mark) => (
              <span key={mark} style={{ left: `${(100 * mark) / total}%` }} data-last={mark / total > 0.9 || undefined}>
                {mark === 0 ? "0" : formatDuration(mark)}
              </span>
            ))}
          </div>
        </div>
        <div
          className={styles["lines"]}
          role="tree"
          aria-label="Spans"
          style={{ height: virtual.getTotalSize() }}
        >
          <div className={styles["grid"]} aria-hidden>
            {marks.map((mark) => <i key={mark} style={{ left: `${(100 * mark) / total}%` }} />)}
          </div>
          {virtual.getVirtualItems().map((item) => {
            const index = shown[item.index] ?? 0;
            const node = tree.nodes[index];
            if (!node) return null;
            return (
              <SpanRow
                key={node.key}
                node={node}
                index={index}
                total={total}
                top={item.start - AXIS}
                selected={index === selected}
                collapsed={collapsed.has(node.key)}
                match={found.set.has(index)}
                faded={found.nodes !== undefined ? !found.set.has(index) : onlyCritical && !critical.has(index)}
                critical={critical.has(index)}
                onSelect={onSelect}
                onToggle={onToggle}
              />
            );
          })}
        </div>
      </div>
    </section>
  );
}
