import styles from "./Badge.module.css";

/** A word about the thing beside it. */
export function Badge({ label, title }: { label: string; title?: string }) {
  return <span className={styles["badge"]} title={title}>{label}</span>;
}
