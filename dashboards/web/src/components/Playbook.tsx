import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { playbookQuery } from "../api/queries";
import { plural } from "../lib/format";
import { Markdown } from "./Markdown";
import styles from "./Playbook.module.css";

/** A playbook whose checks have run, for an alert's labels and time. */
export function Playbook({ name, alert }: { name: string; alert: string }) {
  const playbook = useQuery(playbookQuery(name, alert));
  if (playbook.isError) return <p role="alert" className={styles["error"]}>{playbook.error.message}</p>;
  if (!playbook.data) return <p role="status" className={styles["quiet"]}>Running its checks …</p>;
  return (
    <article className={styles["playbook"]} aria-label={`Playbook ${name}`}>
      {playbook.data.blocks.map((block, index) =>
        block.sql ? <Check key={index} {...block} /> : <Markdown key={index} text={block.text} />,
      )}
      <p className={styles["again"]}>
        <button type="button" onClick={() => void playbook.refetch()} disabled={playbook.isFetching}>{playbook.isFetching ? "Running …" : "Run the checks again"}</button>
      </p>
    </article>
  );
}

interface CheckProps {
  sql: string;
  columns: string[];
  rows: string[][];
  more: number;
  error: string;
}

function Check({ sql, columns, rows, more, error }: CheckProps) {
  const [open, setOpen] = useState(false);
  return (
    <section className={styles["check"]}>
      {error ? (
        <p role="alert" className={styles["error"]}>This check could not be made: {error}</p>
      ) : rows.length === 0 ? (
        <p className={styles["quiet"]}>Nothing was found.</p>
      ) : (
        <div className={styles["scroll"]} tabIndex={0}>
          <table>
            <thead><tr>{columns.map((name) => <th key={name}>{name}</th>)}</tr></thead>
            <tbody>{rows.map((row, index) => <tr key={index}>{row.map((cell, at) => <td key={at} data-number={isShort(cell) || undefined} dir="auto">{cell}</td>)}</tr>)}</tbody>
          </table>
        </div>
      )}
      {more > 0 && <p className={styles["quiet"]}>and {plural(more, "more row")}</p>}
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "Hide the query" : "Show the query"}</button>
      {open && <pre tabIndex={0}>{sql}</pre>}
    </section>
  );
}

/** Numbers and times stand on one line: they are compared from row to row. */
function isShort(cell: string): boolean {
  return /^-?[\d.,]+(e[-+]?\d+)?$|^\d{4}-\d\d-\d\d[ \d:.+]*$/.test(cell);
}
