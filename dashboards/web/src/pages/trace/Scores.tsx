import { IconCode, IconGavel, IconRadar2, IconUser, IconUserCheck } from "@tabler/icons-react";
import type { Score } from "../../api/client";
import { Evidence } from "../../components/Evidence";
import { LongText } from "../../components/LongText";
import { useNow, When } from "../../components/When";
import { formatScore } from "../../lib/scores";
import styles from "./Scores.module.css";

const SOURCES = {
  user: { icon: IconUser, label: "From the user" },
  human: { icon: IconUserCheck, label: "From a reviewer" },
  code: { icon: IconCode, label: "From code" },
  judge: { icon: IconGavel, label: "From a model that judges" },
  detector: { icon: IconRadar2, label: "From a detector" },
} as const;

/** What was said of a span or of the whole trace, and by whom. */
export function Scores({ scores, granted }: { scores: readonly Score[]; granted: boolean }) {
  const now = useNow();
  return (
    <ul className={styles["scores"]} aria-label="Scores">
      {scores.map((score) => {
        const { icon: Icon, label } = SOURCES[score.source];
        const share = score.value !== null && score.value >= 0 && score.value <= 1 ? score.value : undefined;
        return (
          <li key={score.id} className={styles["card"]}>
            <header>
              <Icon size={16} stroke={1.7} aria-label={label} className={styles["source"]} />
              <b dir="auto">{score.name}</b>
              <span className={styles["value"]} title={score.value === null ? undefined : `Value ${score.value}`}>
                {share !== undefined && <i aria-hidden><b style={{ width: `${share * 100}%` }} /></i>}
                <span dir="auto">{formatScore(score)}</span>
              </span>
            </header>
            {score.explanation && <Evidence text={score.explanation} />}
            {score.correction && (
              <div className={styles["text"]}>
                <small>What it should have been</small>
                <LongText text={score.correction} first={600} />
              </div>
            )}
            <footer>
              {label}
              {score.evaluator && <> · <span dir="auto">{score.evaluator}</span></>}
              {score.span_id === "" && <> · of the whole trace</>}
              {" · "}<When time={score.created_at} now={now} />
              {!granted && score.explanation === undefined && <> · your key may not read what was written</>}
            </footer>
          </li>
        );
      })}
    </ul>
  );
}
