import { Autocomplete, Button, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import type { DriftResult } from "../../api/client";
import { comparisonQuery } from "../../api/queries";
import { Distribution } from "../../components/Distribution";
import { formatEffect, formatP, formatValue } from "./values";
import styles from "./Drift.module.css";

const GROUPS = ["service", "model", "release", "feature", "prompt", "environment", "user", "tool"];
const FIRST = { metric: "", reference: "8d..1d", current: "24h", by: "" };

/** Any two sides of a metric: windows, versions, or a golden set and traffic. */
export function Compare({ metrics }: { metrics: string[] }) {
  const [draft, setDraft] = useState(FIRST);
  const [asked, setAsked] = useState<typeof FIRST | null>(null);
  const found = useQuery({ ...comparisonQuery(asked ?? FIRST), enabled: asked !== null });
  const set = (change: Partial<typeof FIRST>): void => setDraft((before) => ({ ...before, ...change }));
  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    if (asked && JSON.stringify(asked) === JSON.stringify(draft)) void found.refetch();
    else setAsked(draft);
  };
  return (
    <section className={styles["compare"]} aria-label="Compare">
      <h2>Compare</h2>
      <p className={styles["sum"]}>A metric in any two windows (<code>8d..1d</code>, <code>24h</code>), of two versions (<code>release:2.3.0</code>, <code>prompt:greeting 3</code>), or in traffic beside a golden set (<code>dataset:NAME</code>).</p>
      <form onSubmit={ask}>
        <Autocomplete label="Metric" placeholder="output_tokens, score.NAME …" required data={metrics} limit={100} value={draft.metric} onChange={(metric) => set({ metric })} />
        <TextInput label="Reference" required value={draft.reference} onChange={(event) => set({ reference: event.currentTarget.value })} />
        <TextInput label="Current" required value={draft.current} onChange={(event) => set({ current: event.currentTarget.value })} />
        <Select label="By" placeholder="Nothing" clearable data={GROUPS} value={draft.by || null} onChange={(by) => set({ by: by ?? "" })} />
        <Button type="submit" loading={found.isFetching}>Compare</Button>
      </form>
      {asked !== null && found.isError && <p role="alert" className={styles["failed"]}>{found.error.message}</p>}
      {asked !== null && found.data && !found.isError && (
        <ul className={styles["list"]} aria-label="Comparisons">
          {found.data.results.map((each) => <Result key={JSON.stringify(each.group)} result={each} />)}
        </ul>
      )}
    </section>
  );
}

function Result({ result }: { result: DriftResult }) {
  const group = Object.entries(result.group).map(([name, value]) => `${name} ${value || "(none)"}`).join(", ");
  const shown = result.distribution;
  return (
    <li className={styles["card"]} data-open={result.verdict === "drift" || undefined}>
      <header><h3 dir="auto">{[result.metric, group].filter(Boolean).join(" · ")}</h3><span className={styles["state"]}>{result.verdict}</span></header>
      <p className={styles["about"]} dir="auto">{result.verdict === "not tested" ? `Not tested, because ${result.reason}.` : result.explanation}</p>
      {result.verdict !== "not tested" && (
        <>
          <p className={styles["about"]}>
            {result.test}, effect {formatEffect(result)}, matters from {result.threshold}, p {formatP(result.p_corrected ?? result.p)}, n {result.n_reference.toLocaleString("en-US")} and {result.n_current.toLocaleString("en-US")}
            {result.kind === "numeric" && <>; {formatValue(result, result.reference_value)} then, <b>{formatValue(result, result.current_value)}</b> now</>}
          </p>
          <div className={styles["shown"]}><Distribution shown={shown} label={`${[result.metric, group].filter(Boolean).join(" · ")}, then and now`} format={(value) => formatValue(result, value)} /></div>
        </>
      )}
    </li>
  );
}
