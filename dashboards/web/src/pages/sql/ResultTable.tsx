import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState } from "react";
import type { SqlAnswer } from "../../api/client";
import { Copy } from "../../components/Copy";
import { LongText } from "../../components/LongText";
import { plain } from "../../lib/csv";
import styles from "./ResultTable.module.css";

const ROW = 30;
/** Characters of a cell that are laid out. */
const MOST = 300;
/** Pixels of a column, by the longest of its first values. */
const WIDTHS = { least: 70, most: 420, character: 7.4, padding: 26 };
const SAMPLE = 200;

/** The rows of an answer; only those in sight are laid out. A cell opens below the table. */
export function ResultTable({ answer }: { answer: SqlAnswer }) {
  const { columns, types, rows } = answer;
  const place = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<{ column: number; row: number }>();
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => place.current, estimateSize: () => ROW, overscan: 12 });
  const widths = columns.map((name, column) => widthOf([name, ...rows.slice(0, SAMPLE).map((row) => plain(row[column]))]));
  const layout = { gridTemplateColumns: widths.map((width) => `${width}px`).join(" "), width: widths.reduce((sum, width) => sum + width, 0) };
  const shown = open && plain(rows[open.row]?.[open.column]);
  return (
    <>
      <div ref={place} className={styles["place"]} role="table" aria-label="Answer" aria-rowcount={rows.length + 1} tabIndex={0}>
        <div className={styles["head"]} role="row" style={layout}>
          {columns.map((name, column) => (
            <span key={column} role="columnheader" title={types[column]} data-number={isNumber(types[column]) || undefined}>{name}</span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative", width: layout.width }}>
          {virtual.getVirtualItems().map((item) => (
            <div key={item.index} role="row" aria-rowindex={item.index + 2} className={styles["row"]} style={{ ...layout, transform: `translateY(${item.start}px)` }}>
              {(rows[item.index] ?? []).map((value, column) => (
                <span key={column} role="cell" data-number={isNumber(types[column]) || undefined} data-null={value === null || undefined}>
                  <Cell name={columns[column] ?? ""} value={value} onOpen={() => setOpen({ column, row: item.index })} />
                </span>
              ))}
            </div>
          ))}
        </div>
      </div>
      {open && shown !== undefined && (
        <section className={styles["open"]} aria-label={`Value of ${columns[open.column] ?? ""}`}>
          <header>
            <b>{columns[open.column]}</b> <small>{types[open.column]}</small>
            <Copy value={shown} label="Copy the value" size={14} />
            <button type="button" onClick={() => setOpen(undefined)}>Close</button>
          </header>
          <div><LongText key={`${open.row} ${open.column}`} text={shown} mono /></div>
        </section>
      )}
    </>
  );
}

function Cell({ name, value, onOpen }: { name: string; value: unknown; onOpen: () => void }) {
  if (value === null) return <>NULL</>;
  const text = plain(value);
  if (name === "trace_id" && /^[0-9a-f]{32}$/.test(text)) return <Link to="/traces/$traceId" params={{ traceId: text }}>{text}</Link>;
  const lines = text.slice(0, MOST).replaceAll(/\s+/g, " ");
  const long = text.length * WIDTHS.character + WIDTHS.padding > WIDTHS.most || text.includes("\n");
  return long ? <button type="button" onClick={onOpen} title="Show it whole" dir="auto">{lines}</button> : <>{lines}</>;
}

function widthOf(texts: readonly string[]): number {
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);
  return Math.round(Math.min(WIDTHS.most, Math.max(WIDTHS.least, longest * WIDTHS.character + WIDTHS.padding)));
}

function isNumber(type: string | undefined): boolean {
  return /^(Nullable\()?(U?Int|Float|Decimal)/.test(type ?? "");
}
