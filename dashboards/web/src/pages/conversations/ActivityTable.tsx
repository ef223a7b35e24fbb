import { IconArrowDown, IconArrowUp, IconThumbDown, IconThumbUp } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Conversation, User } from "../../api/client";
import { Badge } from "../../components/Badge";
import panel from "../../components/Panel.module.css";
import { useNow, When } from "../../components/When";
import { formatCompact, formatCost, formatDuration, NONE } from "../../lib/format";
import type { ActivitySort } from "../../lib/search";
import styles from "./Conversations.module.css";

type Row = Conversation | User;

interface Props<R extends Row> {
  label: string;
  rows: readonly R[];
  of: "conversations" | "users";
  sort: ActivitySort;
  ascending: boolean;
  stale: boolean;
  onSort: (sort: ActivitySort) => void;
  /** The first column. */
  name: (row: R) => ReactNode;
}

const COLUMNS: readonly { label: string; sort?: ActivitySort; only?: "conversations" | "users" }[] = [
  { label: "Last", sort: "last" },
  { label: "Sessions", sort: "sessions", only: "users" },
  { label: "Questions", sort: "turns" },
  { label: "Duration", sort: "duration", only: "conversations" },
  { label: "Errors", sort: "errors" },
  { label: "Feedback" },
  { label: "Groundedness" },
  { label: "Found" },
  { label: "Tokens", sort: "tokens" },
  { label: "Cost", sort: "cost" },
];

/** Sessions or users: what they did, what that cost, and what was thought of it. */
export function ActivityTable<R extends Row>({ label, rows, of, sort, ascending, stale, onSort, name }: Props<R>) {
  const now = useNow();
  const columns = COLUMNS.filter((column) => column.only === undefined || column.only === of);
  const Arrow = ascending ? IconArrowUp : IconArrowDown;
  return (
    <section className={panel["panel"]} aria-label={label} data-stale={stale || undefined}>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={`${panel["table"] ?? ""} ${styles["rows"] ?? ""}`}>
          <thead>
            <tr>
              <th>{of === "users" ? "User" : "Conversation"}</th>
              {columns.map((column) => (
                <th key={column.label} aria-sort={column.sort === sort ? (ascending ? "ascending" : "descending") : undefined}>
                  {column.sort === undefined ? column.label : <button type="button" onClick={() => column.sort && onSort(column.sort)}>{column.sort === sort && <Arrow size={12} stroke={2} aria-hidden />}{column.label}</button>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.project} ${"user_id" in row ? row.user_id : row.session_id}`}>
                <td>{name(row)}{row.sample_data && <> <Badge label="sample" /></>}</td>
                <td><When time={row.last} now={now} /></td>
                {"sessions" in row && <td>{formatCompact(row.sessions)}</td>}
                <td>{formatCompact(row.turns)}</td>
                {of === "conversations" && <td>{formatDuration(row.duration_ns)}</td>}
                <td>{row.errors > 0 ? <b data-bad>{formatCompact(row.errors)}</b> : NONE}</td>
                <td><Opinion liked={row.liked} disliked={row.disliked} /></td>
                <td>{row.groundedness === null ? NONE : row.groundedness.toFixed(2)}</td>
                <td>{row.flagged > 0 ? formatCompact(row.flagged) : NONE}</td>
                <td>{formatCompact(row.total_tokens)}</td>
                <td>{formatCost(row.cost_usd)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** How often answers were liked, and how often not. */
export function Opinion({ liked, disliked }: { liked: number; disliked: number }) {
  if (liked + disliked === 0) return NONE;
  return (
    <span className={styles["opinion"]} title={`Liked ${liked} times, disliked ${disliked} times`}>
      {liked > 0 && <span data-liked><IconThumbUp size={14} stroke={1.8} aria-label="Liked" /> {formatCompact(liked)}</span>}
      {disliked > 0 && <span data-disliked><IconThumbDown size={14} stroke={1.8} aria-label="Disliked" /> {formatCompact(disliked)}</span>}
    </span>
  );
}
