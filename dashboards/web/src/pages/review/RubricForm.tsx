import { Textarea } from "@mantine/core";
import type { MouseEvent } from "react";
import type { Answer, Answers, Criterion } from "../../api/review";
import { optionsOf } from "./answers";
import styles from "./Review.module.css";

interface Props {
  criteria: readonly Criterion[];
  answers: Answers;
  /** The question that number keys answer. */
  current: number;
  comment: string;
  correction: string;
  onAnswer: (index: number, answer: Answer | undefined) => void;
  onChoose: (index: number) => void;
  onComment: (text: string) => void;
  onCorrection: (text: string) => void;
}

/** The questions of a queue. */
export function RubricForm({ criteria, answers, current, comment, correction, onAnswer, onChoose, onComment, onCorrection }: Props) {
  return (
    <>
      {criteria.map((each, index) => (
        <fieldset key={each.name} className={styles["criterion"]} data-current={index === current || undefined} onFocus={() => onChoose(index)}>
          <legend><b dir="auto">{each.name}</b>{!each.required && <small> optional</small>}</legend>
          {each.question && <p dir="auto">{each.question}</p>}
          <Choices criterion={each} given={answers[each.name]} onAnswer={(answer) => onAnswer(index, answer)} />
        </fieldset>
      ))}
      <Textarea label="Comment" autosize minRows={1} maxRows={6} maxLength={10_000} value={comment} onChange={(event) => onComment(event.currentTarget.value)} />
      <Textarea label="What would have been right" autosize minRows={1} maxRows={8} maxLength={100_000} value={correction} onChange={(event) => onCorrection(event.currentTarget.value)} />
    </>
  );
}

function Choices({ criterion, given, onAnswer }: { criterion: Criterion; given: Answer | undefined; onAnswer: (answer: Answer | undefined) => void }) {
  const options = optionsOf(criterion);
  if (options.length === 0) {
    return (
      <input
        className={styles["number"]} type="number" min={criterion.low} max={criterion.high} step="any" aria-label={criterion.name}
        value={typeof given === "number" ? given : ""} placeholder={`${criterion.low} to ${criterion.high}`}
        onChange={(event) => onAnswer(event.target.value === "" ? undefined : event.target.valueAsNumber)}
      />
    );
  }
  const choose = (event: MouseEvent<HTMLButtonElement>, answer: Answer): void => {
    onAnswer(given === answer && !criterion.required ? undefined : answer);
    // Who clicks with a mouse goes on with Enter, which the button would take.
    if (event.detail > 0) event.currentTarget.blur();
  };
  return (
    <div className={styles["options"]}>
      {options.map((each) => (
        <button key={String(each.answer)} type="button" aria-pressed={given === each.answer} onClick={(event) => choose(event, each.answer)} title={each.means || undefined}>
          {each.key && <kbd>{each.key}</kbd>}
          <span dir="auto">{each.label}</span>
          {each.means && <small dir="auto">{each.means}</small>}
        </button>
      ))}
    </div>
  );
}
