import { claimsOf } from "../lib/grounded";
import styles from "./Evidence.module.css";
import { LongText } from "./LongText";

/** Why a score is what it is: for groundedness each sentence beside the passage that comes nearest, else as written. */
export function Evidence({ text }: { text: string }) {
  const claims = claimsOf(text);
  if (claims.length === 0) return <div className={styles["text"]}><LongText text={text} first={600} /></div>;
  return (
    <ul className={styles["claims"]} aria-label="Evidence">
      {claims.map((claim, index) => (
        <li key={index}>
          <p className={styles["sentence"]} dir="auto"><mark>{claim.sentence}</mark></p>
          <p className={styles["why"]}>Support {claim.support.toFixed(2)}{claim.reason && <>: {claim.reason}</>}</p>
          <blockquote className={styles["passage"]} dir="auto"><small>Nearest, from {claim.from}</small>{claim.passage}</blockquote>
        </li>
      ))}
    </ul>
  );
}
