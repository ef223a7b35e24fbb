import type { Progress } from "../../api/review";
import styles from "./Review.module.css";

/** How many items of a queue are clear. */
export function Bar({ progress }: { progress: Progress }) {
  const share = progress.items > 0 ? progress.done / progress.items : 0;
  return <progress className={styles["bar"]} value={share} max={1} aria-label={`${progress.done} of ${progress.items} items done`} />;
}
