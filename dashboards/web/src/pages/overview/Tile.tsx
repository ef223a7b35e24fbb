import type { ReactNode } from "react";
import { formatChange } from "../../lib/series";
import styles from "./Tile.module.css";

interface Props {
  title: string;
  hint?: string;
  value: string;
  /** As a share of what it was in the range before. */
  change: number | undefined;
  /** Which way is for the worse; left out where neither is. */
  worse?: "up";
  detail?: ReactNode;
  onOpen: () => void;
  children: ReactNode;
}

/** A figure, how it changed, and how it went. */
export function Tile({ title, hint, value, change, worse, detail, onOpen, children }: Props) {
  const tone = change === undefined || worse === undefined || Math.abs(change) < 0.05 ? "plain" : change > 0 ? "worse" : "better";
  return (
    <section className={styles["tile"]} aria-label={title}>
      <header>
        <h2 title={hint}><button type="button" onClick={onOpen} title={`${hint ? `${hint}. ` : ""}Show the traces`}>{title}</button></h2>
        {change !== undefined && <span className={styles["change"]} data-tone={tone} title="Beside the range of the same length before">{formatChange(change)}</span>}
      </header>
      <p className={styles["value"]}>
        <b>{value}</b>
        {detail && <span>{detail}</span>}
      </p>
      {children}
    </section>
  );
}
