import styles from "./Note.module.css";

/** What one has to know about a payload before reading it. */
export function Note({ children }: { children: string }) {
  return <p className={styles["note"]} role="note">{children}</p>;
}
