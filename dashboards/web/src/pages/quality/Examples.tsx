import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ScoreExample } from "../../api/client";
import { type QualityFilters, scoreExamplesQuery } from "../../api/queries";
import { Chosen } from "../../components/Chosen";
import { Evidence } from "../../components/Evidence";
import filterStyles from "../../components/Filters.module.css";
import { MoreButton } from "../../components/MoreButton";
import panel from "../../components/Panel.module.css";
import { useNow, When } from "../../components/When";
import { isFault } from "../../lib/compared";
import { type ExampleOrder, EXAMPLE_ORDERS, type QualitySearch } from "../../lib/search";
import { formatScore } from "../../lib/scores";
import type { TimeRange } from "../../lib/time";
import styles from "./Quality.module.css";

const LABELS: Readonly<Record<ExampleOrder, string>> = { worst: "Worst", best: "Best", latest: "Latest" };

interface Props {
  name: string;
  filters: QualityFilters;
  range: TimeRange;
  show: ExampleOrder;
  label: string | undefined;
  onChange: (changed: Partial<QualitySearch>) => void;
}

/** What was judged, with what was said of it and the way to it. */
export function Examples({ name, filters, range, show, label, onChange }: Props) {
  const now = useNow();
  const order = show === "latest" ? "latest" : (show === "worst") === isFault(name) ? "highest" : "lowest";
  const examples = useInfiniteQuery(scoreExamplesQuery(name, filters, range, order, label));
  const items = examples.data?.pages.flatMap((each) => each.items) ?? [];
  return (
    <section className={panel["panel"]} aria-label="Examples">
      <div className={styles["head"]}>
        <h2>Examples</h2>
        <div className={filterStyles["segments"]} role="group" aria-label="Which first">
          {EXAMPLE_ORDERS.map((each) => (
            <button key={each} type="button" aria-pressed={each === show} onClick={() => onChange({ show: each === "worst" ? undefined : each })}>{LABELS[each]}</button>
          ))}
        </div>
        {label !== undefined && <Chosen label="Label" value={label} onClear={() => onChange({ label: undefined })} />}
      </div>
      {examples.isError && <p role="alert" className={styles["failed"]}>{examples.error.message}</p>}
      {examples.isPending && <p className={panel["note"]} role="status">Looking…</p>}
      {examples.data && items.length === 0 && <p className={panel["note"]}>None in this range of time.</p>}
      <ul className={styles["examples"]} data-stale={examples.isPlaceholderData || undefined}>
        {items.map((each) => <One key={`${each.project} ${each.id}`} example={each} now={now} />)}
      </ul>
      {examples.hasNextPage && <MoreButton onClick={() => void examples.fetchNextPage()}>Show more</MoreButton>}
    </section>
  );
}

function One({ example, now }: { example: ScoreExample; now: number }) {
  const { span } = example;
  const value = example.value !== null && example.label !== "" ? formatScore({ ...example, label: "" }) : "";
  const about = [span.name, span.service, span.model, span.prompt_version, example.evaluator || example.source].filter(Boolean);
  return (
    <li>
      <header>
        <b dir="auto">{formatScore(example)}</b>
        {value && <span>{value}</span>}
        <small dir="auto">{about.join(" · ")} · <When time={example.created_at} now={now} /></small>
        {example.trace_id !== "" && (
          <Link to="/traces/$traceId" params={{ traceId: example.trace_id }} search={{ span: example.span_id || undefined, tab: "scores" }} className={styles["link"]}>Open the trace</Link>
        )}
      </header>
      {example.explanation ? <Evidence text={example.explanation} /> : example.explanation == null && <p className={styles["locked"]}>Your key may not read what was written.</p>}
      {example.correction && <p className={styles["correction"]}><small>What it should have been</small> {example.correction}</p>}
    </li>
  );
}
