import type { Overview } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { formatCompact } from "../../lib/format";
import { formatScore } from "../../lib/scores";
import { changeOf, formatChange } from "../../lib/series";
import styles from "./ScoreMeans.module.css";

/** How good the answers were, by whoever said so. */
export function ScoreMeans({ scores }: { scores: Overview["scores"] }) {
  return (
    <section className={panel["panel"]} aria-label="Scores">
      <h2>Scores</h2>
      {scores.length === 0 ? (
        <p className={panel["note"]}>
          Nobody has scored anything in this range of time. <code>spanglass.feedback(thumbs="up")</code> records what users say.
        </p>
      ) : (
        <ul className={styles["scores"]}>
          {scores.map((score) => {
            const change = changeOf(score.mean, score.before);
            const within = score.mean >= 0 && score.mean <= 1;
            return (
              <li key={score.name}>
                <span dir="auto">{score.name}</span>
                <small>{formatCompact(score.count)}</small>
                {change !== undefined && <small title="Beside the range before">{formatChange(change)}</small>}
                <b>{formatScore({ ...score, value: score.mean, label: "", span_id: "" })}</b>
                <i className={panel["bar"]} aria-hidden>{within && <i style={{ width: `${100 * score.mean}%` }} />}</i>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
