import styles from "./Prompts.module.css";

/** Labels with the version that each is on. */
export function Labels({ labels }: { labels: Readonly<Record<string, number>> }) {
  return (
    <span className={styles["labels"]}>
      {Object.entries(labels).map(([label, version]) => <span key={label} className={styles["label"]} data-live={label === "production" || undefined}>{label} <b>{version}</b></span>)}
    </span>
  );
}
