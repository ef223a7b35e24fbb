import { Button } from "@mantine/core";
import { IconScale } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queryClient } from "../../api/queries";
import { type Answer, type Answers, decideItem, disputedQuery, itemQuery, type Queue, type QueueKey } from "../../api/review";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { currentOf, missingOf } from "./answers";
import styles from "./Review.module.css";
import { RubricForm } from "./RubricForm";
import { Shown } from "./Shown";

interface Props {
  asked: QueueKey;
  queue: Queue;
  annotator: string;
}

/** Items on which labels differ, to be decided one after another. */
export function Disputed({ asked, queue, annotator }: Props) {
  const disputed = useQuery(disputedQuery(asked));
  if (disputed.isError) return <Problem error={disputed.error} retry={() => void disputed.refetch()} />;
  if (!disputed.data) return <i className={styles["waiting"]} role="status" aria-label="Loading what is disputed" />;
  const first = disputed.data.items[0];
  if (!first) {
    return (
      <State icon={<IconScale />} title="Nothing is disputed">
        {queue.labels_per_item === 1 ? "Each item gets one label, so none can differ. Set labels_per_item to 2 to see how far reviewers agree." : "Where labels of an item differ, it is shown here, and somebody decides."}
      </State>
    );
  }
  return <One key={first.id} asked={asked} queue={queue} annotator={annotator} id={first.id} left={disputed.data.items.length} />;
}

function One({ asked, queue, annotator, id, left }: Props & { id: number; left: number }) {
  const item = useQuery(itemQuery(asked, id, annotator));
  const [answers, setAnswers] = useState<Answers>({});
  const [comment, setComment] = useState("");
  const [correction, setCorrection] = useState("");
  const [chosen, setChosen] = useState<number>();
  const deciding = useMutation({
    mutationFn: () => decideItem(asked, id, annotator, { answers, comment, correction }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["review"] }),
  });
  if (item.isError) return <Problem error={item.error} retry={() => void item.refetch()} />;
  if (!item.data) return <i className={styles["waiting"]} role="status" aria-label="Loading the item" />;
  const answer = (index: number, given: Answer | undefined): void => {
    const name = queue.criteria[index]?.name ?? "";
    setAnswers((before) => {
      const rest = Object.entries(before).filter(([each]) => each !== name);
      return Object.fromEntries(given === undefined ? rest : [...rest, [name, given]]);
    });
  };
  return (
    <div className={styles["desk"]}>
      <Shown item={item.data} />
      <section className={`${panel["panel"] ?? ""} ${styles["rubric"] ?? ""}`} aria-label="Decision">
        <h2>{left === 1 ? "1 item is disputed" : `${left} items are disputed`}</h2>
        <ul className={styles["said"]} aria-label="What reviewers say">
          {item.data.labels.filter((each) => each.state === "labelled").map((each) => (
            <li key={each.annotator}>
              <b dir="auto">{each.annotator}</b>: {Object.entries(each.answers).map(([name, given]) => `${name} ${typeof given === "boolean" ? (given ? "yes" : "no") : given}`).join(", ")}
              {each.comment && <p dir="auto">{each.comment}</p>}
            </li>
          ))}
        </ul>
        <RubricForm
          criteria={queue.criteria} answers={answers} current={currentOf(queue.criteria, answers, chosen)} comment={comment} correction={correction}
          onAnswer={answer} onChoose={setChosen} onComment={setComment} onCorrection={setCorrection}
        />
        {deciding.isError && <p role="alert" className={styles["trouble"]}>{deciding.error.message}</p>}
        <div className={styles["actions"]}>
          <Button onClick={() => deciding.mutate()} disabled={missingOf(queue.criteria, answers).length > 0} loading={deciding.isPending}>Decide</Button>
        </div>
      </section>
    </div>
  );
}
