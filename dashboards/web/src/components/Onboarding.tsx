import { Light, SendLines, useDoors } from "./SendLines";
import styles from "./Onboarding.module.css";

/** Shown until the first trace is there: the lines to paste, and a light. */
export function Onboarding({ arrived }: { arrived: boolean }) {
  const { http, grpc } = useDoors();
  return (
    <div className={styles["page"]}>
      <section className={styles["card"]}>
        <h2>Send your first trace</h2>
        <SendLines />
        <Light on={arrived}>{arrived ? "Your first trace is here" : `Waiting for the first span on ${http} (HTTP) and ${grpc} (gRPC)`}</Light>
      </section>
    </div>
  );
}
