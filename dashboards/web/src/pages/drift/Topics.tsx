import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@mantine/core";
import type { Topic } from "../../api/client";
import { topicsQuery } from "../../api/queries";
import { NONE } from "../../lib/format";
import { formatShare } from "../../lib/series";
import styles from "./Drift.module.css";

/** Topics of a service that are listed at once. */
const SHOWN = 6;
const WIDTH = 84;
const HEIGHT = 20;
const KINDS: Record<Topic["metric"], string> = { topic: "What is asked", answer_topic: "What is answered" };

/** What the texts of each service are about, and how that changed. Nothing where none are read. */
export function Topics() {
  const topics = useQuery(topicsQuery);
  if (topics.isError && !topics.data) return <p role="alert" className={styles["failed"]}>Topics could not be read: {topics.error.message}</p>;
  const groups = new Map<string, Topic[]>();
  for (const each of topics.data?.topics ?? []) {
    const key = JSON.stringify([each.project, each.service, each.metric]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  if (groups.size === 0) return null;
  return (
    <section className={styles["topics"]} aria-label="Topics">
      <h2>Topics</h2>
      <p className={styles["sum"]}>What texts are about: the last day beside the week before, from a sample of the calls.</p>
      <div className={styles["groups"]}>
        {[...groups].map(([key, own]) => <Group key={key} topics={own} />)}
      </div>
    </section>
  );
}

function Group({ topics }: { topics: Topic[] }) {
  const [all, setAll] = useState(false);
  const first = topics[0];
  if (!first) return null;
  const title = `${first.service || "(no service)"}: ${KINDS[first.metric].toLowerCase()}`;
  // One that is new is never behind a button.
  const shown = all ? topics : topics.filter((each, place) => place < SHOWN || each.is_new);
  return (
    <div className={styles["card"]}>
      <h3 dir="auto">{title}</h3>
      <div className={styles["scroll"]} tabIndex={0}>
        <table className={styles["metrics"]} aria-label={title}>
          <thead><tr><th>Topic</th><th>Then</th><th>Now</th><th>A week</th></tr></thead>
          <tbody>
            {shown.map((each) => (
              <tr key={each.name}>
                <td className={styles["name"]} title={each.terms.join(", ")} dir="auto">{each.name}{each.is_new && <span className={styles["new"]}>new</span>}</td>
                <td>{each.share_before === null ? NONE : formatShare(each.share_before)}</td>
                <td><b>{formatShare(each.share_now)}</b></td>
                <td><Line steps={each.steps} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {topics.length > SHOWN && <footer><Button size="compact-sm" variant="default" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Fewer" : `All ${topics.length}`}</Button></footer>}
    </div>
  );
}

/** A share over a week; gaps where there were no texts. */
function Line({ steps }: { steps: (number | null)[] }) {
  const top = Math.max(0.05, ...steps.map((each) => each ?? 0));
  const parts: string[] = [];
  let open = false;
  steps.forEach((share, place) => {
    if (share === null) {
      open = false;
      return;
    }
    const x = (place / Math.max(1, steps.length - 1)) * WIDTH;
    parts.push(`${open ? "L" : "M"}${x.toFixed(1)} ${(HEIGHT - 1 - (share / top) * (HEIGHT - 2)).toFixed(1)}${open ? "" : "h.1"}`);
    open = true;
  });
  return <svg className={styles["line"]} width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden><path d={parts.join("")} /></svg>;
}
