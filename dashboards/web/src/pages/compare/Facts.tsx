import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import panel from "../../components/Panel.module.css";
import { useNow, When } from "../../components/When";
import { formatChange as formatDollars, formatCost, formatCount, formatDuration, formatSeconds, NONE } from "../../lib/format";
import { changeOf, formatChange } from "../../lib/series";
import type { Summary } from "../../lib/summary";
import { timeOfNano } from "../../lib/time";
import styles from "./Compare.module.css";

interface Side {
  id: string;
  summary: Summary;
  /** Nanoseconds. */
  duration: number;
  spans: number;
}

interface Fact {
  label: string;
  of: (side: Side) => number | undefined;
  show: (value: number) => string;
  /** Whether more is worse. */
  worse?: boolean;
}

const FACTS: readonly Fact[] = [
  { label: "Duration", of: (side) => side.duration, show: formatDuration, worse: true },
  { label: "First token", of: (side) => side.summary.firstToken?.seconds, show: formatSeconds, worse: true },
  { label: "Cost", of: (side) => side.summary.costUsd, show: formatCost, worse: true },
  { label: "Tokens in", of: (side) => side.summary.inputTokens, show: formatCount },
  { label: "Tokens out", of: (side) => side.summary.outputTokens, show: formatCount },
  { label: "Spans", of: (side) => side.spans, show: formatCount },
  { label: "Errors", of: (side) => side.summary.errors, show: formatCount, worse: true },
];

/** What either took, and by how much they differ. */
export function Facts({ a, b }: { a: Side; b: Side }) {
  const now = useNow();
  const facts = FACTS.filter(({ of }) => (of(a) ?? 0) !== 0 || (of(b) ?? 0) !== 0);
  const words: [string, (side: Side) => string][] = [["Models", (side) => side.summary.models.join(", ")], ["Service", (side) => side.summary.services.join(", ")], ["Session", (side) => side.summary.sessionId], ["User", (side) => side.summary.userId]];
  const head = (letter: string, side: Side): ReactNode => (
    <th scope="col">
      <i className={styles["letter"]}>{letter}</i>
      <Link to="/traces/$traceId" params={{ traceId: side.id }} title={side.id} dir="auto">{side.summary.name || "(no name)"}</Link>
      <small>{side.summary.root && <When time={timeOfNano(side.summary.root.start_unix_nano)} now={now} />} · <code>{side.id.slice(0, 8)}</code></small>
    </th>
  );
  return (
    <section className={panel["panel"]} aria-label="Totals">
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={styles["facts"]}>
          <thead><tr><th aria-label="Figure" />{head("A", a)}{head("B", b)}<th scope="col">B beside A</th></tr></thead>
          <tbody>
            {facts.map((fact) => {
              const [one, other] = [fact.of(a), fact.of(b)];
              return (
                <tr key={fact.label}>
                  <th scope="row">{fact.label}</th>
                  <td>{one === undefined ? NONE : fact.show(one)}</td>
                  <td>{other === undefined ? NONE : fact.show(other)}</td>
                  <td>{one === undefined || other === undefined ? NONE : <Difference fact={fact} one={one} other={other} />}</td>
                </tr>
              );
            })}
            {words.map(([label, of]) => (of(a) || of(b)) && (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td className={styles["words"]}>{of(a) || NONE}</td>
                <td className={styles["words"]}>{of(b) || NONE}</td>
                <td>{of(a) === of(b) ? <small>the same</small> : "other"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Difference({ fact, one, other }: { fact: Fact; one: number; other: number }) {
  if (one === other) return <small>the same</small>;
  const change = changeOf(other, one);
  const size = fact.label === "Cost" ? formatDollars(other - one) : `${other > one ? "+" : "−"}${fact.show(Math.abs(other - one))}`;
  const notable = fact.worse && (change === undefined || Math.abs(change) >= 0.05);
  return <span data-change={notable ? (other > one ? "worse" : "better") : undefined}>{size}{change !== undefined && <small>{formatChange(change)}</small>}</span>;
}
