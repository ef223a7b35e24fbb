import type { Line } from "../lib/diff";
import styles from "./DiffLines.module.css";

const SIGNS = { same: " ", added: "+", removed: "−", gap: "⋯" } as const;

/** Lines that two texts have and have not in common. */
export function DiffLines({ lines, label = "Lines that differ" }: { lines: readonly Line[]; label?: string }) {
  return (
    <div className={styles["diff"]} role="group" aria-label={label} tabIndex={0}>
      {lines.map((line, index) => (
        <div key={index} data-kind={line.kind}>
          <span aria-hidden>{line.before ?? line.after ?? ""}</span>
          <span aria-label={line.kind}>{SIGNS[line.kind]}</span>
          <code dir="auto">{line.text}</code>
        </div>
      ))}
    </div>
  );
}
