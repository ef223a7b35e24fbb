import type { ReactNode } from "react";
import styles from "./MoreButton.module.css";

/** Shows further entries of a long list. */
export function MoreButton({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return <button type="button" className={styles["more"]} onClick={onClick}>{children}</button>;
}
