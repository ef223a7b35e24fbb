import { ActionIcon } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { SqlAnswer } from "../../api/client";
import { type SavedView, sqlQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { SqlChart } from "../../components/SqlChart";
import { plain } from "../../lib/csv";
import { formatCount } from "../../lib/format";
import { parseSearch, readSqlSearch } from "../../lib/search";
import { chartOf } from "../../lib/sqlChart";
import styles from "./Dashboards.module.css";

interface Props {
  query: SavedView;
  first: boolean;
  last: boolean;
  onMove: (by: 1 | -1) => void;
  onRemove: () => void;
}

const ROWS = 8;
const COLUMNS = 6;

/** A saved query and its answer, drawn where it was saved as a chart. */
export function Tile({ query, first, last, onMove, onRemove }: Props) {
  const { query: statement = "", show } = readSqlSearch(parseSearch(query.search));
  const answer = useQuery({ ...sqlQuery(statement), enabled: statement !== "" });
  const chart = useMemo(() => (answer.data && show === "chart" ? chartOf(answer.data) : undefined), [answer.data, show]);
  return (
    <section className={`${panel["panel"] ?? ""} ${styles["tile"] ?? ""}`} aria-label={query.name}>
      <header>
        <h2 dir="auto"><Link to="/sql" search={{ query: statement, show }} title={statement}>{query.name}</Link></h2>
        <ActionIcon size="sm" variant="subtle" color="gray" disabled={first} onClick={() => onMove(-1)} aria-label={`Move ${query.name} to the front`}><IconChevronLeft size={15} /></ActionIcon>
        <ActionIcon size="sm" variant="subtle" color="gray" disabled={last} onClick={() => onMove(1)} aria-label={`Move ${query.name} to the back`}><IconChevronRight size={15} /></ActionIcon>
        <ActionIcon size="sm" variant="subtle" color="gray" onClick={onRemove} aria-label={`Take ${query.name} off`}><IconX size={15} /></ActionIcon>
      </header>
      {answer.isError ? (
        <p className={styles["failed"]} role="alert">{answer.error.message} <button type="button" onClick={() => void answer.refetch()}>Try again</button></p>
      ) : !answer.data ? (
        <p className={panel["note"]} role="status">Running …</p>
      ) : chart ? (
        <SqlChart chart={chart} title={query.name} height={180} />
      ) : (
        <Rows answer={answer.data} />
      )}
    </section>
  );
}

function Rows({ answer }: { answer: SqlAnswer }) {
  const { columns, rows } = answer;
  if (rows.length === 0) return <p className={panel["note"]}>No row.</p>;
  return (
    <>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={panel["table"]}>
          <thead><tr>{columns.slice(0, COLUMNS).map((name) => <th key={name}>{name}</th>)}</tr></thead>
          <tbody>
            {rows.slice(0, ROWS).map((row, place) => (
              <tr key={place}>{row.slice(0, COLUMNS).map((value, column) => <td key={column} dir="auto">{plain(value).slice(0, 60)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
      {(rows.length > ROWS || columns.length > COLUMNS) && <p className={panel["note"]}>A part of {formatCount(rows.length)} rows and {formatCount(columns.length)} columns; its name leads to all.</p>}
    </>
  );
}
