import type { ReactNode } from "react";
import styles from "./State.module.css";

interface Props {
  icon: ReactNode;
  title: string;
  tone?: "plain" | "error";
  action?: ReactNode;
  children?: ReactNode;
}

/** What stands in a place that has nothing to show: why, and what to do. */
export function State({ icon, title, tone = "plain", action, children }: Props) {
  return (
    <div className={styles["state"]} data-tone={tone} role={tone === "error" ? "alert" : "status"}>
      <div className={styles["icon"]} aria-hidden>{icon}</div>
      <h2>{title}</h2>
      {children && <div className={styles["text"]}>{children}</div>}
      {action && <div className={styles["action"]}>{action}</div>}
    </div>
  );
}
