import { IconAlertCircleFilled } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Turn } from "../../api/client";
import { Marks } from "../../components/Marks";
import { Note } from "../../components/Note";
import { useNow, When } from "../../components/When";
import { formatCompact, formatCost, formatDuration } from "../../lib/format";
import { marksOf } from "../../lib/marks";
import { contentOf } from "../../lib/messages/conversation";
import type { Message } from "../../lib/messages/types";
import { formatScore } from "../../lib/scores";
import { MessageView } from "../trace/MessageView";
import { Scores } from "../trace/Scores";
import styles from "./Conversations.module.css";

const NO_TOOLS: ReadonlyMap<string, string> = new Map();
/** What people say, and what was found, is shown at once. */
const SHOWN = 4;

/** A question and its answer, with what they took and what was said of them. */
export function TurnView({ turn, number, granted }: { turn: Turn; number: number; granted: boolean }) {
  const now = useNow();
  const exchange = useMemo(() => exchangeOf(turn), [turn]);
  const marks = useMemo(() => marksOf(turn.scores), [turn.scores]);
  const telling = turn.scores.filter((score) => score.source !== "detector" || (score.label !== "" && score.name !== "language"));
  const quiet = turn.scores.filter((score) => !telling.includes(score));
  return (
    <li className={styles["turn"]} data-failed={turn.errors > 0 || undefined} aria-label={`Turn ${number}`}>
      <div className={styles["said"]}>
        {!granted && <p className={styles["nothing"]}>Your key may not read prompts and answers. One made without <code>--no-payload</code> may.</p>}
        {granted && exchange.length === 0 && <p className={styles["nothing"]}>No span of this trace carries what was asked or answered.</p>}
        <Marks value={marks}>
          {exchange.map((message, index) => <MessageView key={index} message={message} toolNames={NO_TOOLS} {...(message.role === "assistant" && { answer: true, label: "Answer" })} />)}
        </Marks>
        {turn.said?.is_cut && <Note>Only the beginning is shown here: it is very long. The trace has all of it.</Note>}
      </div>
      <aside className={styles["beside"]} aria-label={`What is known of turn ${number}`}>
        <p className={styles["facts"]}>
          {turn.errors > 0 && <IconAlertCircleFilled size={15} className={styles["bad"]} aria-label="Error" />}
          <Link to="/traces/$traceId" params={{ traceId: turn.trace_id }} className={styles["link"]} dir="auto">{turn.root_name || "Trace"}</Link>
        </p>
        <p className={styles["facts"]}>
          <When time={turn.start_time} now={now} /> · <b>{formatDuration(turn.duration_ns)}</b> · {formatCompact(turn.total_tokens)} tokens · {formatCost(turn.cost_usd)}
        </p>
        {turn.models.length > 0 && <p className={styles["facts"]} dir="auto">{turn.models.join(", ")}</p>}
        {telling.length > 0 && <Scores scores={telling.slice(0, SHOWN)} granted={granted} />}
        {telling.length > SHOWN && <Link to="/traces/$traceId" params={{ traceId: turn.trace_id }} search={{ tab: "scores" }} className={styles["link"]}>{telling.length - SHOWN} more</Link>}
        {quiet.length > 0 && (
          <details className={styles["quiet"]}>
            <summary>{quiet.length} scores without a finding</summary>
            <ul>{quiet.map((score) => <li key={score.id}><span dir="auto">{score.name}</span> <b dir="auto">{formatScore(score)}</b></li>)}</ul>
          </details>
        )}
      </aside>
    </li>
  );
}

/** The last thing that was asked, and the answer: earlier turns have places of their own. */
function exchangeOf({ said }: Turn): Message[] {
  if (!said) return [];
  const content = contentOf({ ...said, payload_attributes: null, payload_events: null });
  if (content.kind === "conversation") {
    const asked = content.input.messages.findLast((message) => message.role === "user");
    return [...(asked ? [asked] : []), ...content.output.messages];
  }
  if (content.kind !== "blocks") return [];
  return content.blocks.map((block): Message => {
    const isQuestion = block.raw === said.input && block !== content.blocks[1];
    return {
      role: isQuestion ? "user" : "assistant", sentRole: isQuestion ? "user" : "assistant", name: "", finishReason: "",
      parts: [{ kind: "text", text: typeof block.value === "string" ? block.value : block.raw }],
    };
  });
}
