import { IconBolt, IconMessageCircle, IconPhoto, IconPhotoOff, IconSettings2, IconSparkles, IconTool } from "@tabler/icons-react";
import { useState } from "react";
import { Copy } from "../../components/Copy";
import { JsonView } from "../../components/JsonView";
import { LongText } from "../../components/LongText";
import { useBeginning } from "../../components/useBeginning";
import { formatBytes } from "../../lib/format";
import { type Json, textOf } from "../../lib/json";
import type { Message, Part, Role } from "../../lib/messages/types";
import styles from "./MessageView.module.css";

interface Props {
  message: Message;
  toolNames: ReadonlyMap<string, string>;
  answer?: boolean;
  label?: string;
}

const ROLES: Readonly<Record<Role, { label: string; icon: typeof IconTool }>> = {
  system: { label: "System", icon: IconSettings2 },
  user: { label: "User", icon: IconMessageCircle },
  assistant: { label: "Assistant", icon: IconSparkles },
  tool: { label: "Tool", icon: IconTool },
  other: { label: "Message", icon: IconMessageCircle },
};
/** Characters of a system message shown at first: it rarely is what one came for. */
const SYSTEM_FIRST = 150;
/** Parts of a message that are shown at a time. */
const PARTS = 30;

export function MessageView({ message, toolNames, answer = false, label }: Props) {
  const role = ROLES[message.role];
  const said = message.sentRole.toLowerCase();
  const usual = said === message.role || message.role === "other";
  const name = message.role === "other" ? message.sentRole : role.label;
  const text = message.parts.map((part) => ("text" in part ? part.text : "")).filter(Boolean).join("\n\n");
  const [parts, more] = useBeginning(message.parts, PARTS, "part");
  return (
    <article className={styles["message"]} data-role={message.role} data-answer={answer || undefined} aria-label={label ?? name}>
      <header>
        <role.icon size={15} stroke={1.8} aria-hidden />
        <b title={name}>{name}</b>
        {!usual && <small>{message.sentRole}</small>}
        {message.name && <small>{message.name}</small>}
        {label && label !== "Answer" && <small>{label}</small>}
        {message.finishReason && <small className={styles["reason"]} title="Why the model stopped">{message.finishReason}</small>}
        {text && <span className={styles["copy"]}><Copy value={text} label="Copy the text" size={14} /></span>}
      </header>
      <div className={styles["parts"]}>
        {message.parts.length === 0 && <p className={styles["empty"]}>Empty</p>}
        {parts.map((part, index) => <PartView key={index} part={part} role={message.role} toolNames={toolNames} />)}
        {more}
      </div>
    </article>
  );
}

function PartView({ part, role, toolNames }: { part: Part; role: Role; toolNames: ReadonlyMap<string, string> }) {
  switch (part.kind) {
    case "text":
      return <div className={styles["text"]}><LongText text={part.text} {...(role === "system" && { first: SYSTEM_FIRST })} /></div>;
    case "refusal":
      return <div className={styles["text"]}><small className={styles["tag"]}>Refusal</small><LongText text={part.text} /></div>;
    case "reasoning":
      return (
        <details className={styles["reasoning"]}>
          <summary>Reasoning <small>{formatBytes(part.text.length)}</small></summary>
          <LongText text={part.text} />
        </details>
      );
    case "tool_call":
      return (
        <div className={styles["card"]}>
          <div className={styles["cardHead"]}>
            <IconBolt size={14} stroke={1.8} aria-hidden />
            <span>Calls</span> <b title={part.name}>{part.name}</b>
            {part.id && <code title="Id of the call">{part.id}</code>}
            <Copy value={() => textOf(part.input)} label="Copy the arguments" size={13} />
          </div>
          <Value value={part.input} empty="No arguments" />
        </div>
      );
    case "tool_result": {
      const name = part.name || (toolNames.get(part.id) ?? "");
      return (
        <div className={styles["card"]}>
          <div className={styles["cardHead"]}>
            <IconTool size={14} stroke={1.8} aria-hidden />
            <span>Result</span> {name && <b title={name}>{name}</b>}
            {part.id && <code title="Id of the call">{part.id}</code>}
            <Copy value={() => textOf(part.output)} label="Copy the result" size={13} />
          </div>
          <Value value={part.output} empty="Empty" />
        </div>
      );
    }
    case "media":
      return <Media part={part} />;
    case "other":
      return (
        <div className={styles["card"]}>
          {part.type && <div className={styles["cardHead"]}><b title={part.type}>{part.type}</b></div>}
          <Value value={part.value} empty="Empty" />
        </div>
      );
  }
}

function Value({ value, empty }: { value: Json; empty: string }) {
  if (value === null || value === "") return <p className={styles["empty"]}>{empty}</p>;
  return <div className={styles["value"]}>{typeof value === "string" ? <LongText text={value} mono /> : <JsonView value={value} open={3} />}</div>;
}

/** Pixels from a payload are shown on demand only, and only such as can hold no script. */
const SHOWABLE = /^image\/(png|jpeg|jpg|gif|webp)$/;
const MOST_SHOWN = 8_000_000;

function Media({ part }: { part: Extract<Part, { kind: "media" }> }) {
  const [shown, setShown] = useState(false);
  const [broken, setBroken] = useState(false);
  const inline = part.source === "inline";
  const showable = inline && SHOWABLE.test(part.mime) && part.data.length <= MOST_SHOWN && /^[\w+/=-]+$/.test(part.data.slice(0, 200));
  const size = inline ? formatBytes(Math.floor((part.data.length * 3) / 4)) : "";
  const about = [part.modality, part.mime, size].filter(Boolean).join(" · ");
  return (
    <div className={styles["card"]} data-media>
      <div className={styles["cardHead"]}>
        {broken ? <IconPhotoOff size={15} stroke={1.7} aria-hidden /> : <IconPhoto size={15} stroke={1.7} aria-hidden />}
        <span>{about}</span>
        {showable && !broken && (
          <button type="button" className={styles["show"]} onClick={() => setShown(!shown)}>{shown ? "Hide" : "Show"}</button>
        )}
      </div>
      {!inline && part.data && (
        <div className={styles["value"]}>
          <p className={styles["address"]} dir="auto">{part.data.slice(0, 2_000)}</p>
          {part.source === "uri" && <small>Not loaded: addresses in payloads are never followed.</small>}
        </div>
      )}
      {broken && <p className={styles["empty"]}>The image can’t be shown: its data is damaged or cut short.</p>}
      {shown && !broken && <img src={`data:${part.mime};base64,${part.data}`} alt={`From the message: ${about}`} onError={() => setBroken(true)} />}
    </div>
  );
}
