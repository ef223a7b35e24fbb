import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { queryClient } from "../../api/queries";
import { type CriterionResult, drawItems, intoDataset, type Outcome, type Queue, type QueueKey, resultsQuery } from "../../api/review";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { formatCount, NONE, plural } from "../../lib/format";
import { formatShare } from "../../lib/series";
import { figure } from "./answers";
import styles from "./Review.module.css";

const WIDTHS = [0.1, 0.05, 0.03, 0.01];

/** What labels say of all traces, how far reviewers agree, and what it rests on. */
export function Results({ asked, queue }: { asked: QueueKey; queue: Queue }) {
  const [width, setWidth] = useState(0.05);
  const results = useQuery(resultsQuery(asked, width));
  return (
    <>
      <section className={panel["panel"]} aria-label="Estimate">
        <div className={styles["row"]}>
          <h2>Of all traces</h2>
          <SegmentedControl size="xs" value={String(width)} onChange={(value) => setWidth(Number(value))} data={WIDTHS.map((each) => ({ value: String(each), label: `± ${100 * each} %` }))} aria-label="Wanted precision" />
        </div>
        {results.isError && <Problem error={results.error} retry={() => void results.refetch()} />}
        {results.isPending && <p role="status" className={panel["note"]}>Counting…</p>}
        {results.data && (
          <div className={panel["scroll"]} tabIndex={0}>
            <table className={panel["table"]}>
              <thead><tr><th>Question</th><th>Answer</th><th>Of all traces</th><th>95 % interval</th><th>Labels</th><th>More for ± {100 * width} %</th><th>Reviewers agree</th></tr></thead>
              <tbody>{results.data.criteria.flatMap((each) => each.outcomes.map((outcome, index) => <Line key={`${each.name} ${outcome.answer}`} of={each} outcome={outcome} first={index === 0} />))}</tbody>
            </table>
          </div>
        )}
        <p className={panel["note"]}>Corrected for how items were drawn. It assumes that items without a label are like those with one: skip none because it is hard.</p>
      </section>
      <Strata asked={asked} queue={queue} />
      <IntoDataset asked={asked} done={queue.progress.done} />
    </>
  );
}

function Line({ of, outcome, first }: { of: CriterionResult; outcome: Outcome; first: boolean }) {
  const found = outcome.estimate;
  return (
    <tr>
      <td><b dir="auto">{of.name}</b></td>
      <td dir="auto">{outcome.answer}</td>
      <td>{found ? <b>{figure(found.value, of.kind)}</b> : <span title="No drawn item has a label">{NONE}</span>}{found && found.covered < 0.999 && <small> of {formatShare(found.covered)} of them</small>}</td>
      <td>{found && found.low !== null ? `${figure(found.low, of.kind)} to ${figure(found.high, of.kind)}` : NONE}</td>
      <td>{found ? <>{formatCount(found.labels)} <small>of {formatCount(found.population)}</small></> : NONE}</td>
      <td>{outcome.more_labels === null ? NONE : outcome.more_labels === 0 ? "enough" : formatCount(outcome.more_labels)}</td>
      <td>{first && of.same !== null ? <>{formatShare(of.same)} <small>{of.alpha ? `α ${of.alpha.value.toFixed(2)}` : `of ${of.doubled}`}</small></> : NONE}</td>
    </tr>
  );
}

function Strata({ asked, queue }: { asked: QueueKey; queue: Queue }) {
  const drawing = useMutation({ mutationFn: () => drawItems(asked), onSuccess: () => queryClient.invalidateQueries({ queryKey: ["review"] }) });
  return (
    <section className={panel["panel"]} aria-label="Draws">
      <div className={styles["row"]}>
        <h2>What was drawn</h2>
        <Button size="compact-sm" variant="default" loading={drawing.isPending} onClick={() => drawing.mutate()}>Draw now</Button>
      </div>
      {drawing.isError && <p role="alert" className={styles["trouble"]}>{drawing.error.message}</p>}
      {drawing.data && <p role="status" className={panel["note"]}>{plural(drawing.data.added, "new item")} of {plural(drawing.data.traces, "trace")}.</p>}
      {queue.strata.length === 0 ? <p className={panel["note"]}>Nothing was drawn yet, so there is no estimate.</p> : (
        <div className={panel["scroll"]} tabIndex={0}>
          <table className={panel["table"]}>
            <thead><tr><th>Because</th><th>From</th><th>Until</th><th>Traces</th><th>Drawn</th><th>Chance of each</th><th>Clear</th></tr></thead>
            <tbody>
              {queue.strata.map((each) => (
                <tr key={each.id}>
                  <td>{each.method}</td><td>{day(each.start)}</td><td>{day(each.end)}</td><td>{formatCount(each.population)}</td>
                  <td>{formatCount(each.drawn)}</td><td>{formatShare(each.probability)}</td><td>{formatCount(each.labelled)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {queue.annotators.length > 0 && <p className={panel["note"]}>Labelled by {queue.annotators.map((each) => `${each.name} (${each.labels})`).join(", ")}.</p>}
    </section>
  );
}

function IntoDataset({ asked, done }: { asked: QueueKey; done: number }) {
  const [name, setName] = useState("");
  const adding = useMutation({ mutationFn: () => intoDataset(asked, name.trim()) });
  return (
    <section className={panel["panel"]} aria-label="Into a dataset">
      <h2>Into a dataset</h2>
      <form
        className={styles["into"]}
        onSubmit={(event) => {
          event.preventDefault();
          adding.mutate();
        }}
      >
        <TextInput aria-label="Dataset" placeholder="A name, new or not" value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Button type="submit" variant="default" disabled={done === 0 || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name.trim())} loading={adding.isPending}>Add {plural(done, "item")}</Button>
      </form>
      {adding.isError && <p role="alert" className={styles["trouble"]}>{adding.error.message}</p>}
      {adding.data && <p role="status" className={panel["note"]}>{adding.data.added} added, {adding.data.there_already} were there. <Link to="/datasets/$name" params={{ name: name.trim() }}>Show the dataset</Link></p>}
    </section>
  );
}

function day(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}
