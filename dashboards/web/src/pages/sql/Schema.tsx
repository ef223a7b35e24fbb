import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { columnsQuery } from "../../api/queries";
import styles from "./Schema.module.css";

export const TABLES: readonly { name: string; about: string }[] = [
  { name: "spans", about: "a step of a trace" },
  { name: "traces", about: "a trace, summed up" },
  { name: "scores", about: "a judgement" },
  { name: "metrics", about: "a data point" },
  { name: "logs", about: "a log record or event" },
  { name: "prices", about: "a price of a model" },
  { name: "sdk_reports", about: "what became of an SDK's spans" },
];

/** The tables and their columns; a click writes a name into the statement. */
export function Schema({ onPick }: { onPick: (name: string) => void }) {
  return <>{TABLES.map((table) => <Table key={table.name} {...table} onPick={onPick} />)}</>;
}

function Table({ name, about, onPick }: { name: string; about: string; onPick: (name: string) => void }) {
  const [open, setOpen] = useState(name === "spans");
  const columns = useQuery({ ...columnsQuery(name), enabled: open });
  return (
    <details className={styles["table"]} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><b>{name}</b> <small>{about}</small></summary>
      {columns.isError && <p role="alert">{columns.error.message}</p>}
      <ul>
        {columns.data?.map((column) => (
          <li key={column.name}>
            <button type="button" onClick={() => onPick(column.name)} title={`${column.name}: ${column.type}`}>
              <span>{column.name}</span> <small>{short(column.type)}</small>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** A type in a word: "String", "Float64?", "Map". */
function short(type: string): string {
  const optional = type.startsWith("Nullable(");
  const inner = type.replace(/^(LowCardinality|Nullable)\(/, "").replace(/^(LowCardinality|Nullable)\(/, "");
  return `${/^\w+/.exec(inner)?.[0] ?? type}${optional ? "?" : ""}`;
}
