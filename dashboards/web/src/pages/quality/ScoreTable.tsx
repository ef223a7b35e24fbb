import { Link } from "@tanstack/react-router";
import type { ScoreChange } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { sparkline } from "../../lib/evidence";
import { formatCompact, NONE } from "../../lib/format";
import { type QualitySearch, SCORE_SOURCES } from "../../lib/search";
import { formatShare } from "../../lib/series";
import styles from "./Quality.module.css";
import { wordsOf } from "./values";

/** Every score: how it stands, how it went, and whether it changed. */
export function ScoreTable({ scores, search }: { scores: readonly ScoreChange[]; search: QualitySearch }) {
  return (
    <section className={panel["panel"]} aria-label="Scores">
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={`${panel["table"] ?? ""} ${styles["scores"] ?? ""}`}>
          <thead><tr><th>Score</th><th data-wide>Over time</th><th>Now</th><th>Before</th><th>Change</th><th data-wide>95 % interval</th><th>Found</th><th>Scores</th></tr></thead>
          <tbody>{[...scores].sort(byConcern).map((score) => <Row key={`${score.name} ${score.group["source"] ?? ""}`} score={score} search={search} />)}</tbody>
        </table>
      </div>
      <p className={panel["note"]}>Before is the range of the same length before this one. A change is in colour where its interval leaves zero out and p, corrected for how many are compared, is below 0.05. Found: where a detector found something.</p>
    </section>
  );
}

/** What got worse first, then what people say, then where most was found. */
function byConcern(a: ScoreChange, b: ScoreChange): number {
  const concern = (score: ScoreChange): number => (wordsOf(score).verdict === "worse" ? 3 : 0) + (score.sources.includes("detector") ? foundOf(score) : 2);
  return concern(b) - concern(a) || (a.name < b.name ? -1 : 1);
}

function foundOf(score: ScoreChange): number {
  return score.after.n > 0 ? score.after.flagged / score.after.n : 0;
}

function Row({ score, search }: { score: ScoreChange; search: QualitySearch }) {
  const words = wordsOf(score);
  const found = score.after.flagged;
  return (
    <tr>
      <td>
        <Link to="/quality/$name" params={{ name: score.name }} search={{ ...search, source: SCORE_SOURCES.find((each) => each === score.group["source"]) }} dir="auto">{score.name}</Link>
        <small> {score.group["source"]}</small>
      </td>
      <td data-wide><Trend values={score.means.some((mean) => mean !== null) ? score.means : score.counts} /></td>
      <td><b>{words.after}</b></td>
      <td>{words.before}</td>
      <td data-verdict={words.verdict}>{words.difference}</td>
      <td data-wide><small>{words.interval}</small></td>
      <td>{score.sources.includes("detector") && score.after.n > 0 ? <span data-bad={found > 0 || undefined}>{formatShare(foundOf(score))}</span> : NONE}</td>
      <td>{formatCompact(score.after.n)}</td>
    </tr>
  );
}

function Trend({ values }: { values: readonly (number | null)[] }) {
  // Steps without a score are no gap in a line so small.
  const there = values.filter((value) => value !== null);
  return there.length < 2 ? null : (
    <svg className={styles["trend"]} viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden><polyline points={sparkline(values)} vectorEffect="non-scaling-stroke" /></svg>
  );
}
