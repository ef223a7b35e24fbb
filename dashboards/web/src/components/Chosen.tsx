import { IconX } from "@tabler/icons-react";
import styles from "./Filters.module.css";

/** A filter that was set somewhere else on the page, and that can be taken away. */
export function Chosen({ label, value, onClear }: { label: string; value: string; onClear: () => void }) {
  return (
    <div className={styles["pill"]} data-active>
      <button type="button" onClick={onClear} title="Take it away">{label} <b>{value}</b></button>
      <button type="button" className={styles["clear"]} aria-label={`Clear ${label}`} onClick={onClear}><IconX size={13} stroke={2} /></button>
    </div>
  );
}
