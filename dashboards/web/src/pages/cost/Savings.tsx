import { Button } from "@mantine/core";
import { IconCoins, IconHourglass } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Advice, Saving } from "../../api/client";
import { adviceQuery } from "../../api/queries";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { formatCost, formatCount } from "../../lib/format";
import styles from "./Savings.module.css";

const KINDS: Readonly<Record<string, string>> = {
  answer_cache: "Cache of answers", near_duplicates: "Cache by meaning", repeated_calls: "Repeated calls", failed_calls: "Failed calls", agent_loops: "Agents in a loop",
  unused_tools: "Unused tools", long_history: "Long history", model_routing: "Cheaper model", idle_gpus: "Idle GPUs", prompt_cache: "Provider's cache", prompt_order: "Order of the prompt", cache_writes: "Writes to a cache", batch_price: "Batch price", all: "Calls",
};
const kindOf = (kind: string): string => KINDS[kind] ?? kind.replaceAll("_", " ");

/** What would cost less, with what it rests on. */
export function Savings({ days }: { days: number }) {
  const advice = useQuery(adviceQuery(days));
  const retry = (): void => void advice.refetch();
  if (advice.isError) return <Problem error={advice.error} retry={retry} />;
  if (!advice.data) return <i className={page["waiting"]} role="status" aria-label="Looking for savings" />;
  if (!advice.data.advice) {
    return <State icon={<IconHourglass />} title="Looking through the calls">Over millions of calls this takes minutes. The page shows it when it is there.</State>;
  }
  return <Shown advice={advice.data.advice} />;
}

function Shown({ advice }: { advice: Advice }) {
  const { findings, cant_say: unsaid, nothing, notes } = advice;
  return (
    <div className={page["content"]}>
      <p className={styles["about"]}>
        {advice.days} whole days{advice.spend_usd_month !== null && <>, <b>{formatCost(advice.spend_usd_month)}</b> a month at that rate</>}. Savings are a month&rsquo;s, with the interval that holds in 19 of 20 cases.
      </p>
      {findings.length === 0 ? (
        <State icon={<IconCoins />} title="Nothing that would surely cost less">
          {unsaid.length > 0 ? "Some questions can't be answered yet; below is why, and what to turn on." : `Looked at: ${nothing.map(kindOf).join(", ").toLowerCase()}.`}
        </State>
      ) : (
        <ol className={styles["list"]} aria-label="Savings">
          {findings.map((each) => <Finding key={`${each.kind} ${each.title}`} finding={each} />)}
        </ol>
      )}
      {unsaid.length > 0 && (
        <section className={panel["panel"]} aria-label="What can't be said">
          <h2>What can&rsquo;t be said</h2>
          <ul className={styles["unsaid"]}>
            {unsaid.map((each) => <li key={`${each.kind} ${each.because}`}><b>{kindOf(each.kind)}</b>: {each.because}. <span>{worded(each.turn_on)}</span></li>)}
          </ul>
        </section>
      )}
      {findings.length > 0 && nothing.length > 0 && <p className={styles["about"]}>Looked at without a saving that is sure: {nothing.map(kindOf).join(", ").toLowerCase()}.</p>}
      {notes.map((note) => <p key={note} className={styles["about"]}>{worded(note)}</p>)}
    </div>
  );
}

function Finding({ finding }: { finding: Saving }) {
  const { saving, evidence } = finding;
  return (
    <li className={styles["card"]} aria-label={finding.title}>
      <header>
        <h2>{finding.title}</h2>
        <p className={styles["money"]}><b>{formatCost(saving.usd_month)}</b> a month<small>{formatCost(saving.low)} to {formatCost(saving.high)}</small></p>
      </header>
      <ul className={styles["labels"]} aria-label="About">
        <li>{kindOf(finding.kind)}</li>
        <li data-level={finding.confidence}>confidence {finding.confidence}</li>
        <li>risk {finding.risk}</li>
        {Object.entries(finding.scope).map(([name, value]) => <li key={name}>{name.replace("_name", "")} <b dir="auto">{value}</b></li>)}
      </ul>
      <p className={styles["next"]}><b>Next</b> {worded(finding.next_step)}</p>
      <p className={styles["risk"]}><b>Risk</b> {finding.risk_note}</p>
      <details>
        <summary>Evidence and method</summary>
        <dl className={styles["numbers"]}>
          {Object.entries(evidence.numbers).map(([name, value]) => <div key={name}><dt>{name.replaceAll("_", " ")}</dt><dd>{numberOf(name, value)}</dd></div>)}
        </dl>
        <p>{finding.method}</p>
      </details>
      <footer>
        {evidence.examples.map((id) => <Link key={id} to="/traces/$traceId" params={{ traceId: id }} title="An example">trace <code>{id.slice(0, 8)}</code></Link>)}
        {evidence.sql && <Button size="compact-sm" variant="default" renderRoot={(props) => <Link {...props} to="/sql" search={{ query: evidence.sql }} />}>Show it in SQL</Button>}
      </footer>
    </li>
  );
}

/** What stands between backquotes as code. */
function worded(text: string): ReactNode[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}

/** A number of the evidence, by what its name says that it is. */
function numberOf(name: string, value: string | number | null): string {
  if (typeof value !== "number") return value ?? "–";
  if (name.includes("usd")) return formatCost(value);
  if (/(^|_)(rate|share|low|high)(_|$)/.test(name) && Math.abs(value) <= 1) return `${(100 * value).toFixed(1)} %`;
  return Number.isInteger(value) ? formatCount(value) : value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
