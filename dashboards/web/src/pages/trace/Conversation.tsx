import { useState } from "react";
import { JsonView } from "../../components/JsonView";
import { MoreButton } from "../../components/MoreButton";
import { Note } from "../../components/Note";
import { useBeginning } from "../../components/useBeginning";
import { plural } from "../../lib/format";
import { isObject, type Json, textAt } from "../../lib/json";
import type { Message, Messages } from "../../lib/messages/types";
import { MessageView } from "./MessageView";
import styles from "./Conversation.module.css";

interface Props {
  input: Messages;
  output: Messages;
  tools: readonly Json[];
}

/** Of a long history, the messages at the end that are shown at first. */
const LATEST = 12;
/** Messages that one "show earlier" adds. */
const STEP = 40;
/** Answers of one call that are shown at a time. */
const ANSWERS = 20;

export function Conversation({ input, output, tools }: Props) {
  const [shown, setShown] = useState(LATEST);
  const messages = input.messages;
  // The system message leads, however long the history is.
  const head = messages.length > shown && messages[0]?.role === "system" ? messages.slice(0, 1) : [];
  const tail = messages.slice(Math.max(head.length, messages.length - shown));
  const hidden = messages.length - head.length - tail.length;
  const named = new Map<string, string>();
  for (const each of [...messages, ...output.messages]) {
    for (const part of each.parts) if (part.kind === "tool_call" && part.id) named.set(part.id, part.name);
  }
  return (
    <div className={styles["conversation"]}>
      {tools.length > 0 && <Tools tools={tools} />}
      {input.note && <Note>{input.note}</Note>}
      {head.map((message, index) => <MessageView key={`h${index}`} message={message} toolNames={named} />)}
      {hidden > 0 && (
        <MoreButton onClick={() => setShown(shown + STEP)}>
          Show {plural(Math.min(hidden, STEP), "earlier message")}{hidden > STEP && ` of ${hidden}`}
        </MoreButton>
      )}
      {tail.map((message, index) => <MessageView key={messages.length - tail.length + index} message={message} toolNames={named} />)}
      {output.note && <Note>{output.note}</Note>}
      {output.messages.length > 0 && <Outputs messages={output.messages} toolNames={named} />}
      {output.messages.length === 0 && messages.length > 0 && <p className={styles["silent"]}>No answer was recorded.</p>}
    </div>
  );
}

function Outputs({ messages, toolNames }: { messages: readonly Message[]; toolNames: ReadonlyMap<string, string> }) {
  const several = messages.length > 1;
  const [shown, more] = useBeginning(messages, ANSWERS, "answer");
  return (
    <div className={styles["outputs"]}>
      {shown.map((message, index) => (
        <MessageView key={index} message={message} toolNames={toolNames} answer label={several ? `Answer ${index + 1} of ${messages.length}` : "Answer"} />
      ))}
      {more}
    </div>
  );
}

function Tools({ tools }: { tools: readonly Json[] }) {
  const names = tools.map((tool) => {
    if (!isObject(tool)) return "?";
    return textAt(tool, "name") || (isObject(tool["function"]) ? textAt(tool["function"], "name") : "") || textAt(tool, "type");
  });
  return (
    <details className={styles["tools"]}>
      <summary>{plural(tools.length, "tool")} offered <small>{names.slice(0, 6).join(", ")}{names.length > 6 && " …"}</small></summary>
      <JsonView value={[...tools]} open={2} />
    </details>
  );
}
