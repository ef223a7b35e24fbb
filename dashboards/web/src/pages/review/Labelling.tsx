import { Button } from "@mantine/core";
import { IconChecks } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { queryClient } from "../../api/queries";
import { type Answer, type Answers, nextItem, type Queue, type QueueKey, type ReviewItem, sayOfItem, skipItem, withdrawItem } from "../../api/review";
import { useKeys } from "../../app/keys";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { currentOf, missingOf, optionsOf } from "./answers";
import { Bar } from "./Bar";
import styles from "./Review.module.css";
import { RubricForm } from "./RubricForm";
import { Shown } from "./Shown";

interface Props {
  asked: QueueKey;
  queue: Queue;
  annotator: string;
}

/** Items one after another, labelled with the keyboard. */
export function Labelling({ asked, queue, annotator }: Props) {
  const [item, setItem] = useState<ReviewItem | null>();
  const [progress, setProgress] = useState(queue.progress);
  const [answers, setAnswers] = useState<Answers>({});
  const [comment, setComment] = useState("");
  const [correction, setCorrection] = useState("");
  const [chosen, setChosen] = useState<number>();
  const [done, setDone] = useState<readonly ReviewItem[]>([]);
  const [said, setSaid] = useState("");

  const show = (next: ReviewItem | null): void => {
    const own = next?.labels.find((each) => !each.is_final && each.state === "labelled");
    setItem(next);
    setAnswers(own?.answers ?? {});
    setComment(own?.comment ?? "");
    setCorrection(own?.correction ?? "");
    setChosen(undefined);
  };
  // Which question for the next item counts: not one from before something was taken back.
  const turn = useRef(0);
  const fetching = useMutation({
    mutationFn: async (after: number | null) => {
      const own = ++turn.current;
      return { ...(await nextItem(asked, annotator, after)), own };
    },
    onSuccess: (next) => {
      setProgress(next.progress);
      if (next.own === turn.current) show(next.item);
    },
  });
  const { mutate: fetchNext } = fetching;
  useEffect(() => fetchNext(null), [fetchNext]);

  const goOn = (from: ReviewItem, words: string): void => {
    setDone((before) => [...before, from]);
    setSaid(words);
    void queryClient.invalidateQueries({ queryKey: ["review"] });
    fetchNext(from.place);
  };
  const labelling = useMutation({
    mutationFn: (of: ReviewItem) => sayOfItem(asked, of.id, annotator, { answers, comment, correction }),
    onSuccess: (taken, of) => goOn(of, taken.written ? "Labelled." : "Labelled. The score is written when the store is back."),
  });
  const skipping = useMutation({ mutationFn: (of: ReviewItem) => skipItem(asked, of.id, annotator), onSuccess: (_, of) => goOn(of, "Skipped.") });
  const undoing = useMutation({
    mutationFn: (of: ReviewItem) => withdrawItem(asked, of.id, annotator),
    onSuccess: (_, of) => {
      turn.current += 1;
      setDone((before) => before.slice(0, -1));
      setSaid("Taken back.");
      show({ ...of, labels: [] });
      void queryClient.invalidateQueries({ queryKey: ["review"] });
    },
  });

  const busy = fetching.isPending || labelling.isPending || skipping.isPending || undoing.isPending;
  const criteria = queue.criteria;
  const current = currentOf(criteria, answers, chosen);
  const missing = missingOf(criteria, answers);
  const answer = (index: number, given: Answer | undefined): void => {
    const criterion = criteria[index];
    if (!criterion) return;
    setAnswers((before) => {
      const rest = Object.entries(before).filter(([each]) => each !== criterion.name);
      return Object.fromEntries(given === undefined ? rest : [...rest, [criterion.name, given]]);
    });
    setChosen(undefined);
  };
  const submit = (): void => {
    if (item && !busy && missing.length === 0) labelling.mutate(item);
  };
  const skip = (): void => {
    if (item && !busy) skipping.mutate(item);
  };
  const last = done.at(-1);
  const undo = (): void => {
    if (last && !labelling.isPending && !skipping.isPending && !undoing.isPending) undoing.mutate(last);
  };
  const press = (key: string): void => {
    const option = criteria[current] && optionsOf(criteria[current]).find((each) => each.key === key);
    if (item && option && !busy) answer(current, option.answer);
  };
  useKeys({
    ...Object.fromEntries(Array.from({ length: 9 }, (_, n) => [String(n + 1), () => press(String(n + 1))])),
    j: () => setChosen(Math.min(criteria.length - 1, current + 1)),
    k: () => setChosen(Math.max(0, current - 1)),
    Enter: submit,
    Escape: () => (document.activeElement instanceof HTMLElement ? document.activeElement.blur() : undefined),
    s: skip,
    u: undo,
  });

  const failed = [labelling, skipping, undoing].find((each) => each.isError)?.error;
  if (fetching.isError) return <Problem error={fetching.error} retry={() => fetchNext(null)} />;
  if (item === undefined) return <i className={styles["waiting"]} role="status" aria-label="Loading the next item" />;
  return (
    <>
      <div className={styles["progress"]}>
        <Bar progress={progress} />
        <span role="status">{progress.done} of {progress.items} done. {said}</span>
        <Button size="compact-xs" variant="default" onClick={undo} disabled={!last}>Undo <kbd>U</kbd></Button>
      </div>
      {failed && <p role="alert" className={styles["trouble"]}>{failed.message}</p>}
      {item === null ? (
        <State icon={<IconChecks />} title={progress.items === 0 ? "The queue is empty" : "There is nothing left for you"}>
          {progress.items === 0
            ? <>Type <code>spanglass review draw {queue.name}</code>, or choose traces in the list and add them.</>
            : progress.open > 0 ? "The others are with somebody else, or you skipped them. Results shows what labels say so far." : "All items have their labels. Results shows what they say."}
        </State>
      ) : (
        <div className={styles["desk"]}>
          <Shown item={item} />
          <section className={`${panel["panel"] ?? ""} ${styles["rubric"] ?? ""}`} aria-label="Rubric">
            {queue.instructions && <details className={styles["instructions"]} open={done.length === 0}><summary>Instructions</summary><p dir="auto">{queue.instructions}</p></details>}
            <RubricForm
              criteria={criteria} answers={answers} current={current} comment={comment} correction={correction}
              onAnswer={answer} onChoose={setChosen} onComment={setComment} onCorrection={setCorrection}
            />
            <div className={styles["actions"]}>
              <Button onClick={submit} disabled={missing.length > 0 || busy} title={missing.length > 0 ? `Not answered: ${missing.join(", ")}` : undefined}>Label <kbd>Enter</kbd></Button>
              <Button variant="default" onClick={skip} disabled={busy}>Skip <kbd>S</kbd></Button>
            </div>
          </section>
        </div>
      )}
    </>
  );
}
